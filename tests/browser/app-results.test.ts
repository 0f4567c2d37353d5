/**
 * The app after training: two runs side by side, what they get wrong, the model on new pictures, and what is downloaded.
 * The runs are real and short: the shipped model on a few generated pictures. A downloaded model is held against the
 * same recipe trained headless, and loaded with transformers.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BlobReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { bytesOf, numberOf } from '../../src/app/format.ts';
import { parseRecipe } from '../../src/config/index.ts';
import { drawShapes } from '../../src/data/sample/shapes.ts';
import { openDevice } from '../../src/engine/index.ts';
import { exportRun } from '../../src/export/index.ts';
import { memorySource, openSafetensors } from '../../src/formats/safetensors/index.ts';
import { encodeImage } from '../../src/platform/node/index.ts';
import { train } from '../../src/runs/index.ts';
import { pythonScript } from '../support/python-script.ts';
import { openChromium } from './support/chromium.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { accessibilityProblems, openAppPage, photograph } from './support/views.ts';

const model = 'figures-resnet';
const valImages = 40;

/** Few steps, so that the model is still wrong sometimes. */
const recipe = (place: string): string => `
model:
  model_name: ${place}
  task_type: classification
data:
  train_data_path: sample:shapes?images=96&classes=4&seed=1
  val_data_path: sample:shapes?images=${valImages}&classes=4&seed=2
  batch_size: 32
  num_workers: 0
training:
  max_epochs: 2
  learning_rate: 5e-4
  early_stopping_patience: null
  seed: 4
  log_every_n_steps: 1
mlflow:
  run_name: first
output:
  visualization: { save_images: false }
`;

let browser: Browser;
let opened: OpenedPage;
let page: Page;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-app-'));
  browser = await openChromium({
    more: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  opened = await openAppPage(browser, {
    recipe: recipe(`/picked/${model}`),
    permissions: ['camera', 'clipboard-read', 'clipboard-write'],
    acceptDownloads: true,
  });
  page = opened.page;
}, 120_000);

afterAll(async () => {
  await opened?.close();
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

/** Trains what the page remembers as its recipe; returns the run's folder. */
async function trainHere(): Promise<string> {
  await show('train');
  await page.reload();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.locator('.run-status.finished').waitFor({ timeout: 180_000 });
  await show('runs');
  const href = await page.getByRole('link', { name: 'Export', exact: true }).nth(1).getAttribute('href');
  return new URLSearchParams(href!.split('?')[1]).get('run')!;
}

async function show(view: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${view}`);
  await page.locator('main h1').waitFor();
}

const picture = (index: number, seed = 91): Promise<Uint8Array> =>
  encodeImage(drawShapes(index, { seed, size: 96, classes: 4, objects: 1 }), 'png');

/** Drops files as the system's file manager does. */
async function drop(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Promise<void> {
  const transfer = await page.evaluateHandle(
    (given) => {
      const data = new DataTransfer();
      for (const { name, text } of given) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: 'image/png' }));
      }
      return data;
    },
    files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString('base64') })),
  );
  await page.locator('.drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
}

/** Clicks what starts a download and unpacks the zip below a folder. */
async function downloadZip(button: string, folder: string): Promise<void> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.zip$/);
  const reader = new ZipReader(new BlobReader(new Blob([await readFile(await download.path())])));
  for (const entry of await reader.getEntries()) {
    if (entry.directory) continue;
    const path = join(folder, entry.filename);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await entry.getData(new Uint8ArrayWriter()));
  }
  await reader.close();
}

type Tensors = ReadonlyMap<string, Float32Array>;

async function tensorsOf(path: string): Promise<Tensors> {
  const bytes = new Uint8Array(await readFile(path));
  const file = await openSafetensors(memorySource(path, bytes));
  const tensors = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) tensors.set(name, (await file.read(name)) as Float32Array);
  return tensors;
}

function largestDifference(a: Tensors, b: Tensors): number {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  let largest = 0;
  for (const [name, values] of a) {
    const others = b.get(name)!;
    expect(others).toHaveLength(values.length);
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(Number(value) - Number(others[i])));
    });
  }
  return largest;
}

/** The scores on a picture's card in the Try view, as the user reads them: `{ star: 98, … }`. */
async function scoresShown(name: string): Promise<Record<string, number>> {
  const card = page.locator('.try-result', { hasText: name });
  await card.locator('.try-labels').waitFor({ timeout: 60_000 });
  const rows = await card.locator('.try-labels li').allInnerTexts();
  return Object.fromEntries(
    rows.map((row) => {
      const [label, percent] = row.split('\n');
      return [label!.trim(), Number.parseInt(percent!, 10)];
    }),
  );
}

let run: string;

test('an empty browser says what will be here', async () => {
  for (const view of ['runs', 'errors', 'export']) {
    await show(view);
    await page.locator('main').getByRole('link', { name: 'Train a model' }).waitFor();
    expect(await accessibilityProblems(opened)).toEqual([]);
  }
});

test('two runs are compared: curves, numbers, settings that differ', async () => {
  run = await trainHere();
  await page.evaluate(() => {
    const key = 'ocelli-recipe';
    const text = localStorage.getItem(key)!;
    localStorage.setItem(key, text.replace('5e-4', '2e-4').replace('run_name: first', 'run_name: second'));
  });
  expect(await trainHere()).not.toBe(run);

  await show('runs');
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
function colourful(canvas: ReturnType<Page['locator']>): Promise<number> {
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

test('errors: the confusion matrix counts every image, and a click shows its pictures', async () => {
  await show(`errors?run=${run}`);
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
  expect(await cards.count()).toBe(Number(count));
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
  await show(`try?run=${run}`);
  await drop([
    { name: 'dropped.png', bytes: await picture(2) },
    { name: 'broken.png', bytes: new TextEncoder().encode('no picture at all') },
  ]);
  const scores = await scoresShown('dropped.png');
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
  await page.getByText(/pictures\/s/).waitFor({ timeout: 60_000 });
  await drop([{ name: 'meanwhile.png', bytes: await picture(1) }]);
  expect(Object.keys(await scoresShown('meanwhile.png'))).toHaveLength(4);
  await photograph(opened, 'try');
  expect(await accessibilityProblems(opened)).toEqual([]);
  await page.getByRole('button', { name: 'Stop the camera' }).click();
  expect(await page.locator('video').count()).toBe(0);
});

test('export: the folder is that of a headless run, and transformers reads it', async () => {
  await show(`export?run=${run}`);
  await downloadZip('Download the zip', join(scratch, 'download'));
  const folder = join(scratch, 'download/model');
  const ours = await tensorsOf(join(folder, 'model.safetensors'));

  // The same recipe, headless.
  const { recipe: headless } = parseRecipe(recipe(`public/models/${model}`), { source: 'recipe.yaml' });
  for await (const _ of train({ recipe: headless, out: join(scratch, 'headless'), device: 'wasm' }));
  const theirs = await tensorsOf(join(scratch, 'headless/model/model.safetensors'));
  const difference = largestDifference(ours, theirs);
  console.log(`largest difference from the headless run: ${difference}`);
  expect(difference).toBeLessThan(1e-6);

  // The same run, exported headless: the same bytes.
  await downloadZip('Download the run', join(scratch, 'runs'));
  const device = await openDevice('wasm');
  try {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    await exportRun(join(scratch, 'runs', run.split('/').at(-1)!), { out: join(scratch, 'again'), version });
  } finally {
    await device.dispose();
  }
  for (const file of ['model.safetensors', 'config.json', 'preprocessor_config.json', 'onnx/model.onnx']) {
    const [here, there] = await Promise.all([
      readFile(join(folder, file)),
      readFile(join(scratch, 'again', file)),
    ]);
    expect(here.equals(there), file).toBe(true);
  }

  const path = join(scratch, 'new.png');
  await writeFile(path, await picture(2));
  const loaded = await pythonScript<{
    missing: string[];
    unexpected: string[];
    scores: Record<string, number>;
  }>('torch', 'tests/browser/load_exported.py', [folder, path]);
  expect(loaded.missing).toEqual([]);
  expect(loaded.unexpected).toEqual([]);
  await show(`try?run=${run}`);
  await drop([{ name: 'again.png', bytes: await picture(2) }]);
  for (const [label, percent] of Object.entries(await scoresShown('again.png'))) {
    expect(Math.abs(loaded.scores[label]! * 100 - percent)).toBeLessThan(0.6);
  }
}, 300_000);

test('export: the snippet can be copied, half precision is written and downloaded', async () => {
  await show(`export?run=${run}`);
  await page.getByRole('button', { name: 'Copy' }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain('<ocelli-predict model="./model/"');
  expect(copied).toContain('task="classification"');
  await page.getByRole('button', { name: 'Write half precision' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Half precision/ }).click({ timeout: 60_000 }),
  ]);
  expect(download.suggestedFilename()).toMatch(/-fp16\.onnx$/);
  await photograph(opened, 'export');
  expect(await accessibilityProblems(opened)).toEqual([]);
});

test('a run can be removed, after a question', async () => {
  await show('runs');
  await page.getByRole('button', { name: /^Remove second/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => page.getByText('second', { exact: true }).count()).toBe(0);
  await page.reload();
  await page.getByText('first', { exact: true }).first().waitFor();
  expect(await page.getByText('second', { exact: true }).count()).toBe(0);
});

test('a run that was stopped can be evaluated and becomes a model', async () => {
  await page.evaluate(() => {
    const key = 'ocelli-recipe';
    const text = localStorage.getItem(key)!;
    localStorage.setItem(
      key,
      text.replace('max_epochs: 2', 'max_epochs: 200').replace('run_name: second', 'run_name: halted'),
    );
  });
  await show('train');
  await page.reload();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.locator('.run-status.running').waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.locator('.run-status.stopped').waitFor({ timeout: 60_000 });

  // The kept places are found again by a page that knows nothing of them.
  await page.reload();
  await show('errors');
  expect(await page.getByLabel('Run', { exact: true }).locator('option:checked').textContent()).toContain(
    'halted',
  );
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await page.locator('.confusion-cell').first().waitFor({ timeout: 60_000 });
  await show('export');
  await page.getByRole('button', { name: 'Make the model' }).click();
  await page.getByRole('button', { name: 'Download the zip' }).waitFor({ timeout: 60_000 });
  await page.getByText('model/onnx/model.onnx', { exact: true }).waitFor();
});

/** Every layer that a detector has, as small as it can be. */
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
  max_epochs: 2
  learning_rate: 1e-3
  early_stopping_patience: null
  log_every_n_steps: 1
mlflow:
  run_name: boxes
output:
  visualization: { save_images: false }
`;

async function trainRecipe(text: string): Promise<void> {
  await page.evaluate((recipe) => localStorage.setItem('ocelli-recipe', recipe), text);
  await show('train');
  await page.reload();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.locator('.run-status.finished').waitFor({ timeout: 240_000 });
}

type LoggedEvent = { readonly type: string; readonly split?: string; readonly step?: number } & Readonly<
  Record<string, unknown>
>;

/** `events.jsonl` of the run on the page, from the browser's disk. */
async function loggedEvents(): Promise<LoggedEvent[]> {
  const folder = (await page.locator('dd code', { hasText: '/runs/' }).textContent())!;
  const text = await page.evaluate(async (path) => {
    let at = await navigator.storage.getDirectory();
    for (const part of path.split('/').filter(Boolean)) at = await at.getDirectoryHandle(part);
    return (await (await at.getFileHandle('events.jsonl')).getFile()).text();
  }, folder);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LoggedEvent);
}

/** The newest numbers of a chart as a screen reader says them: `training 2.1, ce 1.2`. */
async function chartNumbers(title: string): Promise<Record<string, string>> {
  const label = (await page.locator(`.chart[aria-label^="${title}. Now "]`).getAttribute('aria-label'))!;
  const said = label.slice(`${title}. Now `.length).split(', ');
  return Object.fromEntries(said.map((part) => /^(.*?) ([\d.,e−]+(?: [kMGT]?B)?)$/.exec(part)!.slice(1)));
}

test('the charts of a detector say what the run folder says: loss and its parts, metrics, rate, speed, memory', async () => {
  await trainRecipe(detectorRecipe);
  const events = await loggedEvents();
  const step = events.filter(({ type }) => type === 'step').at(-1)!;
  const evaluation = events
    .filter(({ type, split, step: at }) => type === 'evaluation' && split === 'val' && at !== undefined)
    .at(-1)!;
  const metrics = evaluation.metrics as Record<string, number>;
  const parts = step.parts as Record<string, number>;
  expect(step.step).toBe(12);
  expect(Object.keys(parts).length).toBeGreaterThanOrEqual(3);

  const loss = await chartNumbers('Loss');
  expect(loss.training).toBe(numberOf(step.loss as number));
  expect(loss.validation).toBe(numberOf(metrics.val_loss!));
  for (const [name, value] of Object.entries(parts)) {
    expect(loss[name.replace(/^loss_/, '')], name).toBe(numberOf(value));
  }
  const drawn = await chartNumbers('Validation metrics');
  for (const name of ['val_map', 'val_map_50', 'val_map_75', 'val_mar_100']) {
    expect(drawn[name.replace('val_', '').replaceAll('_', ' ')], name).toBe(numberOf(metrics[name]!));
  }
  expect(Object.values(await chartNumbers('Learning rate'))).toEqual([
    numberOf(step.learning_rate as number),
  ]);
  expect(Object.values(await chartNumbers('Images per second'))).toEqual([
    numberOf(step.images_per_second as number),
  ]);
  expect(Object.values(await chartNumbers('Device memory'))).toEqual([bytesOf(step.gpu_bytes as number)]);
  // The truth as boxes, and what the model says, on eight pictures.
  expect(await page.locator('.predictions .picture img').count()).toBe(8);
  expect(await page.locator('.predictions rect.truth').count()).toBeGreaterThanOrEqual(8);
  await photograph(opened, 'detector');
  expect(await accessibilityProblems(opened)).toEqual([]);
}, 300_000);

test('WebGPU by choice: the run is on it, and the loss falls', async () => {
  await show('device');
  await page.getByLabel('WebGPU', { exact: true }).check({ force: true });
  await page.getByRole('row', { name: /webgpu .* GFLOP/ }).waitFor({ timeout: 120_000 });
  await page.getByText('a software adapter: slow').waitFor();
  await photograph(opened, 'device-measured');
  // As small as it can be: the software adapter does a third of a GFLOP/s.
  await trainRecipe(tinyRecipe({ epochs: 8 }));
  const events = await loggedEvents();
  expect(events.find(({ type }) => type === 'run_started')!.device).toMatch(/^webgpu on /);
  const losses = events.filter(({ type }) => type === 'step').map(({ loss }) => loss as number);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(`losses on WebGPU: ${losses.map((loss) => loss.toFixed(2)).join(' ')}`);
  expect(mean(losses.slice(-3))).toBeLessThan(0.8 * mean(losses.slice(0, 3)));
  await page.locator('dd', { hasText: /^webgpu on / }).waitFor();
}, 360_000);
