/**
 * What is lost in the middle: the WebGPU device while a prediction waits for it, again and again, and the worker. What was
 * asked is answered all the same, and an event says what happened. The device is really destroyed: a script in front of
 * the worker's own keeps the devices that onnxruntime asks for, and ends them when numbers are about to be read.
 */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { OcelliPredict, PredictionDetail, RecoveredDetail } from '../../src/widget/index.ts';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, type Opened, predict, script, widgetPages } from './support/widget-page.ts';

/** `once` and `crash` are set by tests; `always`, by the page's address, ends every device. */
const saboteur = (always: boolean): string => `
self.once = false;
self.crash = false;
const devices = [];
if (self.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await request.apply(this, options);
    devices.push(device);
    return device;
  };
  // \`auto\` leaves software adapters alone, and here is no other.
  Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
  const map = GPUBuffer.prototype.mapAsync;
  GPUBuffer.prototype.mapAsync = function (mode, ...more) {
    if (mode === GPUMapMode.READ && (self.once || ${always})) {
      self.once = false;
      devices.at(-1).destroy();
    }
    return map.call(this, mode, ...more);
  };
}
const decode = self.createImageBitmap;
self.createImageBitmap = (...given) => {
  if (!self.crash) return decode(...given);
  setTimeout(() => { throw new Error('a crash'); });
  return new Promise(() => {});
};`;

/** Starts workers with the saboteur in front. */
const sabotage = (path: string): string => `<script>
const Original = Worker;
window.Worker = class extends Original {
  constructor(address, options) {
    const text = ['${path}', address].map((file) => 'import ' + JSON.stringify(new URL(file, location).href) + ';');
    super(URL.createObjectURL(new Blob(text, { type: 'text/javascript' })), options);
  }
};
window.recovered = [];
document.addEventListener('recovered', ({ detail: { reason, ...rest } }) => recovered.push({ ...rest, code: reason.code }));
</script>`;

const pages = widgetPages(['vit', 'yolos'], ({ site }) => {
  site.put('/once.js', { body: saboteur(false) });
  site.put('/always.js', { body: saboteur(true) });
});

const open = (path: string, attributes: string): Promise<Opened> =>
  pages.open(`${sabotage(path)}${script}<ocelli-predict ${attributes}></ocelli-predict>`);

const told = (page: Page): Promise<(Omit<RecoveredDetail, 'reason'> & { code: string })[]> =>
  page.evaluate(() => (window as unknown as { recovered: never[] }).recovered);

const set = (page: Page, name: 'once' | 'crash'): Promise<void> =>
  page.workers()[0]!.evaluate((key) => {
    (self as unknown as Record<string, boolean>)[key] = true;
  }, name);

const expected = (model: string) => headlessFindings(`${pages.root}/${model}`, pages.picture);

test('a device that is lost while a prediction waits for it: a new one answers', async () => {
  const { page, context } = await open('/once.js', 'model="/models/vit" device="webgpu"');
  await found(page);
  await set(page, 'once');
  expectSame(await found(page), await expected('vit'));
  expect(await told(page)).toEqual([
    { code: 'device_lost', device: 'webgpu', runtime: 'onnxruntime on webgpu' },
  ]);
  // And it stays well.
  expectSame(await found(page), await expected('vit'));
  expect(await told(page)).toHaveLength(1);
  await context.close();
});

test('a device that is lost again and again: WebAssembly answers', async () => {
  const { page, context } = await open('/always.js', 'model="/models/vit"');
  expectSame(await found(page), await expected('vit'));
  expect((await told(page)).at(-1)).toEqual({
    ...{ code: 'device_lost', device: 'wasm', runtime: 'onnxruntime on wasm' },
  });
  await context.close();
});

test('a device that is lost again and again where nothing else is wanted: an error that says so', async () => {
  const { page, context } = await open('/always.js', 'model="/models/vit" device="webgpu"');
  expect(await predict(page)).toMatchObject({
    error: { code: 'device_lost', fix: expect.stringContaining('device="wasm"') as string },
  });
  await page.getByRole('alert').filter({ hasText: 'device' }).waitFor();
  await context.close();
});

test('a worker that crashes: another one answers all who waited', async () => {
  const tag = (id: string, model: string): string =>
    `<ocelli-predict id="${id}" model="/models/${model}" device="wasm" threshold="0"></ocelli-predict>`;
  const { page, context } = await pages.open(
    `${sabotage('/once.js')}${script}${tag('a', 'vit')}${tag('b', 'yolos')}`,
  );
  await found(page, { selector: '#a' });
  await found(page, { selector: '#b' });
  await set(page, 'crash');
  const [a, b] = await page.evaluate(async () => {
    const picture = await (await fetch('/picture.png')).blob();
    const elements = ['#a', '#b'].map((id) => document.querySelector(id) as OcelliPredict);
    return Promise.all(elements.map((element) => element.predict(picture)));
  });
  expectSame(a as PredictionDetail, await expected('vit'), 1e-5);
  expectSame(b as PredictionDetail, await expected('yolos'), 1e-5);
  expect((await told(page)).map(({ code }) => code)).toEqual(['worker_crashed', 'worker_crashed']);
  // The one that crashed ends in its own time.
  await expect.poll(() => page.workers().length).toBe(1);
  await context.close();
});

test('a webcam goes on after a loss', async () => {
  const { page, context } = await open('/once.js', 'model="/models/vit" device="webgpu"');
  await context.grantPermissions(['camera']);
  await found(page);
  await page.getByRole('button', { name: 'Webcam' }).click();
  await set(page, 'once');
  await page.waitForFunction(() => (window as unknown as { recovered: unknown[] }).recovered.length === 1);
  await page.evaluate(() =>
    new Promise((done) => document.addEventListener('prediction', done, { once: true })).then(() => 0),
  );
  expect(await page.getByRole('alert').count()).toBe(0);
  await context.close();
});

test('an element that goes while its model loads leaves nothing in the worker', async () => {
  const { page, context } = await pages.open(
    `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
  );
  let release: () => void = () => {};
  const gate = new Promise<void>((done) => {
    release = done;
  });
  let asked: () => void = () => {};
  const waiting = new Promise<void>((done) => {
    asked = done;
  });
  await context.route('**/vit/onnx/model.onnx', async (route) => {
    asked();
    await gate;
    await route.continue();
  });
  const ended = page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    Object.assign(window, { element });
    return element.load().then(
      () => 'opened',
      (error: Error) => error.name,
    );
  });
  await waiting;
  await page.evaluate(() => document.querySelector('ocelli-predict')!.remove());
  release();
  expect(await ended).toBe('AbortError');
  const models = (): Promise<number | undefined> =>
    page.evaluate(async () => {
      const { element } = window as unknown as { element: OcelliPredict };
      return (await element.workerState())?.models;
    });
  await expect.poll(models).toBe(0);
  await context.close();
});
