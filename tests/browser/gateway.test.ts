/**
 * A page that comes from a gateway trains on a volume of a workspace, in Chromium: by signed addresses straight from
 * the S3 server, through the gateway when the bucket's CORS rule is gone, with the same losses; and its results go back
 * to a volume. No token and no address is left in the page's storage.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { type OpenedPage, openPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { findKept, keepEverywhere } from './support/secrets.ts';
import { openVolumeGateway, type VolumeGateway } from './support/volume-gateway.ts';

let volume: VolumeGateway;
let browser: Browser;
let recipe: string;
beforeAll(async () => {
  volume = await openVolumeGateway('page', { writable: true });
  recipe = tinyRecipe({ epochs: 2 })
    .replace(/train_data_path: .*/, `train_data_path: ${volume.place}/train`)
    .replace(/val_data_path: .*/, `val_data_path: ${volume.place}/val`);
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await volume?.close();
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

test('by signed addresses, and by bytes without the CORS rule: the same losses', async () => {
  const { place, s3, workspace, gateway, log } = volume;
  await s3.allowOrigins('workspace', [gateway.url]);
  const direct = await openPage(browser, `${gateway.url}/`);
  const first = await trainInPage(direct);
  expect(first.losses).toHaveLength(4);
  expect(volume.passed()).toBe(0);

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
  log.length = 0;
  const indirect = await openPage(browser, `${gateway.url}/`);
  const second = await trainInPage(indirect);
  expect(second.losses).toEqual(first.losses);
  expect(volume.passed()).toBeGreaterThanOrEqual(24);
  await indirect.close();
});

test('a page from elsewhere finds no gateway', async () => {
  const opened = await openPage(browser);
  expect(await opened.page.evaluate(() => window.ocelli.connectGateway())).toBeUndefined();
  expect(
    await opened.page.evaluate((url) => window.ocelli.connectGateway(url), volume.gateway.url),
  ).toBeUndefined();
  await opened.close();
});
