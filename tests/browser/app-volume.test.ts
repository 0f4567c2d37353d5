/**
 * The app as a gateway serves it, on a volume of a workspace whose bytes lie in a real S3 server: it trains by signed
 * addresses straight from that server and, without the bucket's CORS rule, by bytes through the gateway, with the same losses.
 * The browser keeps no token and no address. What happens to the results is in app-gateway.test.ts.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { findKept } from './support/secrets.ts';
import { openAppPage, patience, show, startTraining, status } from './support/views.ts';
import { openVolumeGateway, type VolumeGateway } from './support/volume-gateway.ts';

let volume: VolumeGateway;
let browser: Browser;
beforeAll(async () => {
  volume = await openVolumeGateway('app');
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await volume?.close();
});

/** Chooses the volume in a fresh page, trains on it, and gives back the losses of the steps. */
async function trainOnVolume(opened: OpenedPage): Promise<number[]> {
  const { page } = opened;
  await show(page, 'data');
  await page.getByLabel('Folder', { exact: true }).fill(volume.place);
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  await page.getByText(`${volume.place}: training and validation pictures were found`).waitFor(patience);
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
  const { s3, workspace, gateway, log } = volume;
  await s3.allowOrigins('workspace', [gateway.url]);
  const opened = await openAppPage(browser, { recipe: tinyRecipe({ epochs: 2 }), url: `${gateway.url}/` });
  const direct = await trainOnVolume(opened);
  expect(direct).toHaveLength(4);
  expect(log.filter(({ route }) => route === '/gw/sign').length).toBeGreaterThan(0);
  expect(volume.passed()).toBe(0);

  const secrets = ['X-Amz-', 'Signature=', workspace.token, s3.secretAccessKey];
  const kept = await findKept(opened.page, secrets);
  expect(kept.found).toEqual([]);
  expect(kept.files).toBeGreaterThan(20);
  await opened.close();

  await s3.forbidOrigins('workspace');
  log.length = 0;
  const second = await openAppPage(browser, { recipe: tinyRecipe({ epochs: 2 }), url: `${gateway.url}/` });
  expect(await trainOnVolume(second)).toEqual(direct);
  expect(volume.passed()).toBeGreaterThanOrEqual(24);
  expect((await findKept(second.page, secrets)).found).toEqual([]);
  await second.close();
  expect(JSON.stringify(log)).not.toMatch(/X-Amz|Signature/);
});
