/**
 * What is downloaded after a run. The folder is held against the same recipe trained headless, against the same run exported
 * headless, and loaded with transformers; what that says of a picture is what the page says.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BlobReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import { openDevice } from '../../src/engine/index.ts';
import { exportRun } from '../../src/export/index.ts';
import { memorySource, openSafetensors } from '../../src/formats/safetensors/index.ts';
import { train as trainHeadless } from '../../src/runs/index.ts';
import { pythonScript } from '../support/python-script.ts';
import { openChromium } from './support/chromium.ts';
import { dropPaths, onDisk } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { figuresRecipe, scoresShown, shapePicture, shippedModel, train } from './support/runs.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show } from './support/views.ts';

let browser: Browser;
let opened: OpenedPage;
let page: Page;
let run: string;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-export-'));
  browser = await openChromium();
  opened = await openAppPage(browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
    acceptDownloads: true,
  });
  page = opened.page;
  run = await train(page, figuresRecipe());
});

afterAll(async () => {
  await opened?.close();
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

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

/** Downloads the model; returns its folder. */
async function downloadModel(name: string): Promise<string> {
  await show(page, `export?run=${run}`);
  await downloadZip('Download the zip', join(scratch, name));
  return join(scratch, name, 'model');
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

test('the weights are those of the same recipe trained headless', async () => {
  const folder = await downloadModel('against-headless');
  const ours = await tensorsOf(join(folder, 'model.safetensors'));
  const { recipe } = parseRecipe(figuresRecipe({ place: `public/models/${shippedModel}` }), {
    source: 'recipe.yaml',
  });
  for await (const _ of trainHeadless({ recipe, out: join(scratch, 'headless'), device: 'wasm' }));
  const theirs = await tensorsOf(join(scratch, 'headless/model/model.safetensors'));
  const difference = largestDifference(ours, theirs);
  console.log(`largest difference from the headless run: ${difference}`);
  expect(difference).toBeLessThan(1e-6);
});

test('the folder is what the same run gives when it is exported headless, byte by byte', async () => {
  const folder = await downloadModel('against-export');
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
});

test('transformers reads the folder, and says of a picture what the page says', async () => {
  const folder = await downloadModel('for-transformers');
  const path = join(await onDisk(scratch, 'pictures', { 'again.png': await shapePicture(2) }), 'again.png');
  const loaded = await pythonScript<{
    missing: string[];
    unexpected: string[];
    scores: Record<string, number>;
  }>('torch', 'tests/browser/load_exported.py', [folder, path]);
  expect(loaded.missing).toEqual([]);
  expect(loaded.unexpected).toEqual([]);
  await show(page, `try?run=${run}`);
  await dropPaths(page, '.drop-zone', [path]);
  for (const [label, percent] of Object.entries(await scoresShown(page, 'again.png'))) {
    expect(Math.abs(loaded.scores[label]! * 100 - percent)).toBeLessThan(0.6);
  }
});

test('the snippet can be copied, half precision is written and downloaded', async () => {
  await show(page, `export?run=${run}`);
  await page.getByRole('button', { name: 'Copy' }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toContain('<ocelli-predict model="./model/"');
  expect(await copied()).toContain('task="classification"');
  await page.getByRole('button', { name: 'Write half precision' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Half precision/ }).click(patience),
  ]);
  expect(download.suggestedFilename()).toMatch(/-fp16\.onnx$/);
  await photograph(opened, 'export');
  expect(await accessibilityProblems(opened)).toEqual([]);
});
