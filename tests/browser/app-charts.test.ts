/** What the charts of a run say is what its folder says; and a run on WebGPU, on the software adapter. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { bytesOf, metricName, numberOf } from '../../src/app/format.ts';
import type { OpenedPage } from './support/page.ts';
import { pageOfTest } from './support/page-of-test.ts';
import { tinyRecipe } from './support/recipe.ts';
import { loggedEvents, train } from './support/runs.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show } from './support/views.ts';

let opened: OpenedPage;
let page: Page;
pageOfTest(openAppPage, (tab) => {
  opened = tab;
  page = tab.page;
});

/** Every layer that a detector has, as small as it can be; long enough for predictions to be asked for on the way. */
const detectorRecipe = `
model:
  model_name: tiny-yolos
  task_type: detection
  pretrained: false
  image_size: 32
  config:
    model_type: yolos
    hidden_size: 16
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 32
    image_size: [32, 32]
    patch_size: 8
    num_detection_tokens: 4
    use_mid_position_embeddings: false
data:
  train_data_path: sample:shapes?images=48&classes=3&seed=1&size=32&objects=2
  val_data_path: sample:shapes?images=12&classes=3&seed=2&size=32&objects=2
  batch_size: 8
  num_workers: 0
training:
  max_epochs: 6
  learning_rate: 1e-3
  early_stopping_patience: null
  log_every_n_steps: 1
mlflow:
  run_name: boxes
output:
  visualization: { save_images: false }
`;

/** The newest numbers of a chart as a screen reader says them: `training 2.1, ce 1.2`. */
async function chartNumbers(title: string): Promise<Record<string, string>> {
  const label = (await page.locator(`.chart[aria-label^="${title}. Now "]`).getAttribute('aria-label'))!;
  const said = label.slice(`${title}. Now `.length).split(', ');
  return Object.fromEntries(said.map((part) => /^(.*?) ([\d.,e−]+(?: [kMGT]?B)?)$/.exec(part)!.slice(1)));
}

test('the charts of a detector say what the run folder says: loss and its parts, metrics, rate, speed, memory', async () => {
  const events = await loggedEvents(page, await train(page, detectorRecipe));
  const step = events.filter(({ type }) => type === 'step').at(-1)!;
  const evaluation = events
    .filter(({ type, split, step: at }) => type === 'evaluation' && split === 'val' && at !== undefined)
    .at(-1)!;
  const metrics = evaluation.metrics as Record<string, number>;
  const parts = step.parts as Record<string, number>;
  expect(step.step).toBe(36);
  expect(Object.keys(parts).length).toBeGreaterThanOrEqual(3);

  const loss = await chartNumbers('Loss');
  expect(loss.training).toBe(numberOf(step.loss as number));
  expect(loss.validation).toBe(numberOf(metrics.val_loss!));
  for (const [name, value] of Object.entries(parts)) {
    expect(loss[name.replace(/^loss_/, '')], name).toBe(numberOf(value));
  }
  const drawn = await chartNumbers('Validation metrics');
  for (const name of ['val_map', 'val_map_50', 'val_map_75', 'val_mar_100']) {
    expect(drawn[metricName(name)], name).toBe(numberOf(metrics[name]!));
  }
  expect(Object.values(await chartNumbers('Learning rate'))).toEqual([
    numberOf(step.learning_rate as number),
  ]);
  expect(Object.values(await chartNumbers('Images per second'))).toEqual([
    numberOf(step.images_per_second as number),
  ]);
  expect(Object.values(await chartNumbers('Device memory'))).toEqual([bytesOf(step.gpu_bytes as number)]);
  // The truth as boxes, and what the model says, on eight pictures.
  await expect.poll(() => page.locator('.predictions .picture img').count()).toBe(8);
  await expect.poll(() => page.locator('.predictions rect.truth').count()).toBeGreaterThanOrEqual(8);
  await photograph(opened, 'detector');
  expect(await accessibilityProblems(opened)).toEqual([]);
});

test('WebGPU by choice: the run is on it, and the loss falls', async () => {
  await show(page, 'device');
  await page.getByLabel('WebGPU', { exact: true }).check({ force: true });
  await page.getByRole('row', { name: /webgpu .* GFLOP/ }).waitFor(patience);
  await page.getByText('a software adapter: slow').waitFor();
  await photograph(opened, 'device-measured');
  // As small as it can be: the software adapter does a third of a GFLOP/s.
  const events = await loggedEvents(page, await train(page, tinyRecipe({ epochs: 8 })));
  expect(events.find(({ type }) => type === 'run_started')!.device).toMatch(/^webgpu on /);
  const losses = events.filter(({ type }) => type === 'step').map(({ loss }) => loss as number);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(`losses on WebGPU: ${losses.map((loss) => loss.toFixed(2)).join(' ')}`);
  expect(mean(losses.slice(-3))).toBeLessThan(0.8 * mean(losses.slice(0, 3)));
  await page.locator('dd', { hasText: /^webgpu on / }).waitFor();
});
