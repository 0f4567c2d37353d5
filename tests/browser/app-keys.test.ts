/**
 * By keys alone: whatever is pressed, the focus stays with what was pressed, goes to the heading of the part that it changed, or to that
 * of the view that it opened. On the page's body it would be lost: nothing is read out, and the next Tab begins at the top.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { shortRecipe } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { openAppPage, show, status } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage | undefined;

beforeAll(async () => {
  browser = await openChromium({ webgpu: false });
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

afterAll(async () => {
  await browser?.close();
});

async function open(recipe: string): Promise<Page> {
  opened = await openAppPage(browser, { recipe });
  return opened.page;
}

/** The element with the focus and its words, as in `BUTTON Pause`. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => `${document.activeElement!.tagName} ${document.activeElement!.textContent!.trim()}`);

/** From now on: what has the focus, one after the other, however short; between two looks some of it would go unseen. */
async function followFocus(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const passed: string[] = [];
    const note = (): void => {
      const { tagName, textContent } = document.activeElement!;
      const now = `${tagName} ${tagName === 'BODY' ? '' : textContent!.trim()}`;
      if (passed.at(-1) !== now) passed.push(now);
    };
    note();
    document.addEventListener('focusin', note);
    // After those of the page, which save a focus that is lost.
    new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
    Object.assign(window, { passed });
  });
  return () => page.evaluate(() => (window as unknown as { passed: string[] }).passed.splice(0));
}

async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).focus();
  await page.keyboard.press('Enter');
}

test('pausing, going on and stopping: the focus stays on the button, and goes to the run’s heading where that is gone', async () => {
  const page = await open(shortRecipe.replace('max_epochs: 1', 'max_epochs: 400'));
  await press(page, 'Train');
  await status(page, 'running');
  await expect.poll(() => focused(page)).toBe('H1 short');
  await press(page, 'Pause');
  await status(page, 'paused');
  await expect.poll(() => focused(page)).toBe('BUTTON Go on');
  await page.keyboard.press('Enter');
  await status(page, 'running');
  await expect.poll(() => focused(page)).toBe('BUTTON Pause');
  const passed = await followFocus(page);
  await press(page, 'Stop');
  await status(page, 'stopped');
  await expect.poll(() => focused(page)).toBe('H1 short');
  expect(await passed()).toEqual(['BUTTON Pause', 'BUTTON Stop', 'H1 short']);
  await press(page, 'Resume');
  await status(page, 'running');
  await expect.poll(() => focused(page)).toBe('H1 short');
});

test('another view takes the focus to its heading; what is chosen or put away, to that of its part', async () => {
  const page = await open(shortRecipe);
  await page.getByRole('link', { name: 'Model', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('H1 Model');
  await press(page, 'Choose Random weights');
  await expect.poll(() => focused(page)).toBe('H2 Comes with this page');

  await show(page, 'data');
  await expect.poll(() => focused(page)).toBe('H1 Data');
  await page.getByLabel('Or an address').fill('http://127.0.0.1:9/nobody.zip');
  await press(page, 'Fetch');
  await page.locator('main [role=alert]').getByText('nobody.zip').waitFor();
  expect(await focused(page)).toBe('BUTTON Fetch');
  const dismiss = page.locator('main [role=alert] button[aria-label^=Dismiss]');
  await dismiss.focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('H2 Your pictures');
});

test('a run that is over before its first predictions says that none will come', async () => {
  const page = await open(
    shortRecipe.replace('max_epochs: 1', 'max_epochs: 1\n  max_steps: 1').replace('images=64', 'images=16'),
  );
  await press(page, 'Train');
  await status(page, 'finished');
  const lead = page.locator('.predictions');
  await expect.poll(() => lead.textContent()).not.toContain('They appear after');
});
