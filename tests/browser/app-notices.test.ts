/**
 * Notices of the app: what is known on arrival stands above the view, on a phone in two lines; what comes later lies over the view, is
 * told to screen readers, reached and put away by keys, and stays in the list of notices.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { layoutShift } from './support/shifts.ts';
import { limitStorage } from './support/storage.ts';
import {
  accessibilityProblems,
  openAppPage,
  patience,
  photograph,
  show,
  startTraining,
  status,
} from './support/views.ts';

let browser: Browser;
let opened: OpenedPage | undefined;

beforeAll(async () => {
  browser = await openChromium({ webgpu: false });
});

afterAll(async () => {
  await browser?.close();
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

const noWebgpu = 'No WebGPU: training runs on the processor';

test('on a phone the notice about WebGPU takes two lines, and says the rest when it is asked', async () => {
  opened = await openAppPage(browser, { viewport: { width: 360, height: 740 } });
  const { page } = opened;
  const notice = page.locator('.notice', { hasText: noWebgpu });
  await notice.waitFor();
  expect((await notice.boundingBox())!.height).toBeLessThan(75);
  const rest = notice.getByText('hardware acceleration switched on');
  expect(await rest.isVisible()).toBe(false);
  // The first thing to do is in sight.
  const train = (await page.getByRole('button', { name: 'Train', exact: true }).boundingBox())!;
  expect(train.y + train.height).toBeLessThan(740);
  expect(await accessibilityProblems(opened)).toEqual([]);
  await photograph(opened, 'no-webgpu-360');
  const toggle = notice.getByRole('button', { name: /^Details/ });
  expect(await toggle.getAttribute('aria-expanded')).toBe('false');
  await toggle.focus();
  await page.keyboard.press('Enter');
  await rest.waitFor();
  expect(await notice.getByRole('button', { name: /^Less/ }).getAttribute('aria-expanded')).toBe('true');
  await photograph(opened, 'no-webgpu-360-open');
});

test('on a wide screen it says at once what to do', async () => {
  opened = await openAppPage(browser);
  const notice = opened.page.locator('.notice', { hasText: noWebgpu });
  await notice.getByText('hardware acceleration switched on').waitFor();
  expect(await notice.getByRole('button', { name: /^Details/ }).isVisible()).toBe(false);
  await photograph(opened, 'no-webgpu-1280');
});

/** Trains until the disk is full, in a window of this size. */
async function fullDisk(width: number, height: number): Promise<{ page: Page; lift(): Promise<void> }> {
  opened = await openAppPage(browser, {
    recipe: tinyRecipe({ epochs: 5000 }),
    viewport: { width, height },
  });
  const { page } = opened;
  await startTraining(page);
  await page.getByText('Last checkpoint').waitFor(patience);
  const { lift } = await limitStorage(opened, page);
  await status(page, 'failed');
  await page.locator('.tray .notice.error').waitFor(patience);
  return { page, lift };
}

test.each([
  [360, 740],
  [1280, 900],
])(
  'a failure at %i × %i lies over the view, is told, and is reached by keys; nothing moves',
  async (width, height) => {
    const { page, lift } = await fullDisk(width, height);
    await page.waitForTimeout(1000);
    expect(await layoutShift(page)).toBeLessThan(0.02);
    const failure = page.locator('.tray .notice.error');
    expect(await failure.evaluate((element) => element.closest('[role=alert]') !== null)).toBe(true);
    await accessible();
    await photograph(opened!, `tray-${width}`);

    // Whatever the tray lies over can be scrolled above it.
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    const covered = async (): Promise<number> => {
      const end = (await page.locator('main .card').last().boundingBox())!;
      return end.y + end.height - (await failure.boundingBox())!.y;
    };
    await expect.poll(covered).toBeLessThanOrEqual(0);
    await page.evaluate(() => scrollTo(0, 0));

    // By keys: the second link of the page leads to it.
    await page.locator('.skip').first().focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('tray');
    await page.keyboard.press('Tab');
    const toggle = await page.evaluate(() => document.activeElement?.getAttribute('aria-expanded'));
    expect(toggle).toBe('false');
    await page.keyboard.press('Enter');
    await failure.locator('.notice-why').first().waitFor();
    await photograph(opened!, `tray-${width}-open`);

    // Put away it is in the list, and its remedies work from there.
    await failure.getByRole('button', { name: /^Dismiss/ }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.tray .notice').count()).toBe(0);
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('Notices: 2');
    await page.keyboard.press('Enter');
    const list = page.getByRole('dialog', { name: 'Notices' });
    await list.getByText('The browser’s storage is full').waitFor();
    await list.getByText(noWebgpu).waitFor();
    await accessible();
    await photograph(opened!, `notices-${width}`);
    await lift();
    await list.getByRole('button', { name: 'Resume from the checkpoint' }).click();
    await status(page, 'running');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await expect.poll(() => page.getByText('The browser’s storage is full').count()).toBe(0);
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await status(page, 'stopped');
  },
);

async function accessible(): Promise<void> {
  expect(await accessibilityProblems(opened!)).toEqual([]);
}

test('what gets the focus is not below the tray', async () => {
  const { page, lift } = await fullDisk(1280, 700);
  await show(page, 'recipe');
  await page.locator('.cm-content').waitFor();
  await lift();
  const hidden: string[] = [];
  await page.locator('main h1').focus();
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press('Tab');
    const below = await page.evaluate(() => {
      const element = document.activeElement!;
      if (!element.closest('main') || element.closest('.cm-editor')) return undefined;
      const { left, top, width, height } = element.getBoundingClientRect();
      const at = document.elementFromPoint(left + width / 2, top + height / 2);
      return at?.closest('.tray .notice') ? (element.getAttribute('id') ?? element.textContent) : undefined;
    });
    if (below) hidden.push(below);
  }
  expect(hidden).toEqual([]);
});
