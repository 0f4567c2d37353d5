/**
 * What a page says to somebody who comes back: a run that was interrupted, folders that were picked on another visit, an address
 * that was cut off; and that it stands still while it says so.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChromium } from './support/chromium.ts';
import { dropPaths, picture } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { layoutShift } from './support/shifts.ts';
import { openAppPage, patience, photograph, startTraining, status } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage | undefined;
let scratch: string;

beforeAll(async () => {
  // Without an adapter: two notices on arrival, not one.
  browser = await openChromium({ webgpu: false });
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-visits-'));
});

afterAll(async () => {
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

test('a page that finds a run stands still, and a run that was resumed and closed at once is found with its checkpoint', async () => {
  const recipe = tinyRecipe({ epochs: 20 }).replace('images=16', 'images=4000');
  opened = await openAppPage(browser, { recipe, viewport: { width: 360, height: 740 } });
  const { page } = opened;
  await startTraining(page);
  await status(page, 'running');
  await page.getByRole('button', { name: 'Pause' }).click();
  await status(page, 'paused');
  for (let visit = 0; visit < 2; visit++) {
    await page.reload();
    await page.getByText('was interrupted at step').waitFor(patience);
    await page.waitForTimeout(1000);
    expect(await layoutShift(page)).toBeLessThan(0.02);
    await page.getByRole('button', { name: 'Resume' }).first().click();
    await status(page, 'running');
  }
  await photograph(opened, 'resumed-phone');
});

test('a folder of another visit has to be chosen again, and is read when it is', async () => {
  const folder = join(scratch, 'mine');
  for (let i = 0; i < 20; i++) {
    const inside = join(folder, ['round', 'crossed'][i % 2]!);
    await mkdir(inside, { recursive: true });
    await writeFile(join(inside, `${i}.png`), await picture(i));
  }
  opened = await openAppPage(browser);
  const { page } = opened;
  const show = (view: string) => page.getByRole('link', { name: view, exact: true }).first().click();
  await show('Data');
  await dropPaths(page, '.drop-zone', [folder]);
  await page.getByText('1 to 12 of 16').waitFor(patience);
  await page.reload();
  const again = page.locator('main .notice', { hasText: 'The pictures have to be chosen again' });
  await again.getByText('choose “mine” again in the view Data').waitFor(patience);
  await show('Train');
  await again.waitFor(patience);
  await photograph(opened, 'chosen-before');
  await again.getByRole('button', { name: 'Open the data' }).click();
  await dropPaths(page, '.drop-zone', [folder]);
  await page.getByText('1 to 12 of 16').waitFor(patience);
  await expect.poll(() => again.count()).toBe(0);

  // The pictures stay when a model that comes with the page is chosen.
  await show('Model');
  await page.getByRole('button', { name: 'Choose Random weights' }).click();
  await page.getByRole('button', { name: 'Choose Small ResNet that knows figures' }).click();
  await page.getByText('Small ResNet that knows figures is the model now').waitFor(patience);
  expect(await page.evaluate(() => localStorage.getItem('ocelli-recipe'))).toContain('/picked/mine');

  await show('Recipe');
  await page.getByRole('button', { name: 'Start over' }).click();
  await page.getByRole('button', { name: 'Bring the one before back' }).click();
  expect(await page.evaluate(() => localStorage.getItem('ocelli-recipe'))).toContain('/picked/mine');
});

test('a file that is dropped beside a zone, an address that is cut off, a folder on a server that is away', async () => {
  opened = await openAppPage(browser);
  const { page } = opened;
  const kept = await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    const event = new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });
    // Prevented: the browser does not open the file in place of the page.
    return !document.querySelector('h1')!.dispatchEvent(event);
  });
  expect(kept).toBe(true);
  await page.goto(`${page.url().replace(/#.*/, '')}#/%E0%A4%A`);
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Fine-tune a vision model' }).waitFor();
  await page.getByRole('link', { name: 'Data', exact: true }).first().click();
  await page.getByLabel('Or an address').fill('http://127.0.0.1:9/folder/');
  await page.getByRole('button', { name: 'Fetch' }).click();
  await page.getByRole('alert').getByText('no answer that this page may read').waitFor(patience);
});
