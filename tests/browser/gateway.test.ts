/**
 * A page that comes from a gateway trains on a volume of a workspace, in Chromium: by signed addresses straight from
 * the S3 server, through the gateway when the bucket's CORS rule is gone, with the same losses; and its results go back
 * to a volume. No token and no address is left in the page's storage.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { generateSampleDataset } from '../../src/data/index.ts';
import { type Gateway, type LogEntry, startGateway } from '../../src/gateway/index.ts';
import { DatabricksDouble } from '../support/databricks-double/index.ts';
import { S3Server } from '../support/seaweed.ts';
import { openChromium } from './support/chromium.ts';
import { type OpenedPage, openPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { findKept, keepEverywhere } from './support/secrets.ts';
import { builtFolder } from './support/site.ts';

const place = '/Volumes/main/default/shapes';
let folder: string;
let s3: S3Server;
let workspace: DatabricksDouble;
let gateway: Gateway;
let browser: Browser;
let log: LogEntry[] = [];
let recipe: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-page-gateway-'));
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
  for (const [name, value] of Object.entries(workspace.environment)) vi.stubEnv(name, value);
  const settings = { size: 32, classes: 3, images: { train: 16, val: 8 } };
  await generateSampleDataset({ ...settings, out: folder, layout: 'folder' });
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of names.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    await workspace.put(`${place}/${path.slice(folder.length + 1)}`, new Uint8Array(await readFile(path)));
  }
  recipe = tinyRecipe({ epochs: 2 })
    .replace(/train_data_path: .*/, `train_data_path: ${place}/train`)
    .replace(/val_data_path: .*/, `val_data_path: ${place}/val`);
  gateway = await startGateway({
    volumes: [
      { place, write: false },
      { place: `${place}-results`, write: true },
    ],
    // What `setup.ts` has built.
    page: builtFolder('page'),
    port: 0,
    log: (entry) => log.push(entry),
  });
  browser = await openChromium();
}, 180_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await browser?.close();
  await gateway?.close();
  await workspace?.dispose();
  await s3?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Trains in a fresh page; gives back the losses and the run. */
async function trainInPage(opened: OpenedPage): Promise<{ losses: number[]; run: string }> {
  const { page } = opened;
  await page.evaluate(async (text) => {
    const found = await window.ocelli.connectGateway();
    if (!found) throw new Error('no gateway');
    window.ocelli.client.configure(found.environment);
    window.ocelli.start({ recipe: text, device: 'wasm' });
  }, recipe);
  const outcome = await page.evaluate(() => window.ocelli.ended());
  if (!('value' in outcome)) throw new Error(JSON.stringify(outcome.error));
  const events = await page.evaluate(() => window.ocelli.events);
  return {
    losses: events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])),
    run: outcome.value.run,
  };
}

const passed = (): number =>
  log.filter(({ route, method }) => route === '/gw/bytes' && method === 'GET').length;

test('by signed addresses, and by bytes without the CORS rule: the same losses', async () => {
  await s3.allowOrigins('workspace', [gateway.url]);
  const direct = await openPage(browser, `${gateway.url}/`);
  const first = await trainInPage(direct);
  expect(first.losses).toHaveLength(4);
  expect(passed()).toBe(0);

  const saved = await direct.page.evaluate(
    ([run, to]) => window.ocelli.client.worker.saveTo(`${run}/model`, `${to}/model`),
    [first.run, `${place}-results`] as const,
  );
  expect(saved.files).toBeGreaterThan(3);
  const config = await s3.stored('workspace', 'main/default/shapes-results/model/config.json');
  expect(JSON.parse(new TextDecoder().decode(config))).toMatchObject({ model_type: 'vit' });
  const listing = await direct.page.evaluate(
    (to) => window.ocelli.client.worker.listPlace(to, 2),
    `${place}-results/model`,
  );
  expect(listing).toMatchObject({ more: true, entries: [{ path: 'MLmodel' }, expect.anything()] });
  const secrets = ['X-Amz-', 'Signature=', workspace.token, s3.secretAccessKey];
  const kept = await findKept(direct.page, secrets);
  expect(kept.found).toEqual([]);
  // Pictures, events, checkpoints, the model.
  expect(kept.files).toBeGreaterThan(40);
  expect(kept.records).toBeGreaterThan(0);
  const events = await direct.page.evaluate(
    (path) => window.ocelli.base64(path),
    `${first.run}/events.jsonl`,
  );
  for (const text of [Buffer.from(events, 'base64').toString(), JSON.stringify(log)]) {
    expect(text).not.toMatch(/X-Amz|Signature/);
    expect(text).not.toContain(workspace.token);
  }
  // The search finds what is there.
  await keepEverywhere(direct.page, workspace.token);
  expect([...(await findKept(direct.page, secrets)).found].sort()).toEqual([
    'caches planted',
    'indexedDB planted/all',
    'localStorage',
    'opfs /plain',
    'opfs /planted/deeper/wide',
    'sessionStorage',
  ]);
  await direct.close();

  await s3.forbidOrigins('workspace');
  log = [];
  const indirect = await openPage(browser, `${gateway.url}/`);
  const second = await trainInPage(indirect);
  expect(second.losses).toEqual(first.losses);
  expect(passed()).toBeGreaterThanOrEqual(24);
  await indirect.close();
});

test('a page from elsewhere finds no gateway', async () => {
  const opened = await openPage(browser);
  expect(await opened.page.evaluate(() => window.ocelli.connectGateway())).toBeUndefined();
  expect(await opened.page.evaluate((url) => window.ocelli.connectGateway(url), gateway.url)).toBeUndefined();
  await opened.close();
});
