/**
 * Every way by which data and models come into the app, with real files: folders and archives that are dropped, chosen or
 * fetched, models of a folder, of a hub and of an earlier run. And what the page says about wrong ones: what it is, and what to do.
 *
 * Drops come from the browser itself (`Input.dispatchDragEvent`), so their entries and handles are those of a file manager. The
 * system's folder dialog can't be driven: a handle of a folder with real files stands in for what the user would choose there.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HubServer } from '../support/hub.ts';
import { openChromium } from './support/chromium.ts';
import { dropPaths, type Files, type Host, hostOf, onDisk, picture, shortRecipe } from './support/inputs.ts';
import type { OpenedPage } from './support/page.ts';
import { accessibilityProblems, openAppPage, patience, photograph, show } from './support/views.ts';

const shipped = 'public/models/figures-resnet';

let browser: Browser;
let opened: OpenedPage | undefined;
let scratch: string;
let host: Host;
let hub: HubServer;
let model: Files;

/** Two classes with twenty pictures each. */
let classes: Files;
/** COCO: pictures in `train` and `val`, boxes in `annotations`. */
let boxes: Files;
const served = new Map<string, Uint8Array>();

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ocelli-inputs-'));
  browser = await openChromium();
  classes = await classFolders();
  boxes = await cocoFolders();
  model = Object.fromEntries(
    await Promise.all(
      (await readdir(shipped)).map(async (name) => [
        name,
        new Uint8Array(await readFile(join(shipped, name))),
      ]),
    ),
  );
  hub = await HubServer.start({
    'someone/figures': { files: model },
    'someone/unknown-family': { files: { 'config.json': Buffer.from('{"model_type":"bert"}') } },
  });
  host = await hostOf(served);
});

afterAll(async () => {
  await browser?.close();
  await hub?.dispose();
  host?.close();
  if (scratch) await rm(scratch, { recursive: true });
});

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function open(view: string, options: Parameters<typeof openAppPage>[1] = {}): Promise<Page> {
  opened = await openAppPage(browser, options);
  await show(opened.page, view);
  return opened.page;
}

async function classFolders(): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 40; i++) files[`${['round', 'crossed'][i % 2]}/${i}.png`] = await picture(i);
  return files;
}

async function cocoFolders(): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  for (const [split, count] of [
    ['train', 8],
    ['val', 4],
  ] as const) {
    const images = Array.from({ length: count }, (_, id) => ({
      ...{ id, file_name: `${id}.png`, width: 48, height: 48 },
    }));
    for (const { id } of images) files[`${split}/${id}.png`] = await picture(id);
    const coco = {
      images,
      categories: [{ id: 1, name: 'thing' }],
      annotations: images.map(({ id }) => ({
        ...{ id, image_id: id, category_id: 1, bbox: [8, 8, 30, 30], area: 900, iscrowd: 0 },
      })),
    };
    files[`annotations/instances_${split}.json`] = Buffer.from(JSON.stringify(coco));
  }
  return files;
}

async function zipOf(files: Files, level = 0): Promise<Buffer> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { level });
  for (const [name, bytes] of Object.entries(files)) await writer.add(name, new Uint8ArrayReader(bytes));
  return Buffer.from(await writer.close());
}

const recipeOf = (page: Page): Promise<string> =>
  page.evaluate(() => localStorage.getItem('ocelli-recipe') ?? '');

/** The data are described: so many training pictures of so many classes. */
async function dataAre(page: Page, training: number, count: number): Promise<void> {
  const tile = (name: string) =>
    page.locator('.tile', { has: page.getByText(name, { exact: true }) }).locator('dd');
  await expect
    .poll(() => tile('Training pictures').first().textContent(), patience)
    .toBe(training.toLocaleString('en'));
  expect(await tile('Classes').first().textContent()).toBe(String(count));
  await page.locator('.data-body .picture img').first().waitFor();
}

test('data: a folder that is dropped, with a class in each folder', async () => {
  const page = await open('data');
  await dropPaths(page, '.drop-zone', [await onDisk(scratch, 'dropped', classes)]);
  await page.getByText('dropped: one in five pictures is kept for validation').waitFor(patience);
  await dataAre(page, 32, 2);
  expect(await recipeOf(page)).toContain('train_data_path: /picked/dropped');
});

test('data: a dropped folder with COCO boxes makes the recipe a detection', async () => {
  const page = await open('data');
  await dropPaths(page, '.drop-zone', [await onDisk(scratch, 'boxed', boxes)]);
  await page.getByText('training and validation pictures were found').waitFor(patience);
  await dataAre(page, 8, 1);
  await page.getByText('These pictures have boxes').waitFor();
  expect(await recipeOf(page)).toContain('task_type: detection');
  await page.locator('.data-body rect.truth').first().waitFor();
  // It is said until a model is chosen.
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('heading', { name: 'Model', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Notices: 1' }).waitFor();
  await page
    .getByRole('listitem')
    .filter({ hasText: 'Small YOLOS' })
    .getByRole('button', { name: 'Choose' })
    .click();
  await expect.poll(() => page.getByText('These pictures have boxes').count()).toBe(0);
  await expect.poll(() => page.getByRole('button', { name: 'Notices: none' }).count()).toBe(1);
});

test('data: a zip that is dropped', async () => {
  const page = await open('data');
  const path = join(scratch, 'packed.zip');
  await writeFile(path, await zipOf(classes, 6));
  await dropPaths(page, '.drop-zone', [path]);
  await dataAre(page, 32, 2);
});

test('data: a folder that is chosen, where the browser has a picker and where it has a file input alone', async () => {
  const folder = await onDisk(scratch, 'chosen', classes);
  const page = await open('data');
  await page.evaluate(
    async (files) => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('chosen', {
        create: true,
      });
      for (const [path, text] of files) {
        const [name, file] = path!.split('/');
        const inside = await root.getDirectoryHandle(name!, { create: true });
        const writable = await (await inside.getFileHandle(file!, { create: true })).createWritable();
        await writable.write(Uint8Array.from(atob(text!), (letter) => letter.charCodeAt(0)));
        await writable.close();
      }
      Object.assign(window, { showDirectoryPicker: async () => root });
    },
    Object.entries(classes).map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]),
  );
  await page.getByRole('button', { name: 'Choose a folder' }).click();
  await dataAre(page, 32, 2);
  await opened!.close();

  // Firefox and Safari.
  opened = await openAppPage(browser);
  const other = opened.page;
  await other.addInitScript(() => Reflect.deleteProperty(window, 'showDirectoryPicker'));
  await other.reload();
  await show(other, 'data');
  const chooser = other.waitForEvent('filechooser');
  await other.getByRole('button', { name: 'Choose a folder' }).click();
  await (await chooser).setFiles(folder);
  await dataAre(other, 32, 2);
  expect(await recipeOf(other)).toContain('train_data_path: /picked/chosen');
});

test('data: the address of an archive, and of a folder that lists itself', async () => {
  const { port } = host;
  const base = `http://127.0.0.1:${port}`;
  served.set('/packed.zip', await zipOf(classes));
  for (const [path, bytes] of Object.entries(classes)) served.set(`/open/${path}`, bytes);
  const listed = Object.entries(classes).map(([path, { byteLength }]) => ({ path, size: byteLength }));
  served.set('/open/index.json', Buffer.from(JSON.stringify(listed)));
  const page = await open('data');
  const fetchFrom = async (address: string): Promise<void> => {
    await page.getByLabel('Or an address').fill(address);
    await page.getByRole('button', { name: 'Fetch' }).click();
  };
  await fetchFrom(`${base}/packed.zip`);
  await page.getByText('packed: one in five').waitFor(patience);
  await dataAre(page, 32, 2);
  await fetchFrom(`${base}/open/`);
  await page.getByText('open: one in five').waitFor(patience);
  await dataAre(page, 32, 2);

  await fetchFrom(`${base}/nothing.zip`);
  await page.getByRole('alert').getByText('status 404').waitFor();
  await fetchFrom(`${base}/nowhere/`);
  await page.getByRole('alert').getByText('a list of files at').waitFor();
  await fetchFrom('http://127.0.0.1:9/packed.zip');
  await page.getByRole('alert').getByText('no answer that this page may read').waitFor();
  await fetchFrom('ftp://example.org/packed.zip');
  await page.getByRole('alert').getByText('write it in full').waitFor();
  expect(await recipeOf(page)).toContain('/picked/open');
});

test('data: what can’t be learned from says why, and the data from before stay', async () => {
  const page = await open('data');
  await dataAre(page, 960, 5);
  const alert = page.getByRole('alert');
  const loose = { '1.png': await picture(1), '2.png': await picture(2) };
  await dropPaths(page, '.drop-zone', [await onDisk(scratch, 'loose', loose)]);
  await alert.getByText('annotations beside the 2 pictures').waitFor(patience);
  await dropPaths(page, '.drop-zone', [
    await onDisk(scratch, 'empty', { 'notes.txt': new Uint8Array([65]) }),
  ]);
  await alert.getByText('none of them a picture').waitFor(patience);
  await photograph(opened!, 'inputs-data-problem');
  expect(await accessibilityProblems(opened!)).toEqual([]);
  expect(await recipeOf(page)).toBe('');

  // A picture of 300 MB that is nothing but zeros, and one that is broken: the others are taken.
  const bomb = {
    ...classes,
    'round/bomb.png': new Uint8Array(3e8),
    'crossed/broken.png': new Uint8Array([1, 2]),
  };
  const path = join(scratch, 'bomb.zip');
  await writeFile(path, await zipOf(bomb, 9));
  await dropPaths(page, '.drop-zone', [path]);
  await page
    .getByRole('button', { name: 'Details: 2 pictures can’t be read and are left out' })
    .click(patience);
  await page.getByText(/bomb\.png: .*packed to/).waitFor();
  await dataAre(page, 32, 2);
});

test('model: a folder and a zip of one', async () => {
  const page = await open('model');
  const files = { 'config.json': model['config.json']!, 'model.safetensors': model['model.safetensors']! };
  await dropPaths(page, '.drop-zone', [await onDisk(scratch, 'mine', files)]);
  await page.getByText('/picked/mine is the model now').waitFor(patience);
  const zip = join(scratch, 'saved.zip');
  await writeFile(
    zip,
    await zipOf({ 'inside/config.json': model['config.json']!, ...prefixed('inside', files) }),
  );
  await dropPaths(page, '.drop-zone', [zip]);
  await page.getByText('/picked/saved/inside is the model now').waitFor(patience);
  await dropPaths(page, '.drop-zone', [
    await onDisk(scratch, 'weightless', { 'config.json': files['config.json'] }),
  ]);
  await page.getByRole('alert').getByText('no file that ends with .safetensors').waitFor(patience);
  expect(await recipeOf(page)).toContain('model_name: /picked/saved/inside');
  expect(await accessibilityProblems(opened!)).toEqual([]);
});

function prefixed(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]));
}

async function train(page: Page): Promise<void> {
  await show(page, 'train');
  const again = page.getByRole('button', { name: 'New run' });
  if ((await again.count()) > 0) await again.click();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.locator('.run-status.finished, .run-status.failed').waitFor(patience);
  expect(await page.getByRole('alert').allInnerTexts()).not.toContainEqual(
    expect.stringContaining('What to do'),
  );
}

test('model: of a hub, whose server can be set; wrong names and a hub that is away; then of the run that came out', async () => {
  const page = await open('model', { recipe: shortRecipe });
  await page.getByText('Another server').click();
  await page.getByLabel('Address of the server').fill('nonsense');
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  await page.locator('.field-error', { hasText: 'write it in full' }).waitFor();
  await page.getByLabel('Address of the server').fill(hub.endpoint);
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  const choose = async (id: string): Promise<void> => {
    await page.getByLabel('Another model').fill(id);
    await page.getByRole('button', { name: 'Choose', exact: true }).click();
  };
  await choose('someone/nothing');
  await page.getByRole('alert').getByText('check the name').waitFor();
  await choose('someone/unknown-family');
  await page.getByRole('alert').getByText('model_type=bert').waitFor();
  await choose('no name at all');
  await page.getByRole('alert').getByText('write it like').waitFor();
  await photograph(opened!, 'inputs-hub-problem');
  expect(await recipeOf(page)).toBe(shortRecipe);
  await choose('someone/figures');
  await page.getByText('someone/figures is the model now').waitFor();
  await train(page);
  expect(hub.requests.some(({ path }) => path.startsWith('/cdn/someone/figures/'))).toBe(true);

  await show(page, 'model');
  await page.getByRole('button', { name: 'Choose short' }).click();
  await page.getByText(/\/runs\/short.* is the model now/).waitFor();
  await train(page);
  // It goes on from what it had learned: no class is new.
  await page.getByText('3 known to the model, 0 new').waitFor();

  await show(page, 'model');
  await page.getByLabel('Address of the server').fill('http://127.0.0.1:9');
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  await choose('someone/figures');
  await page.getByRole('alert').getByText('check the connection').waitFor();
  expect(await accessibilityProblems(opened!)).toEqual([]);
});

test('the detector of the samples is looked for at once, and its absence is told', async () => {
  const page = await open('data');
  await page.route(/huggingface/, (route) => route.abort('internetdisconnected'));
  await page.getByLabel('Find the shapes').click({ force: true });
  await page.getByText('The pretrained detector can’t be fetched').waitFor();
  await dataAre(page, 480, 5);
  await page.locator('.data-body rect.truth').first().waitFor();
  await photograph(opened!, 'inputs-no-detector');
  await page.getByLabel('Name the shape').click({ force: true });
  await expect.poll(() => page.getByText('The pretrained detector can’t').count()).toBe(0);
  await expect.poll(() => recipeOf(page)).toBe('');
});
