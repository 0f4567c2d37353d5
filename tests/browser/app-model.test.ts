/** What a trained model gets wrong, and what it says about new pictures. The run is real and short. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { dropPaths, onDisk } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { figuresRecipe, scoresShown, shapePicture, train, valImages } from './support/runs.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage;
let page: Page;
let run: string;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-model-'));
  browser = await openChromium({
    more: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  opened = await openAppPage(browser, { permissions: ['camera'] });
  page = opened.page;
  run = await train(page, figuresRecipe());
});

afterAll(async () => {
  await opened?.close();
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

test('errors: the confusion matrix counts every image, and a click shows its pictures', async () => {
  await show(page, `errors?run=${run}`);
  const cells = page.locator('.confusion-cell');
  await cells.first().waitFor();
  const counts = (await cells.allInnerTexts()).map((text) => (text === '·' ? 0 : Number(text)));
  expect(counts).toHaveLength(16);
  expect(counts.reduce((sum, count) => sum + count)).toBe(valImages);

  const cell = page.locator('button.confusion-cell.wrong').first();
  const label = (await cell.getAttribute('aria-label'))!;
  const [, count, truth, said] = /^(\d+) of (\w+) taken for (\w+)$/.exec(label)!;
  await cell.click();
  await page.getByRole('heading', { name: `${truth} taken for ${said}` }).waitFor();
  const cards = page.locator('.errors-picture');
  await expect.poll(() => cards.count()).toBe(Number(count));
  await cards.first().locator('img').waitFor();
  for (const text of await cards.allInnerTexts()) {
    expect(text).toContain(said);
    expect(text).toContain(`is ${truth}`);
  }
  const losses = (await cards.allInnerTexts()).map((text) => Number(/loss ([\d.]+)/.exec(text)![1]));
  expect(losses).toEqual(losses.toSorted((a, b) => b - a));
  await photograph(opened, 'errors');
  expect(await accessibilityProblems(opened)).toEqual([]);
});

test('try: a dropped picture is classified, a broken one says so, the camera is live', async () => {
  const folder = await onDisk(scratch, 'pictures', {
    'dropped.png': await shapePicture(2),
    'meanwhile.png': await shapePicture(1),
    'broken.png': new TextEncoder().encode('no picture at all'),
  });
  const drop = (...names: readonly string[]) =>
    dropPaths(
      page,
      '.drop-zone',
      names.map((name) => join(folder, name)),
    );
  await show(page, `try?run=${run}`);
  await drop('dropped.png', 'broken.png');
  const scores = await scoresShown(page, 'dropped.png');
  expect(Object.keys(scores).sort()).toEqual(['circle', 'cross', 'star', 'triangle']);
  expect(Object.values(scores).reduce((sum, score) => sum + score)).toBeGreaterThan(97);
  const broken = page.locator('.try-result.failed', { hasText: 'broken.png' });
  await broken.waitFor();
  expect(await broken.textContent()).toContain('replace or remove the picture');
  expect(await page.locator('.try-result', { hasText: 'dropped.png' }).textContent()).toMatch(
    /ms · onnxruntime on/,
  );

  // The preview server answers with the app's page whatever is asked for.
  await page.getByLabel('Address of a picture').fill(`${inject('appUrl')}nowhere.png`);
  await page.getByRole('button', { name: 'Fetch' }).click();
  await page.locator('.try-result.failed', { hasText: 'received a page' }).waitFor();

  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.getByText(/pictures\/s/).waitFor(patience);
  await drop('meanwhile.png');
  expect(Object.keys(await scoresShown(page, 'meanwhile.png'))).toHaveLength(4);
  await photograph(opened, 'try');
  expect(await accessibilityProblems(opened)).toEqual([]);
  await page.getByRole('button', { name: 'Stop the camera' }).click();
  await expect.poll(() => page.locator('video').count()).toBe(0);
});
