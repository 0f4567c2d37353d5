/** A connection that is lost in the middle of a run: the run ends whole, and every view is there. */
import type { Browser, Request } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { shortRecipe } from './support/inputs.ts';
import { openAppPage, patience, show, startTraining, status } from './support/views.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
});

test('a run that began with a connection trains, exports and is downloaded without one', async () => {
  const opened = await openAppPage(browser, {
    // Long enough to be paused, whatever the machine.
    recipe: shortRecipe.replace('max_epochs: 1', 'max_epochs: 20'),
    acceptDownloads: true,
  });
  const { page, context } = opened;
  const underWay = new Set<Request>();
  context.on('request', (request) => void underWay.add(request));
  context.on('requestfinished', (request) => void underWay.delete(request));
  context.on('requestfailed', (request) => void underWay.delete(request));
  const runtime = page.waitForResponse(/ort-wasm-.*\.wasm/, patience);
  const lastView = page.waitForResponse(/\/device-.*\.js/, patience);
  await startTraining(page);
  await status(page, 'running');
  await page.getByRole('button', { name: 'Pause' }).click();
  await status(page, 'paused');
  await (await runtime).finished();
  await (await lastView).finished();
  // What a view's code brings along is asked for together with it.
  await expect.poll(() => [...underWay].map((request) => request.url())).toEqual([]);
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Go on' }).click();
  await status(page, 'finished');
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download model' }).click();
  expect((await saved).suggestedFilename()).toMatch(/-model\.zip$/);
  for (const view of ['data', 'model', 'recipe', 'runs', 'errors', 'try', 'export', 'device']) {
    await show(page, view);
  }
  expect(await page.getByText('did not come').count()).toBe(0);
  await opened.close();
});
