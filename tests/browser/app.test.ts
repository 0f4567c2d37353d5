/**
 * The app before and during training, as a user meets it: the first visit, recipe, data, a run that is paused, found again
 * after a reload and resumed, and what is said when something is missing or breaks.
 */
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { numberOf } from '../../src/app/format.ts';
import { drawShapes } from '../../src/data/sample/shapes.ts';
import { encodeImage } from '../../src/platform/node/index.ts';
import { openChromium } from './support/chromium.ts';
import type { OpenedPage } from './support/page.ts';
import { loggedEvents } from './support/runs.ts';
import { mainThreadTasks, traceCategories } from './support/trace.ts';
import {
  accessibilityProblems,
  openAppPage,
  patience,
  photograph,
  show,
  startTraining,
  status,
} from './support/views.ts';

/** A run of a few seconds that begins with the shipped model. */
const shortRecipe = (epochs: number): string => `# My own words.
model:
  model_name: /picked/figures-resnet
  task_type: classification
data:
  train_data_path: sample:shapes?images=96&classes=4&seed=1
  val_data_path: sample:shapes?images=40&classes=4&seed=2   # another seed
  batch_size: 16
  num_workers: 0
training:
  max_epochs: ${epochs}
  learning_rate: 2e-3
  early_stopping_patience: null
  log_every_n_steps: 1
mlflow:
  run_name: short
output:
  visualization: { save_images: false }
`;

let browser: Browser;
let opened: OpenedPage | undefined;

beforeAll(async () => {
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function open(options: Parameters<typeof openAppPage>[1] = {}, where = browser): Promise<Page> {
  opened = await openAppPage(where, options);
  return opened.page;
}

const tile = (page: Page, name: string) =>
  page
    .locator('.tile', { has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .first()
    .textContent();

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of the run that is shown. */
const runFolder = async (page: Page): Promise<string> =>
  (await page.locator('dd code', { hasText: '/runs/' }).textContent())!;

test('a first visit: pictures, model and recipe are there, and every view is accessible', async () => {
  const page = await open();
  await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
  expect(await page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(true);
  await page.getByText('960 pictures').waitFor();
  expect(await accessibilityProblems(opened!)).toEqual([]);
  await photograph(opened!, 'start');
  for (const view of ['data', 'model', 'recipe', 'device']) {
    await show(page, view);
    await page.waitForTimeout(1500);
    if (view === 'device') await page.getByText('GFLOP/s').first().waitFor(patience);
    expect(await accessibilityProblems(opened!)).toEqual([]);
    await photograph(opened!, view);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${view} scrolls sideways`).toBeLessThanOrEqual(0);
  }
});

test('form and YAML stay in step, comments stay, and errors stand at their places', async () => {
  const page = await open({ recipe: shortRecipe(2) });
  await show(page, 'recipe');
  const yaml = page.locator('.cm-content');
  const rate = page.getByLabel('Learning rate', { exact: true });
  await yaml.waitFor();
  await rate.fill('0.01');
  await rate.blur();
  await page.locator('.cm-content', { hasText: '0.01' }).waitFor();
  const text = await page.evaluate(() => localStorage.getItem('ocelli-recipe'));
  expect(text).toBe(shortRecipe(2).replace('learning_rate: 2e-3', 'learning_rate: 0.01'));

  // From the text to the form.
  await yaml.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('traning:\n  max_epochs: 3\n');
  await page.getByText('did you mean training?').first().waitFor();
  expect(await page.getByRole('button', { name: 'Train', exact: true }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: /^Line 19/ }).click();
  await page.locator('.cm-focused').waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(shortRecipe(2));
  await page.getByText('The recipe is valid').first().waitFor();

  await rate.fill('fast');
  await rate.blur();
  await page.locator('.field-error', { hasText: 'a number' }).waitFor();
  expect(await rate.getAttribute('aria-invalid')).toBe('true');
  await page.locator('.cm-lint-marker-error').first().waitFor();
  expect(await accessibilityProblems(opened!)).toEqual([]);
  await photograph(opened!, 'recipe-error');
  await rate.fill('');
  await rate.blur();
  await page.getByText('The recipe is valid').first().waitFor();
  expect(await rate.getAttribute('placeholder')).toBe('0.0001');
});

test('trains with live numbers and predictions; paused, found again after a reload, resumed, and downloaded', async () => {
  // Twenty epochs of six steps. Four are enough to look at: the others leave time to press Pause.
  const page = await open({ recipe: shortRecipe(20), acceptDownloads: true });
  await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
  // The code of the charts is loaded while nothing else is to do.
  await page.waitForFunction(() =>
    performance.getEntriesByType('resource').some(({ name }) => /\/echarts-[^/]*\.js$/.test(name)),
  );
  await startTraining(page);
  await status(page, 'running');
  // The button is gone: people who use keys or a screen reader are taken to the run.
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  await page.locator('.predictions [role=meter]').first().waitFor(patience);
  await page.locator('.chart canvas').first().waitFor(patience);
  await browser.startTracing(page, { categories: traceCategories });
  await page.waitForFunction(
    () => Number(document.querySelector('.tile dd')?.textContent?.split(' ')[0]) >= 20,
    undefined,
    patience,
  );
  await page.getByRole('button', { name: 'Pause' }).click();
  await status(page, 'paused');
  const tasks = mainThreadTasks(await browser.stopTracing());
  console.log(
    `longest tasks of the page while it trained: ${tasks.slice(0, 5).map(Math.round).join(', ')} ms of its own time`,
  );
  expect(tasks[0]).toBeLessThan(50);
  const losses = (await loggedEvents(page, await runFolder(page)))
    .filter(({ type }) => type === 'step')
    .map(({ loss }) => loss as number);
  expect(await tile(page, 'Loss')).toBe(numberOf(losses.at(-1)!));
  expect(mean(losses.slice(-6))).toBeLessThan(0.8 * mean(losses.slice(0, 6)));
  expect(await accessibilityProblems(opened!)).toEqual([]);
  await photograph(opened!, 'paused');

  await page.reload();
  await page.getByText('was interrupted at step').waitFor();
  expect(await accessibilityProblems(opened!)).toEqual([]);
  await photograph(opened!, 'interrupted');
  await page.getByRole('button', { name: 'Resume' }).first().click();
  await status(page, 'finished');
  await page.getByText('Your model is ready').waitFor();
  // The curve from before the reload is there too: the axis begins at the first step.
  await photograph(opened!, 'finished');
  expect(await accessibilityProblems(opened!)).toEqual([]);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download model' }).click();
  expect((await saved).suggestedFilename()).toMatch(/^short-.*-model\.zip$/);
});

async function zipOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { level: 0 });
  for (const [name, bytes] of Object.entries(files)) await writer.add(name, new Uint8ArrayReader(bytes));
  return Buffer.from(await writer.close());
}

const picture = (index: number): Promise<Uint8Array> =>
  encodeImage(drawShapes(index, { seed: 7, size: 64, classes: 2, objects: 1 }), 'png');

const choose = (page: Page, name: string, buffer: Buffer) =>
  page
    .locator('input[type=file][accept*=zip]')
    .first()
    .setInputFiles({ name, mimeType: 'application/zip', buffer });

test('takes a zip of class folders, splits it, shows what is in it, and says what is wrong with others', async () => {
  const page = await open();
  await show(page, 'data');
  await page.getByText('1 to 12 of 960').waitFor();
  await choose(page, 'bare.zip', await zipOf({ 'a.png': await picture(0), 'b.png': await picture(1) }));
  await page.getByText('annotations beside the 2 pictures').waitFor();
  await choose(page, 'notes.zip', await zipOf({ 'notes.txt': new Uint8Array([65]) }));
  await page.getByText('none of them a picture').waitFor();
  await choose(page, 'torn.zip', Buffer.from('PK nothing'));
  await page.getByRole('alert').getByText('zip', { exact: false }).first().waitFor();
  expect(await accessibilityProblems(opened!)).toEqual([]);
  await photograph(opened!, 'data-problem');

  const files: Record<string, Uint8Array> = { 'mine/circle/broken.png': new Uint8Array([1, 2, 3]) };
  for (let i = 0; i < 40; i++) files[`mine/${i % 2 === 0 ? 'circle' : 'cross'}/${i}.png`] = await picture(i);
  await choose(page, 'mine.zip', await zipOf(files));
  await page.getByText('one in five pictures is kept for validation').waitFor();
  await page.getByText('1 picture can’t be read and is left out').waitFor();
  await page.getByText('1 to 12 of 32').waitFor();
  const recipe = await page.evaluate(() => localStorage.getItem('ocelli-recipe'));
  expect(recipe).toContain('train_data_path: /picked/mine/mine');
  await photograph(opened!, 'data-zip');
});

test('a run that failed before its first checkpoint offers no resume, only what helps', async () => {
  const page = await open({ recipe: shortRecipe(1).replace('/picked/figures-resnet', '/picked/nothing') });
  await startTraining(page);
  await status(page, 'failed');
  await page.getByText('There is no model').waitFor();
  await page.getByRole('button', { name: 'Choose another model' }).waitFor();
  expect(await page.getByRole('button', { name: 'Resume' }).count()).toBe(0);
});

test('without a connection boxes can be learned, too: a detector with random weights', async () => {
  const page = await open();
  await page.route(/huggingface/, (route) => route.abort('internetdisconnected'));
  await show(page, 'data');
  await page.getByLabel('Find the shapes').click({ force: true });
  await page.getByText('To find shapes the model is now').waitFor();
  await show(page, 'model');
  await page.getByRole('button', { name: 'Choose Small YOLOS' }).click();
  await page.getByText('is the model now').waitFor();
  await show(page, 'train');
  await startTraining(page);
  await status(page, 'running');
  await page.locator('.predictions img, .predictions canvas').first().waitFor(patience);
});

test('what a run computes on can be chosen, and is kept', async () => {
  const page = await open({ recipe: shortRecipe(1) });
  await show(page, 'device');
  await page.getByLabel('WebGPU', { exact: true }).check({ force: true });
  await page.reload();
  expect(await page.getByLabel('WebGPU', { exact: true }).isChecked()).toBe(true);
  await show(page, 'train');
  await startTraining(page);
  await page.locator('dd', { hasText: /^webgpu on / }).waitFor(patience);
});

test('a browser without WebGPU says so and what helps, and trains all the same', async () => {
  const plain = await openChromium({ webgpu: false });
  try {
    const page = await open({ recipe: shortRecipe(1) }, plain);
    await page.getByText('No WebGPU: training runs on the processor').waitFor();
    await startTraining(page);
    await status(page, 'finished');
    await opened?.close();
    opened = undefined;
  } finally {
    await plain.close();
  }
});

test('a worker that crashes is told, and the run goes on from its checkpoint', async () => {
  // Long enough to be under way still, whatever the machine.
  const page = await open({ recipe: shortRecipe(500) });
  await startTraining(page);
  await status(page, 'running');
  await page.getByText('Last checkpoint').waitFor(patience);
  const worker = page.workers().find((candidate) => candidate.url().includes('training.worker'))!;
  await worker.evaluate(() => {
    setTimeout(() => {
      throw new Error('boom');
    });
  });
  await page.getByText('The training worker crashed').waitFor();
  await photograph(opened!, 'crashed');
  await page.getByRole('button', { name: 'Resume from the checkpoint' }).click();
  await status(page, 'running');
  await page.getByRole('button', { name: 'Stop' }).click();
  await status(page, 'stopped');
  await expect.poll(() => page.getByText('The training worker crashed').count()).toBe(0);
});
