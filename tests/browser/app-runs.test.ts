/**
 * Runs of a browser: what is said before the first, two side by side, one that is removed, one that was stopped and becomes a model.
 */
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { OpenedPage } from './support/page.ts';
import { pageOfTest } from './support/page-of-test.ts';
import { begin, figuresRecipe, train } from './support/runs.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show, status } from './support/views.ts';

let opened: OpenedPage;
let page: Page;
pageOfTest(openAppPage, (tab) => {
  opened = tab;
  page = tab.page;
});

test('an empty browser says what will be here', async () => {
  for (const view of ['runs', 'errors', 'export']) {
    await show(page, view);
    await page.locator('main').getByRole('link', { name: 'Train a model' }).waitFor();
    expect(await accessibilityProblems(opened)).toEqual([]);
  }
});

test('two runs are compared: curves, numbers, settings that differ', async () => {
  const first = await train(page, figuresRecipe());
  expect(await train(page, figuresRecipe({ name: 'second', rate: '2e-4' }))).not.toBe(first);

  await show(page, 'runs');
  await expect.poll(() => page.locator('.run-check:checked').count()).toBe(2);
  const changed = page.getByRole('region', { name: 'Settings that differ' });
  await changed.waitFor();
  const rows = await changed.locator('tbody tr').allInnerTexts();
  expect(rows.map((row) => row.split('\t')[0]!.trim())).toEqual([
    'mlflow.run_name',
    'training.learning_rate',
  ]);
  expect(rows[1]).toContain('0.0005');
  expect(rows[1]).toContain('0.0002');
  const numbers = page.getByRole('region', { name: 'Metrics of the runs' });
  expect(await numbers.locator('thead th').allInnerTexts()).toEqual(['Metric', 'second', 'first']);
  expect(await numbers.locator('tbody').textContent()).toContain('val accuracy');
  const chart = page.getByRole('img', { name: /^Training loss by step/ });
  expect(await chart.getAttribute('aria-label')).toMatch(/second: [\d.]+; first: [\d.]+/);
  // Two curves in two colours are on the canvas.
  await expect.poll(() => colourful(chart.locator('canvas').first())).toBeGreaterThan(200);
  await photograph(opened, 'runs');
  expect(await accessibilityProblems(opened)).toEqual([]);

  await page.getByRole('checkbox', { name: /Compare first/ }).uncheck();
  await expect.poll(() => changed.count()).toBe(0);
});

/** How many pixels of a canvas have a colour that is no grey. */
function colourful(canvas: Locator): Promise<number> {
  return canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
      if (data[i + 3]! > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) count++;
    }
    return count;
  });
}

test('a run can be removed, after a question', async () => {
  await train(page, figuresRecipe({ epochs: 1 }));
  await train(page, figuresRecipe({ name: 'second', epochs: 1 }));
  await show(page, 'runs');
  await page.getByRole('button', { name: /^Remove second/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => page.getByText('second', { exact: true }).count()).toBe(0);
  await page.reload();
  await page.getByText('first', { exact: true }).first().waitFor();
  expect(await page.getByText('second', { exact: true }).count()).toBe(0);
});

test('a run that was stopped can be evaluated and becomes a model', async () => {
  await begin(page, figuresRecipe({ name: 'halted', epochs: 200 }));
  await status(page, 'running');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await status(page, 'stopped');

  // The kept places are found again by a page that knows nothing of them.
  await page.reload();
  await show(page, 'errors');
  expect(await page.getByLabel('Run', { exact: true }).locator('option:checked').textContent()).toContain(
    'halted',
  );
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await page.locator('.confusion-cell').first().waitFor(patience);
  await show(page, 'export');
  await page.getByRole('button', { name: 'Make the model' }).click();
  await page.getByRole('button', { name: 'Download the zip' }).waitFor(patience);
  await page.getByText('model/onnx/model.onnx', { exact: true }).waitFor();
});
