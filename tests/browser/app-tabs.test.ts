/** Two tabs of one browser: what happens to a run in one of them is seen in the other. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
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

test('a run that ends in one tab is in the list of the other, and one that is removed is gone from its views', async () => {
  const opened = await openAppPage(browser, { recipe: shortRecipe });
  const { page, context } = opened;
  const other = await context.newPage();
  await other.goto(`${inject('appUrl')}#/errors`);
  await other.getByText('No run to look into yet').waitFor(patience);
  await startTraining(page);
  await status(page, 'finished');
  await other.locator('main select').first().waitFor(patience);
  expect(await other.locator('main select').first().inputValue()).toMatch(/^\/runs\/short-/);

  await show(page, 'runs');
  await page
    .getByRole('button', { name: /^Remove/ })
    .first()
    .click();
  await page.locator('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await other.getByText('No run to look into yet').waitFor(patience);
  expect(await other.locator('.notice').count()).toBe(0);
  await opened.close();
});

test('an address of a run that is not here shows another one, and says so; a long name breaks', async () => {
  const name =
    'a name of many words, such as people give to what they try in the night 0123456789012345678901234567';
  const opened = await openAppPage(browser, {
    recipe: shortRecipe.replace('run_name: short', `run_name: ${name}`),
  });
  const { page } = opened;
  await startTraining(page);
  await status(page, 'finished');
  await show(page, 'errors?run=/runs/of-another-browser');
  await page.getByText('The run that was asked for is not in this browser any more').waitFor(patience);
  await show(page, 'runs');
  await page.getByText('time of the steps').waitFor(patience);
  const hidden = await page
    .locator('.table-frame')
    .evaluateAll((frames) => frames.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
  expect(hidden.length).toBeGreaterThan(1);
  expect(Math.max(...hidden), 'what stands beside the name is out of sight').toBeLessThanOrEqual(0);
  await opened.close();
});

test('with the colours of the system, what is switched on and chosen is seen', async () => {
  const opened = await openAppPage(browser, { recipe: shortRecipe, forcedColors: 'active' });
  const { page } = opened;
  await show(page, 'recipe');
  const looks = (selector: string, property: string): Promise<string> =>
    page
      .locator(selector)
      .first()
      .evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), property);
  expect(await looks('.switch', 'appearance')).toBe('auto');
  await show(page, 'data');
  await page
    .locator('.choice input:checked')
    .first()
    .waitFor({ ...patience, state: 'attached' });
  expect(await looks('.choice input:checked + span', 'background-color')).not.toBe(
    await looks('.choice input:not(:checked) + span', 'background-color'),
  );
  await opened.close();
});
