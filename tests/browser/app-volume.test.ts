/**
 * The app as a gateway serves it, on a volume of a workspace whose bytes lie in a real S3 server: it trains by signed
 * addresses straight from that server and, without the bucket's CORS rule, by bytes through the gateway, with the same losses.
 * The browser keeps no token and no address. What happens to the results is in app-gateway.test.ts.
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
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { findKept } from './support/secrets.ts';
import { builtFolder } from './support/site.ts';
import { openAppPage, patience, show, startTraining, status } from './support/views.ts';

const place = '/Volumes/main/default/shapes';
let folder: string;
let s3: S3Server;
let workspace: DatabricksDouble;
let gateway: Gateway;
let browser: Browser;
let log: LogEntry[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-app-gateway-'));
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
  for (const [name, value] of Object.entries(workspace.environment)) vi.stubEnv(name, value);
  const settings = { size: 32, classes: 3, images: { train: 16, val: 8 } };
  await generateSampleDataset({ ...settings, out: folder, layout: 'folder' });
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await workspace.put(`${place}/${path.slice(folder.length + 1)}`, new Uint8Array(await readFile(path)));
  }
  gateway = await startGateway({
    volumes: [{ place, write: false }],
    // What `setup.ts` has built.
    page: builtFolder('app'),
    port: 0,
    log: (entry) => log.push(entry),
  });
  browser = await openChromium();
}, 240_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await browser?.close();
  await gateway?.close();
  await workspace?.dispose();
  await s3?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const passed = (): number =>
  log.filter(({ route, method }) => route === '/gw/bytes' && method === 'GET').length;

/** Chooses the volume in a fresh page, trains on it, and gives back the losses of the steps. */
async function trainOnVolume(opened: OpenedPage): Promise<number[]> {
  const { page } = opened;
  await show(page, 'data');
  await page.getByLabel('Folder', { exact: true }).fill(place);
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  await page.getByText(`${place}: training and validation pictures were found`).waitFor(patience);
  await show(page, 'train');
  await startTraining(page);
  await status(page, 'finished');
  const events = await page.evaluate(async () => {
    const texts: string[] = [];
    const walk = async (at: FileSystemDirectoryHandle): Promise<void> => {
      for await (const [name, handle] of at.entries()) {
        if (handle.kind === 'directory') await walk(handle as FileSystemDirectoryHandle);
        else if (name === 'events.jsonl')
          texts.push(await (await (handle as FileSystemFileHandle).getFile()).text());
      }
    };
    await walk(await navigator.storage.getDirectory());
    return texts;
  });
  expect(events).toHaveLength(1);
  const found = events[0]!
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; loss: number });
  return found.filter(({ type }) => type === 'step').map(({ loss }) => loss);
}

test('trains on a volume by signed addresses, and by bytes without the CORS rule: the same losses', async () => {
  await s3.allowOrigins('workspace', [gateway.url]);
  log = [];
  const opened = await openAppPage(browser, { recipe: tinyRecipe({ epochs: 2 }), url: `${gateway.url}/` });
  const direct = await trainOnVolume(opened);
  expect(direct).toHaveLength(4);
  expect(log.filter(({ route }) => route === '/gw/sign').length).toBeGreaterThan(0);
  expect(passed()).toBe(0);

  const secrets = ['X-Amz-', 'Signature=', workspace.token, s3.secretAccessKey];
  const kept = await findKept(opened.page, secrets);
  expect(kept.found).toEqual([]);
  expect(kept.files).toBeGreaterThan(20);
  await opened.close();

  await s3.forbidOrigins('workspace');
  log = [];
  const second = await openAppPage(browser, { recipe: tinyRecipe({ epochs: 2 }), url: `${gateway.url}/` });
  expect(await trainOnVolume(second)).toEqual(direct);
  expect(passed()).toBeGreaterThanOrEqual(24);
  expect((await findKept(second.page, secrets)).found).toEqual([]);
  await second.close();
  expect(JSON.stringify(log)).not.toMatch(/X-Amz|Signature/);
}, 300_000);
