/**
 * The page as `npm run dev` serves it, on the first start after an installation: packages are prepared while the page waits for them,
 * and in other builds than those that ship. A run has to come to its end there, too, without a reload in its middle.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { tinyRecipe } from './support/recipe.ts';
import { type DevSite, openDevSite } from './support/site.ts';
import { patience, startTraining, status } from './support/views.ts';

let browser: Browser;
let site: DevSite;
let cache: string;

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'ocelli-dev-'));
  browser = await openChromium();
  site = await openDevSite(cache);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  if (cache) await rm(cache, { recursive: true, force: true });
});

test('a first start: the page comes, trains to the end with report and download, and is never loaded twice', async () => {
  const context = await browser.newContext({ acceptDownloads: true });
  try {
    await context.addInitScript(
      (text) => localStorage.setItem('ocelli-recipe', text),
      tinyRecipe({ epochs: 2 }),
    );
    const page = await context.newPage();
    let loads = 0;
    page.on('load', () => loads++);
    await page.goto(site.url, patience);
    await page.waitForSelector('h1', patience);
    await startTraining(page);
    await status(page, 'finished');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download model' }).click();
    expect((await download).suggestedFilename()).toMatch(/^tiny-.*-model\.zip$/);
    expect(loads).toBe(1);
  } finally {
    await context.close();
  }
});
