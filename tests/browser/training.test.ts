/** A run in the browser's worker from start to end: the same numbers as headless, and nothing lost on the way. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/core/index.ts';
import { memorySource, openSafetensors } from '../../src/formats/safetensors/index.ts';
import { train } from '../../src/runs/index.ts';
import { openPage } from './support/page.ts';
import { pageOfTest } from './support/page-of-test.ts';
import { tinyRecipe } from './support/recipe.ts';

let page: Page;
pageOfTest(openPage, (opened) => {
  page = opened.page;
});

interface Trained {
  readonly losses: readonly number[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}
/** Twelve steps. */
let headless: Trained;
/** Many: what a test does in their midst comes in time, however late it comes. */
const longRecipe = tinyRecipe({ epochs: 60 });
const longSteps = 120;
let headlessLong: Trained;

beforeAll(async () => {
  headless = await trainHeadless(tinyRecipe());
  headlessLong = await trainHeadless(longRecipe);
});

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

async function trainHeadless(text: string): Promise<Trained> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-headless-'));
  try {
    const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
    const losses: number[] = [];
    for await (const event of train({ recipe, out: `${folder}/run`, device: 'wasm' })) {
      if (event.type === 'step') losses.push(event.loss);
    }
    return { losses, weights: await tensorsOf(await readFile(`${folder}/run/model/model.safetensors`)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function tensorsOf(bytes: Uint8Array): Promise<ReadonlyMap<string, Float32Array>> {
  const file = await openSafetensors(memorySource('model.safetensors', new Uint8Array(bytes)));
  const tensors = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) tensors.set(name, (await file.read(name)) as Float32Array);
  return tensors;
}

async function exportedWeights(run: string): Promise<ReadonlyMap<string, Float32Array>> {
  const text = await page.evaluate((path) => window.ocelli.base64(path), `${run}/model/model.safetensors`);
  return tensorsOf(Buffer.from(text, 'base64'));
}

function largestDifference(ours: ReadonlyMap<string, Float32Array>, { weights }: Trained): number {
  expect([...ours.keys()].sort()).toEqual([...weights.keys()].sort());
  let largest = 0;
  for (const [name, values] of weights) {
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - ours.get(name)![i]!));
    });
  }
  return largest;
}

const start = (request: { recipe: string; device?: 'wasm' | 'webgpu' | 'auto'; overrides?: string[] }) =>
  page.evaluate((given) => window.ocelli.start(given), request);
const ended = () => page.evaluate(() => window.ocelli.ended());
const seen = (type: RunEvent['type'], step?: number) =>
  page.evaluate(({ type, step }) => window.ocelli.seen(type, step), { type, step });
const events = () => page.evaluate(() => window.ocelli.events);
const losses = async () => (await events()).flatMap((event) => (event.type === 'step' ? [event.loss] : []));

async function reload(): Promise<void> {
  await page.reload();
  await page.waitForFunction(() => 'ocelli' in window);
}

async function finishedRun(): Promise<string> {
  const outcome = await ended();
  if (!('value' in outcome)) throw new Error(JSON.stringify(outcome.error));
  expect(outcome.value.outcome).toBe('finished');
  return outcome.value.run;
}

test.each([
  ['wasm', 1e-6],
  // Adam divides gradients by their size: where one is nothing but rounding, devices part by more than that.
  ['webgpu', 1e-3],
] as const)(
  'on %s the loss falls, and the exported folder is that of a headless run',
  async (device, tolerance) => {
    await start({ recipe: tinyRecipe(), device });
    const run = await finishedRun();
    const all = await events();
    const told = all.filter(({ type }) => type === 'failed' || type === 'warning');
    expect(told).toEqual([]);
    const found = await losses();
    expect(found).toHaveLength(12);
    expect(mean(found.slice(-4))).toBeLessThan(0.9 * mean(found.slice(0, 4)));
    for (const [i, loss] of found.entries())
      expect(Math.abs(loss - headless.losses[i]!)).toBeLessThan(tolerance);
    expect(largestDifference(await exportedWeights(run), headless)).toBeLessThan(tolerance);

    const names = (await page.evaluate((folder) => window.ocelli.client.worker.listFiles(folder), run)).map(
      ({ path }) => path.slice(run.length + 1),
    );
    expect(names).toEqual(
      expect.arrayContaining([
        'checkpoints/best/model.safetensors',
        'checkpoints/last/state.json',
        'events.jsonl',
        'model/config.json',
        'model/onnx/model.onnx',
        'recipe.yaml',
        'report/index.html',
      ]),
    );
    const log = Buffer.from(
      await page.evaluate((path) => window.ocelli.base64(path), `${run}/events.jsonl`),
      'base64',
    );
    expect(
      log
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as RunEvent),
    ).toEqual(all);
  },
);

test('pause, predict meanwhile, reload, resume: the same model to the last bit', async () => {
  await start({ recipe: longRecipe, device: 'wasm' });
  await seen('step', 3);
  await page.evaluate(() => window.ocelli.client.worker.pause());
  const paused = (await seen('paused')) as RunEvent & { step: number };
  expect(paused.step).toBeLessThan(longSteps);
  const before = await events();
  expect(before.filter((event) => event.type === 'step').length).toBe(paused.step);
  expect(before.at(-2)).toMatchObject({ type: 'checkpoint', step: paused.step });

  const preview = await page.evaluate(() =>
    window.ocelli.client.worker.preview({ split: 'val', images: [0, 3, 99] }),
  );
  expect(preview).toMatchObject({ step: paused.step, classes: ['circle', 'cross', 'triangle'] });
  expect(preview.images.map(({ index, truth }) => [index, truth.labels])).toEqual([
    [0, [0]],
    [3, [0]],
  ]);
  for (const { prediction } of preview.images) {
    if (prediction.task !== 'classification') throw new Error('a classifier');
    const scores = Object.values(prediction.value.scores);
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
  }
  const [image] = await page.evaluate(async () =>
    (await window.ocelli.client.worker.dataImages('val', [3])).map(({ picture, ...rest }) => ({
      ...rest,
      bytes: picture.size,
    })),
  );
  expect(image).toMatchObject({ index: 3, truth: { labels: [0] } });
  expect(image!.bytes).toBeGreaterThan(100);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await events()).toEqual(before);
  const runs = () => page.evaluate(() => window.ocelli.client.runs());
  await expect.poll(runs).toMatchObject([{ status: 'paused' }]);

  await reload();
  const found = await page.evaluate(() => window.ocelli.left());
  expect(found).toMatchObject({ status: 'interrupted', step: paused.step, name: 'tiny' });
  await page.evaluate((run) => window.ocelli.resume({ run }), found.run);
  const run = await finishedRun();
  const resumed = (await events()).find((event) => event.type === 'resumed');
  expect(resumed).toMatchObject({ exact: true, step: paused.step });
  expect(await losses()).toEqual(headlessLong.losses.slice(paused.step));
  expect(largestDifference(await exportedWeights(run), headlessLong)).toBeLessThan(1e-6);
  expect(await page.evaluate(() => window.ocelli.client.runs())).toMatchObject([{ status: 'finished', run }]);
});

test('a pause goes on where it stood; a stop keeps a checkpoint; what came from it predicts', async () => {
  await start({ recipe: longRecipe, device: 'wasm' });
  await seen('step', 2);
  await page.evaluate(() => window.ocelli.client.worker.pause());
  await page.evaluate(() => window.ocelli.client.worker.proceed());
  const { step } = (await seen('resumed')) as RunEvent & { step: number };
  await seen('step', step + 1);
  await page.evaluate(() => window.ocelli.client.worker.stop());
  const outcome = await ended();
  expect(outcome).toMatchObject({ value: { outcome: 'stopped' } });
  const { run } = (outcome as { value: { run: string } }).value;
  expect(await page.evaluate(() => window.ocelli.client.runs())).toMatchObject([{ status: 'stopped', run }]);
  const refused = await page.evaluate(() => window.ocelli.outcomeOf(window.ocelli.client.worker.preview()));
  expect(refused).toMatchObject({ error: { name: 'ConfigError', code: 'no_run' } });

  await page.evaluate((folder) => window.ocelli.resume({ run: folder }), run);
  await finishedRun();
  const answer = await page.evaluate(async (folder) => {
    const { worker } = window.ocelli.client;
    const canvas = new OffscreenCanvas(32, 32);
    canvas.getContext('2d')?.fillRect(8, 8, 16, 16);
    const result = await worker.predict({ model: folder, device: 'wasm' }, [await canvas.convertToBlob()]);
    const archive = await worker.zipFolder(`${folder}/model`);
    return {
      result,
      archive: archive.size,
      zip: [...new Uint8Array(await archive.slice(0, 2).arrayBuffer())],
    };
  }, run);
  expect(answer.result).toMatchObject({
    classes: ['circle', 'cross', 'triangle'],
    runtime: 'onnxruntime on wasm',
  });
  expect(answer.result.predictions).toHaveLength(1);
  expect(answer.zip).toEqual([0x50, 0x4b]);
  expect(answer.archive).toBeGreaterThan(100_000);

  await page.evaluate((folder) => window.ocelli.client.worker.removeRun(folder), run);
  expect(await page.evaluate(() => window.ocelli.client.runs())).toEqual([]);
});

test('errors arrive with class, code, problems and fix', async () => {
  const failed = (recipe: string) =>
    page.evaluate(
      (text) => window.ocelli.outcomeOf(window.ocelli.client.start({ recipe: text }, () => undefined)),
      recipe,
    );
  expect(await failed('model: { task: classification }\nfoo: 1')).toMatchObject({
    error: {
      name: 'ConfigError',
      isOcelliError: true,
      problems: expect.arrayContaining([expect.stringContaining('foo') as string]) as string[],
    },
  });
  expect(
    await failed(tinyRecipe().replace(/sample:shapes\?images=16[^\n]*/, '/nowhere/at/all')),
  ).toMatchObject({
    error: { name: 'DataError', code: 'file_missing' },
  });
});

test('a worker that dies fails its calls, and its run can be resumed', async () => {
  await start({ recipe: longRecipe, device: 'wasm' });
  await seen('checkpoint');
  const [worker] = page.workers().filter((candidate) => candidate.url().includes('training.worker'));
  await worker!.evaluate(() => {
    setTimeout(() => {
      throw new Error('boom');
    });
  });
  expect(await ended()).toMatchObject({
    error: { name: 'RunError', code: 'worker_crashed', received: expect.stringContaining('boom') as string },
  });
  const found = await page.evaluate(() => window.ocelli.left());
  expect(found).toMatchObject({ status: 'interrupted' });
  await page.evaluate((run) => window.ocelli.resume({ run }), found.run);
  expect(largestDifference(await exportedWeights(await finishedRun()), headlessLong)).toBeLessThan(1e-6);
});

test('a device that is lost in the middle is opened again, and the run goes on from its checkpoint', async () => {
  // The worker must be there before its device is: any call starts it.
  await page.evaluate(() => window.ocelli.client.worker.storage());
  const [worker] = page.workers().filter((candidate) => candidate.url().includes('training.worker'));
  await worker!.evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await request.call(this, descriptor);
      Object.assign(self, { deviceUnderTest: device });
      return device;
    };
  });
  // Long enough to be lost in the middle, whatever the machine.
  await start({ recipe: tinyRecipe({ epochs: 5000 }), device: 'webgpu' });
  await seen('checkpoint');
  await worker!.evaluate(() => {
    (self as unknown as { deviceUnderTest: GPUDevice }).deviceUnderTest.destroy();
  });
  await page.evaluate(() => window.ocelli.warned('device_lost_recovered'));
  const lostAt = (await losses()).length;
  await page.evaluate((count) => window.ocelli.stepsAfter(count), lostAt);
  const preview = await page.evaluate(() => window.ocelli.client.worker.preview({ images: [0] }));
  expect(preview.images).toHaveLength(1);
  await page.evaluate(() => window.ocelli.client.worker.stop());
  expect(await ended()).toMatchObject({ value: { outcome: 'stopped' } });
  expect((await events()).filter(({ type }) => type === 'failed')).toEqual([]);
});
