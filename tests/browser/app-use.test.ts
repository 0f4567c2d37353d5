/**
 * The app in use: pictures that a model is shown by every way there is, dropped, chosen, pasted, by address, from the camera; and the
 * whole way from Train to the download by keys alone.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { dropPaths, type Host, hostOf, picture, shortRecipe } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { layoutShift } from './support/shifts.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage | undefined;
let scratch: string;
let host: Host;
const served = new Map<string, Uint8Array>();

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-use-'));
  browser = await openChromium({
    more: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  host = await hostOf(served);
});

afterAll(async () => {
  await browser?.close();
  host?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function open(view: string, options: Parameters<typeof openAppPage>[1] = {}): Promise<Page> {
  opened = await openAppPage(browser, options);
  await show(opened.page, view);
  return opened.page;
}

test('try: pictures that are dropped, chosen, pasted or named, and what is none', async () => {
  const page = await open('try', { permissions: ['clipboard-read', 'clipboard-write'] });
  const shown = (name: string) => page.locator('.try-result', { hasText: name });
  const path = join(scratch, 'one.png');
  await writeFile(path, await picture(3, 96));
  await dropPaths(page, '.drop-zone', [path]);
  await shown('one.png').locator('.try-labels').waitFor(patience);
  await page
    .locator('input[type=file][accept="image/*"]')
    .setInputFiles({ name: 'two.png', mimeType: 'image/png', buffer: Buffer.from(await picture(4, 96)) });
  await shown('two.png').locator('.try-labels').waitFor(patience);

  await page.evaluate(
    async (text) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const item = new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) });
      await navigator.clipboard.write([item]);
    },
    Buffer.from(await picture(5, 96)).toString('base64'),
  );
  await page.locator('main h1').click();
  await page.keyboard.press('Control+v');
  await shown('image.png').locator('.try-labels').waitFor(patience);

  await page.evaluate(() => navigator.clipboard.writeText('just words'));
  await page.keyboard.press('Control+v');
  await shown('what was pasted').getByText('copy the picture itself').waitFor();

  const { port } = host;
  served.set('/three.png', await picture(6, 96));
  await page.evaluate((text) => navigator.clipboard.writeText(text), `http://127.0.0.1:${port}/three.png`);
  await page.keyboard.press('Control+v');
  await shown('three.png').locator('.try-labels').waitFor(patience);
  // In a field, words are words.
  await page.getByLabel('Address of a picture').click();
  await page.keyboard.press('Control+v');
  expect(await page.getByLabel('Address of a picture').inputValue()).toContain('three.png');
  await expect.poll(() => page.locator('.try-result').count()).toBe(5);
  await photograph(opened!, 'inputs-try');
  expect(await accessibilityProblems(opened!)).toEqual([]);
});

test('try: the camera, and one that may not be used', async () => {
  const page = await open('try', { permissions: ['camera'] });
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.getByText(/pictures\/s/).waitFor(patience);
  await page.locator('.try-camera .try-labels').waitFor();
  await page.getByRole('button', { name: 'Stop the camera' }).click();
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));
  });
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.getByText('allow it in the browser’s address bar').waitFor();
});

/** The element with the focus: what it is called, and whether its outline can be seen. */
const focused = (page: Page): Promise<{ name: string; outlined: boolean }> =>
  page.evaluate(() => {
    const element = document.activeElement!;
    // Segments of a choice: the outline is that of the words.
    const seen = element.matches('.choice input') ? element.nextElementSibling! : element;
    const { outlineStyle, outlineWidth } = getComputedStyle(seen);
    return {
      name: (element.getAttribute('aria-label') ?? element.textContent ?? '').trim(),
      outlined: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1,
    };
  });

async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const at = await focused(page);
    expect(at.outlined, `${at.name || 'an element without words'} has no visible focus`).toBe(true);
    if (at.name === name) return;
    passed.push(at.name);
  }
  throw new Error(`Tab does not come to ${name}, only to ${passed.join(', ')}`);
}

test('by keys alone: train, follow, download; the focus is seen, what happens is told, nothing jumps', async () => {
  const page = await open('train', { recipe: shortRecipe, acceptDownloads: true });
  await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
  await tabTo(page, 'Train');
  // The navigation comes first; its first link is called so, too.
  if ((await page.evaluate(() => document.activeElement!.tagName)) === 'A') await tabTo(page, 'Train');
  await page.keyboard.press('Enter');
  const told = page.locator('main [role=status]').first();
  await expect.poll(() => told.textContent(), patience).toMatch(/Epoch \d|Finished/);
  await expect.poll(() => told.textContent(), patience).toBe('Finished');
  expect((await focused(page)).name).toBe('short');
  await tabTo(page, 'Download model');
  const download = page.waitForEvent('download');
  await page.keyboard.press('Enter');
  expect((await download).suggestedFilename()).toMatch(/-model\.zip$/);

  const moved = await layoutShift(page);
  console.log(`cumulative layout shift from the first visit to the download: ${moved.toFixed(4)}`);
  expect(moved).toBeLessThan(0.02);

  // A dialog keeps the focus, Escape gives it back to where it was.
  await show(page, 'runs');
  const remove = page.getByRole('button', { name: /^Remove short/ });
  await remove.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('Tab');
    const outside = await page.evaluate(
      () => document.activeElement !== document.body && !document.activeElement!.closest('dialog'),
    );
    expect(outside).toBe(false);
  }
  await page.keyboard.press('Escape');
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  expect((await focused(page)).name).toMatch(/^Remove short/);
});
