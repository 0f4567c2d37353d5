/**
 * Runs of elsewhere in the view Runs: the folder of a real `ocelli train`, and the zip that another browser's page has made of its own
 * run. What is not a run, does not fit, or is cancelled leaves nothing behind.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  BlobReader,
  BlobWriter,
  Uint8ArrayReader,
  Uint8ArrayWriter,
  ZipReader,
  ZipWriter,
} from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startOcelli } from '../support/cli.ts';
import { openChromium } from './support/chromium.ts';
import { dropPaths, onDisk, picture } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { figuresRecipe, loggedEvents, shippedModel, train, valImages } from './support/runs.ts';
import { limitStorage } from './support/storage.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show, status } from './support/views.ts';

let browser: Browser;
let scratch: string;
/** A headless run that was stopped after a few of its steps, and the pictures that it was trained on. */
let stopped: string;
let pictures: string;
let opened: OpenedPage;
let page: Page;

const awkward = 'a <img src=x onerror="document.title=1"> run';

const headlessRecipe = (): string => `
model:
  model_name: ${resolve('public/models', shippedModel)}
  task_type: classification
data:
  train_data_path: ${pictures}/train
  val_data_path: ${pictures}/val
  batch_size: 4
  num_workers: 0
training:
  max_epochs: 400
  learning_rate: 1e-3
  early_stopping_patience: null
  seed: 3
  log_every_n_steps: 1
  checkpoint_dir: ${scratch}/copies
mlflow:
  run_name: '${awkward}'
output:
  visualization: { save_images: false }
`;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-import-'));
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 12; i++) {
    files[`${i < 8 ? 'train' : 'val'}/${i % 2 === 0 ? 'even' : 'odd'}/${i}.png`] = await picture(i);
  }
  pictures = await onDisk(scratch, 'pictures', files);
  stopped = await stoppedHeadless(headlessRecipe(), /"type":"checkpoint".*"epoch":[2-9]/);
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

beforeEach(async () => {
  opened = await openAppPage(browser, { acceptDownloads: true });
  page = opened.page;
});

afterEach(async () => {
  await opened.close();
});

/** `ocelli train` as a process of its own, stopped as by Ctrl-C. */
async function stoppedHeadless(recipe: string, checkpoint: RegExp): Promise<string> {
  const folder = join(scratch, 'headless');
  await mkdir(folder);
  await writeFile(join(folder, 'recipe.yaml'), recipe);
  const args = ['train', 'recipe.yaml', '--out', 'headless-1', '--device', 'wasm', '--json'];
  const run = await startOcelli(args, { cwd: folder });
  await run.said(checkpoint);
  run.child.kill('SIGINT');
  const { code, stderr } = await run.ended;
  expect({ code, stderr }).toMatchObject({ code: 130 });
  return join(folder, 'headless-1');
}

const row = (name: string) => page.locator('tbody tr').filter({ hasText: name });

/** Everything below `/runs` and the notes about imports, on the browser's disk. */
async function onTheDisk(of: Page = page): Promise<string[]> {
  return of.evaluate(async () => {
    const found: string[] = [];
    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const handle of folder.values()) {
        if (handle.kind === 'file') found.push(`${path}/${handle.name}`);
        else await walk(handle, `${path}/${handle.name}`);
      }
    };
    const root = await navigator.storage.getDirectory();
    for (const path of ['runs', '.ocelli/imports']) {
      let at: FileSystemDirectoryHandle | undefined = root;
      for (const part of path.split('/')) at = await at?.getDirectoryHandle(part).catch(() => undefined);
      if (at) await walk(at, path);
    }
    return found;
  });
}

async function filesBelow(folder: string, path = ''): Promise<string[]> {
  const entries = await readdir(join(folder, path), { withFileTypes: true });
  const found = entries.map((entry) => {
    const inside = path === '' ? entry.name : `${path}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(folder, inside) : [inside];
  });
  return (await Promise.all(found)).flat();
}

async function zipOf(folder: string, name: string, { level = 5, prefix = '' } = {}): Promise<string> {
  const writer = new ZipWriter(new BlobWriter(), { level, useWebWorkers: false });
  for (const path of await filesBelow(folder)) {
    await writer.add(prefix + path, new Uint8ArrayReader(await readFile(join(folder, path))));
  }
  const archive = join(scratch, name);
  await writeFile(archive, new Uint8Array(await (await writer.close()).arrayBuffer()));
  return archive;
}

/** As users without a mouse do it. */
async function chooseZip(archive: string): Promise<void> {
  const button = page.getByRole('button', { name: 'Open a run' });
  await button.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Open a run' });
  await dialog.waitFor();
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    dialog.getByRole('button', { name: 'Choose a zip' }).press('Enter'),
  ]);
  await chooser.setFiles(archive);
}

test('a headless run that was stopped: looked at, its data opened, gone on with', async () => {
  // Copied while it ran: its last event is half a line, and one checkpoint is not whole.
  const copied = join(scratch, 'copied', 'headless-1');
  await cp(stopped, copied, { recursive: true });
  const events = (await readFile(join(copied, 'events.jsonl'), 'utf8')).trimEnd().split('\n');
  const going = events.filter((line) => !line.includes('"type":"stopped"'));
  await writeFile(join(copied, 'events.jsonl'), `${going.join('\n')}\n{"type":"step","st`);
  await cp(join(copied, 'checkpoints/last'), join(copied, 'checkpoints/step-1'), { recursive: true });
  await writeFile(join(copied, 'checkpoints/step-1/model.safetensors'), 'half');
  await writeFile(join(copied, 'place.txt'), 's3://results/headless-1\n');

  await show(page, 'runs');
  await photograph(opened, 'runs-none');
  await dropPaths(page, '.run-drops', [copied]);
  await row('a <img').waitFor(patience);
  expect(await page.title()).toBe('Runs – Ocelli');
  // The row has the focus, and is compared.
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain(awkward);
  await expect.poll(() => row('a <img').getByRole('checkbox').isChecked()).toBe(true);
  await expect.poll(() => row('a <img').textContent()).toContain('Interrupted');
  await expect.poll(() => row('a <img').textContent()).toContain('its data are not open here');
  const notice = page.locator('#tray .notice');
  await notice.waitFor();
  const words = (await notice.textContent())!;
  for (const said of [
    `${pictures}`,
    'half a line',
    'checkpoints/step-1 is not whole',
    `${scratch}/copies`,
    'copy of its own',
  ]) {
    expect(words).toContain(said);
  }
  const loss = page.getByRole('img', { name: /^Training loss by step/ });
  await expect.poll(() => loss.getAttribute('aria-label')).toMatch(/a <img.*: [\d.]+/);
  await photograph(opened, 'runs-opened');
  expect(await accessibilityProblems(opened)).toEqual([]);

  const stored = (await onTheDisk()).filter((path) => path.startsWith('runs/'));
  const expected = (await filesBelow(copied)).filter(
    (path) => path !== 'place.txt' && !path.startsWith('checkpoints/step-1/'),
  );
  expect(stored.sort()).toEqual(expected.map((path) => `runs/headless-1/${path}`).sort());

  // Its errors and its checkpoint need the data; the model can be tried without.
  await show(page, 'try?run=/runs/headless-1');
  const chosen = page.getByLabel('Model', { exact: true }).locator('option:checked');
  await expect.poll(() => chosen.textContent()).toContain('a <img');

  await show(page, 'runs');
  await row('a <img').getByRole('button', { name: 'Open its data' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(pictures, { exact: true }).waitFor();
  await photograph(opened, 'runs-data');
  expect(await accessibilityProblems(opened)).toEqual([]);
  const other = await onDisk(scratch, 'other', { 'cats/1.png': await picture(1) });
  await dropPaths(page, 'dialog .drop-zone', [other]);
  await dialog
    .getByRole('alert')
    .getByText(/train and val/)
    .waitFor();
  // An archive with another folder around.
  const archive = await zipOf(pictures, 'pictures.zip', { prefix: 'pictures/' });
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    dialog.getByRole('button', { name: 'Choose a zip' }).click(),
  ]);
  await chooser.setFiles(archive);
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await status(page, 'running');
  const resuming = async () =>
    (await loggedEvents(page, '/runs/headless-1')).find(({ type }) => type === 'resumed');
  await expect.poll(resuming).toBeDefined();
  const resumed = (await resuming())!;
  expect(resumed.step).toBeGreaterThan(0);
  // The same pictures, the same recipe: only machine and device are others.
  expect(resumed.why).not.toMatch(/\bdata was|recipe was/);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await status(page, 'stopped');
  await show(page, 'runs');
  await expect.poll(() => row('a <img').textContent()).toContain('Stopped');
  await row('a <img').getByRole('button', { name: 'Resume' }).waitFor();
});

test('a run that the page has exported is one of another browser, with all that it was', async () => {
  const run = await train(page, figuresRecipe());
  await show(page, `export?run=${run}`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the run' }).click(),
  ]);
  const archive = join(scratch, download.suggestedFilename());
  await download.saveAs(archive);
  const events = await loggedEvents(page, run);
  // The browser that has it says so.
  await show(page, 'runs');
  await chooseZip(archive);
  await page.locator('.toast', { hasText: 'is here already' }).waitFor(patience);
  expect(await page.locator('tbody tr .run-name[data-run]').count()).toBe(1);
  await opened.close();

  opened = await openAppPage(browser);
  page = opened.page;
  await show(page, 'runs');
  await chooseZip(archive);
  await row('first').waitFor(patience);
  await page.locator('.toast', { hasText: '“first” is a run of this browser now' }).waitFor();
  await expect.poll(() => row('first').textContent()).toContain('Finished');
  expect(await loggedEvents(page, run)).toEqual(events);
  // A further state of the same run does not take its place.
  const further = join(scratch, 'further');
  await unzip(archive, further);
  const [folder] = await readdir(further);
  await writeFile(
    join(further, folder!, 'events.jsonl'),
    `${events.map((event) => JSON.stringify(event)).join('\n')}\n${JSON.stringify({ type: 'warning', code: 'a', message: 'b', time: '2030-01-01T00:00:00Z' })}\n`,
  );
  await dropPaths(page, '.run-drops', [join(further, folder!)]);
  await row('first (2)').waitFor(patience);
  expect(await loggedEvents(page, run)).toEqual(events);
  expect(await loggedEvents(page, `${run}-2`)).toHaveLength(events.length + 1);

  await page.reload();
  await show(page, `errors?run=${run}`);
  await page.locator('.confusion-cell').first().waitFor(patience);
  await expect.poll(() => page.locator('main').textContent()).toContain(String(valImages));
  await show(page, `export?run=${run}`);
  await page.getByText('model/onnx/model.onnx', { exact: true }).waitFor();
  await show(page, 'model');
  await page.getByText('An earlier run').first().waitFor();
  await photograph(opened, 'runs-opened-model');
});

async function unzip(archive: string, folder: string): Promise<void> {
  const reader = new ZipReader(new BlobReader(new Blob([await readFile(archive)])));
  for (const entry of await reader.getEntries()) {
    if (entry.directory) continue;
    const path = join(folder, entry.filename);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, await entry.getData(new Uint8ArrayWriter()));
  }
  await reader.close();
}

test('what is no run, is spoiled, or finds no room is said, and leaves nothing', async () => {
  await show(page, 'runs');
  const refused = async (path: string, words: RegExp): Promise<void> => {
    await dropPaths(page, '.run-drops', [path]);
    // What was received stands behind “Details”.
    await page
      .locator('#tray .notice')
      .getByText(words)
      .first()
      .waitFor({ ...patience, state: 'attached' });
    expect(await onTheDisk()).toEqual([]);
    await page
      .getByRole('button', { name: /^Dismiss/ })
      .first()
      .click();
  };
  await refused(
    pictures,
    /Expected a run folder, with recipe.yaml and events.jsonl in it, received train, val/,
  );
  await refused(resolve('public/models', shippedModel), /received a model/);
  const spoiled = join(scratch, 'spoiled');
  await cp(stopped, spoiled, { recursive: true });
  await writeFile(join(spoiled, 'recipe.yaml'), 'model: { model_nam: a }');
  await refused(spoiled, /model_nam/);
  await cp(join(stopped, 'recipe.yaml'), join(spoiled, 'recipe.yaml'));
  const state = join(spoiled, 'checkpoints/last/state.json');
  await writeFile(state, (await readFile(state, 'utf8')).replace('"format": 1', '"format": 7'));
  await refused(spoiled, /format 7/);

  const room = await limitStorage(opened, page);
  await refused(stopped, /storage/);
  await room.lift();
  await dropPaths(page, '.run-drops', [stopped]);
  await row('a <img').waitFor(patience);
});

test('a large run shows how far it is, and is cancelled or cut off without a trace', async () => {
  const large = join(scratch, 'large');
  await cp(stopped, large, { recursive: true });
  await mkdir(join(large, 'model'), { recursive: true });
  // Holes take no room until they are copied.
  for (let i = 0; i < 40; i++) {
    await writeFile(join(large, `model/part-${i}.bin`), '');
    await truncate(join(large, `model/part-${i}.bin`), 2 ** 26);
  }
  await show(page, 'runs');
  await page.waitForTimeout(500);
  await dropPaths(page, '.run-drops', [large]);
  const progress = page.locator('.run-opening progress[value]');
  await progress.waitFor(patience);
  await photographOnce('runs-opening');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('.toast', { hasText: 'nothing of it was kept' }).waitFor();
  expect(await onTheDisk()).toEqual([]);

  // The tab is closed in the middle: the next one tidies up.
  await dropPaths(page, '.run-drops', [large]);
  await progress.waitFor(patience);
  await expect.poll(async () => (await onTheDisk()).length).toBeGreaterThan(2);
  await page.close();
  page = await opened.context.newPage();
  await page.goto(opened.page.url());
  await show(page, 'runs');
  await expect.poll(() => onTheDisk(), patience).toEqual([]);
  expect(await page.locator('.run-name[data-run]').count()).toBe(0);
});

/** Not with a change of the window's size: it is over too soon. */
async function photographOnce(name: string): Promise<void> {
  await page.screenshot({ path: `.cache/screenshots/${name}-light.png` });
}
