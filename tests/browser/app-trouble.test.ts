/**
 * What can go wrong around a run in the app, and what its user reads then: a model that does not fit, a browser that is full, a
 * device that goes and does not come back, another tab, a run that ended before its first checkpoint. Nothing is lost, and the
 * page says what to do in its own words.
 */
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { speaksOfCommandLine } from '../../src/app/page-words.ts';
import { drawShapes } from '../../src/data/sample/shapes.ts';
import { encodeImage } from '../../src/platform/node/index.ts';
import { HubServer } from '../support/hub.ts';
import { openChromium } from './support/chromium.ts';
import type { OpenedPage } from './support/page.ts';
import { tinyRecipe } from './support/recipe.ts';
import { limitStorage } from './support/storage.ts';
import { openAppPage, patience, photograph, startTraining, status } from './support/views.ts';

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

async function open(recipe: string, device?: 'webgpu' | 'wasm'): Promise<Page> {
  opened = await openAppPage(browser, { recipe });
  const { page } = opened;
  if (device) {
    await page.evaluate((name) => localStorage.setItem('ocelli-device', name), device);
    await page.reload();
    await page.waitForSelector('h1');
  }
  return page;
}

const click = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click();

async function stop(page: Page): Promise<void> {
  await click(page, 'Stop');
  await status(page, 'stopped');
}

/** The notice of the run, as a whole; it speaks the language of a page. */
async function noticeOf(page: Page, title: string): Promise<string> {
  const text = (await page.locator('.notice', { hasText: title }).first().textContent(patience)) ?? '';
  expect(speaksOfCommandLine(text), text).toBe(false);
  return text;
}

async function trainingWorker(page: Page) {
  await expect
    .poll(() => page.workers().some((worker) => worker.url().includes('training.worker')), patience)
    .toBe(true);
  return page.workers().find((worker) => worker.url().includes('training.worker'))!;
}

/** A ViT of that many layers and that width; its weights need not be made to know what they take. */
const largeRecipe = (width: number, layers: number): string =>
  tinyRecipe()
    .replace('hidden_size: 32', `hidden_size: ${width}`)
    .replace('num_hidden_layers: 1', `num_hidden_layers: ${layers}`)
    .replace('intermediate_size: 64', `intermediate_size: ${4 * width}`);

/** A ResNet, which is small however large its pictures are. */
const largePictures = (side: number): string =>
  tinyRecipe().replace(
    /image_size: 32\n {2}config:[\s\S]*?patch_size: 8/,
    `image_size: ${side}\n  config: ${smallResnet}`,
  );
const smallResnet =
  '{ model_type: resnet, layer_type: basic, depths: [1], embedding_size: 64, hidden_sizes: [64] }';

test.each([
  ['outgrows the heap of WebAssembly', 'wasm', largeRecipe(2048, 12), /at most 4,096 MiB.*of gradients/s],
  [
    'has a tensor that the adapter can not bind',
    'webgpu',
    largeRecipe(32_768, 1),
    /no tensor above .*shape \[/s,
  ],
  [
    'outgrows the heap of WebAssembly with one picture',
    'wasm',
    largePictures(8192),
    /at most 4,096 MiB.*one image of 8192 × 8192 that takes at least/s,
  ],
  [
    'has a picture that the adapter can not bind',
    'webgpu',
    largePictures(16_384),
    /no value above .*one image of 16384 × 16384/s,
  ],
] as const)('a model that %s is refused at once', async (_, device, recipe, words) => {
  const page = await open(recipe, device);
  const started = Date.now();
  await startTraining(page);
  await status(page, 'failed');
  const text = await noticeOf(page, 'The model is too large for this device');
  console.log(`refused after ${((Date.now() - started) / 1000).toFixed(1)} s`);
  expect(text).toMatch(words);
  expect(text).toContain('choose a smaller model');
  await photograph(opened!, `too-large-${device}`);
  await click(page, 'Choose another model');
  await page.getByRole('heading', { level: 1, name: 'Model' }).waitFor();
});

test('a browser that is full stops a run with words, and it goes on from its checkpoint when there is room', async () => {
  const page = await open(tinyRecipe({ epochs: 5000 }), 'wasm');
  await startTraining(page);
  await page.getByText('Last checkpoint').waitFor(patience);
  const full = await limitStorage(opened!, page);
  await status(page, 'failed');
  const text = await noticeOf(page, 'The browser’s storage is full');
  expect(text).toContain('remove old runs');
  await photograph(opened!, 'disk-full');
  await click(page, 'See what takes room');
  await page.getByText('Of it caches').first().waitFor();
  await full.lift();
  await click(page, 'Resume from the checkpoint');
  await status(page, 'running');
  await expect.poll(() => page.locator('.notice', { hasText: 'storage is full' }).count()).toBe(0);
  await stop(page);
});

test('a browser that is full before the run begins says so; data that can not be split neither is half there', async () => {
  const page = await open(tinyRecipe({ epochs: 5000 }), 'wasm');
  const full = await limitStorage(opened!, page);
  await startTraining(page);
  await status(page, 'failed');
  await noticeOf(page, 'The browser’s storage is full');

  const writer = new ZipWriter(new Uint8ArrayWriter(), { level: 0 });
  for (let i = 0; i < 20; i++) {
    const image = await encodeImage(drawShapes(i, { seed: 7, size: 64, classes: 2, objects: 1 }), 'png');
    await writer.add(`mine/${i % 2 === 0 ? 'circle' : 'cross'}/${i}.png`, new Uint8ArrayReader(image));
  }
  const buffer = Buffer.from(await writer.close());
  await page.evaluate(() => {
    location.hash = '#/data';
  });
  const choose = async (): Promise<void> => {
    const input = page.locator('input[type=file][accept*=zip]').first();
    await input.setInputFiles({ name: 'mine.zip', mimeType: 'application/zip', buffer });
  };
  await choose();
  const problem = page.locator('main .notice', { hasText: 'The browser’s storage is full' });
  expect(speaksOfCommandLine((await problem.first().textContent(patience)) ?? '')).toBe(false);
  await photograph(opened!, 'disk-full-data');
  await full.lift();
  await choose();
  await page.getByText('one in five pictures is kept for validation').waitFor(patience);
});

/** Safetensors with one tensor that no model asks for: it is as large as the weights of one. */
function someWeights(bytes: number): Uint8Array {
  const header = JSON.stringify({ some: { dtype: 'F32', shape: [bytes / 4], data_offsets: [0, bytes] } });
  const file = new Uint8Array(8 + header.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(new TextEncoder().encode(header), 8);
  return file;
}

test('a browser that gets full while a model of the hub is fetched: that is said, and the download goes on where it stopped', async () => {
  const config = {
    ...{ model_type: 'vit', hidden_size: 256, num_hidden_layers: 8, num_attention_heads: 4 },
    ...{ intermediate_size: 1024, image_size: 32, patch_size: 8 },
  };
  const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const hub = await HubServer.start({
    'someone/large': {
      files: {
        'config.json': json(config),
        'preprocessor_config.json': json({ image_processor_type: 'ViTImageProcessor', size: 32 }),
        'model.safetensors': someWeights(26e6),
      },
    },
  });
  try {
    const page = await open(
      tinyRecipe()
        .replace('model_name: tiny-vit', 'model_name: someone/large')
        .replace(/ {2}pretrained: false\n {2}image_size: 32\n {2}config:\n(?: {4}.*\n)+/, ''),
      'wasm',
    );
    await page.evaluate((address) => localStorage.setItem('ocelli-hub', address), hub.endpoint);
    await page.reload();
    const fetched = () =>
      hub.requests.filter(
        ({ path, range }) => path.startsWith('/cdn/someone/large/') && range !== 'bytes=0-0',
      );
    // Connections break, and what is asked for after the first time comes when the disk is full.
    hub.breaks = Array.from({ length: 8 }, () => 5e6);
    let release = (): void => {};
    const full = new Promise<void>((done) => {
      release = done;
    });
    hub.gate = () => (fetched().length > 1 ? full : undefined);
    await startTraining(page);
    await expect.poll(() => fetched().length, patience).toBeGreaterThan(1);
    const limit = await limitStorage(opened!, page);
    release();
    await status(page, 'failed');
    await noticeOf(page, 'The browser’s storage is full');
    await limit.lift();
    hub.breaks = [];
    const before = fetched().length;
    await click(page, 'Start again');
    await expect.poll(() => fetched().length, patience).toBeGreaterThan(before);
    expect(fetched()[before]!.range).toMatch(/^bytes=[1-9]\d*-/);
  } finally {
    await hub.dispose();
  }
});

test('a device that is lost and stays away: the run says what to do, and goes on without it', async () => {
  const page = await open(tinyRecipe({ epochs: 5000 }), 'webgpu');
  const worker = await trainingWorker(page);
  await worker.evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await request.call(this, descriptor);
      Object.assign(self, { deviceUnderTest: device });
      return device;
    };
  });
  await startTraining(page);
  await page.getByText('Last checkpoint').waitFor(patience);
  await worker.evaluate(() => {
    navigator.gpu.requestAdapter = () => Promise.resolve(null);
    (self as unknown as { deviceUnderTest: GPUDevice }).deviceUnderTest.destroy();
  });
  await page.locator('.tray .notice').getByText('waiting for it for up to').waitFor(patience);
  await status(page, 'failed');
  const text = await noticeOf(page, 'The graphics device was lost');
  expect(text).toContain('no adapter came back within');
  expect(text).toContain('choose WebAssembly');
  await photograph(opened!, 'device-gone');
  await click(page, 'Choose the device');
  await page.getByLabel('WebAssembly', { exact: true }).check({ force: true });
  await click(page, 'Resume from the checkpoint');
  await status(page, 'running');
  await page.locator('dd', { hasText: /^wasm on / }).waitFor(patience);
  await stop(page);
});

test('a second tab says that the run is in the first, and offers it when that tab is gone', async () => {
  const page = await open(tinyRecipe({ epochs: 5000 }), 'wasm');
  await startTraining(page);
  await page.getByText('Last checkpoint').waitFor(patience);
  const second = await opened!.context.newPage();
  await second.goto(page.url().replace(/#.*/, ''));
  await second.getByText('“tiny” is training in another tab').waitFor(patience);
  await photograph({ ...opened!, page: second }, 'other-tab');
  await second.evaluate(() => {
    location.hash = '#/runs';
  });
  await second.locator('.run-state.running').waitFor();
  expect(await second.getByRole('button', { name: 'Resume' }).count()).toBe(0);
  expect(await second.getByRole('button', { name: /^Remove tiny/ }).isDisabled()).toBe(true);
  await page.close();
  await second.getByText('was interrupted at step').waitFor(patience);
  await click(second, 'Resume');
  await status(second, 'running');
  await stop(second);
});

test('a run that was interrupted before its first checkpoint says why it can’t go on, and starts again', async () => {
  // The first epoch is longer than this test looks at it.
  const recipe = tinyRecipe({ epochs: 2 }).replace('images=16', 'images=20000');
  const page = await open(recipe, 'wasm');
  await startTraining(page);
  await status(page, 'running');
  await page.reload();
  await page.getByText('was interrupted before its first checkpoint').waitFor(patience);
  await noticeOf(page, 'was interrupted before its first checkpoint');
  await photograph(opened!, 'interrupted-early');
  await page.evaluate(() => {
    location.hash = '#/runs';
  });
  await page.getByText('nothing to resume from').first().waitFor();
  expect(await page.getByRole('button', { name: 'Resume' }).count()).toBe(0);
  await page.locator('.notice').getByRole('button', { name: 'Start again' }).click();
  await status(page, 'running');
  await stop(page);
});

test('a page of a plain file server asks for nothing that is not there', async () => {
  const missing: string[] = [];
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.on('response', (response) => {
      if (response.status() >= 400) missing.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(inject('appUrl'));
    await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
    expect(missing).toEqual([]);
  } finally {
    await context.close();
  }
});

test('a view whose code does not come says so, and a reload brings it', async () => {
  const page = await open(tinyRecipe());
  // Everything else is there.
  await page.waitForFunction(() => document.querySelectorAll('.hero-samples img').length === 8);
  const broken = (url: URL): boolean => url.pathname.endsWith('.js');
  await page.route(broken, (route) => route.abort('internetdisconnected'));
  await page.evaluate(() => {
    location.hash = '#/runs';
  });
  await noticeOf(page, 'The view Runs did not come');
  await page.unroute(broken);
  await click(page, 'Reload the page');
  await page.getByRole('heading', { level: 1, name: 'Runs' }).waitFor();
});
