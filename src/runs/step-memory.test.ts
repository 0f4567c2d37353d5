/** Steps whose activations can't fit are refused before a weight is made, and what a step takes is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../config/index.ts';
import type { OcelliError, RunEvent, RunEventOf } from '../core/index.ts';
import { type DeviceChoice, lookForGpu, openDevice } from '../engine/index.ts';
import { mostThatFits } from './step-memory.ts';
import { train } from './train.ts';

const adapter = (await lookForGpu()).adapter !== undefined;
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-step-memory-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const resnet =
  '{ model_type: resnet, layer_type: basic, depths: [1, 1], embedding_size: 64, hidden_sizes: [64, 64] }';

/** Runs until the first step, or until it is refused. */
async function begin(name: string, device: DeviceChoice, size: number, config = resnet) {
  const before = process.cpuUsage();
  const { recipe } = parseRecipe(
    `
model: { model_name: ${name}, task_type: classification, pretrained: false, image_size: ${size}, config: ${config} }
data:
  train_data_path: sample:shapes?images=4&seed=1&size=32&classes=3&objects=1
  val_data_path: sample:shapes?images=4&seed=2&size=32&classes=3&objects=1
  batch_size: 4
training: { max_steps: 1, max_epochs: 1 }
`,
    { source: 'recipe.yaml' },
  );
  const events: RunEvent[] = [];
  let error: OcelliError | undefined;
  try {
    for await (const event of train({ recipe, out: join(folder, name), device })) events.push(event);
  } catch (caught) {
    error = caught as OcelliError;
  }
  // Of the processor: the clock would count what else the machine does.
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const ready = events.find((event): event is RunEventOf<'model_ready'> => event.type === 'model_ready');
  return { error, events, seconds, memory: ready?.memory };
}

describe('a step that is too large for its device', () => {
  it('is refused where the tensors of one picture outgrow the heap of WebAssembly', async () => {
    const { error, events, seconds, memory } = await begin('heap', 'wasm', 8192);
    expect(error).toMatchObject({ name: 'DeviceError', code: 'model_too_large', exitCode: 4 });
    expect(error!.message).toMatch(
      /at most 4,096 MiB.*a step of one image of 8192 × 8192 that takes at least [\d,]+ MiB.*Fix: use smaller images \(model\.image_size\)/,
    );
    expect(events.at(-1)).toMatchObject({ type: 'failed', code: 'model_too_large', exit_code: 4 });
    expect(memory).toBeUndefined();
    expect(seconds).toBeLessThan(10);
  }, 120_000);

  it.skipIf(!adapter)(
    'is refused where no kernel could bind one picture',
    async ({ skip }) => {
      const device = await openDevice('webgpu');
      const { largestBinding } = device.gpu!.memory;
      await device.dispose();
      // Three channels of four bytes.
      const side = 64 * Math.ceil(Math.sqrt(largestBinding / 12) / 64 + 1);
      skip(side > 16_384, 'this adapter binds the largest picture that a recipe can ask for');
      const { error, seconds } = await begin('binding', 'webgpu', side);
      expect(error).toMatchObject({ name: 'DeviceError', code: 'model_too_large', exitCode: 4 });
      expect(error!.message).toMatch(
        /binds at once.*one image of \d+ × \d+ with pixel_values of.*image_size/,
      );
      expect(seconds).toBeLessThan(10);
    },
    60_000,
  );

  it('is no matter where it fits: then what it takes is told', async () => {
    const { error, memory } = await begin('fits', 'wasm', 32);
    expect(error).toBeUndefined();
    expect(memory).toMatchObject({ images: 4, height: 32, width: 32, exact: false });
    // Weights, gradients and two moments alone are 1.6 MB.
    expect(memory!.bytes).toBeGreaterThan(1.5e6);
    expect(memory!.bytes).toBeLessThan(2e7);
  }, 120_000);
});

describe('a batch that certainly does not fit', () => {
  it.skipIf(!adapter)(
    'is computed in parts from its first step, with the numbers of parts that are asked for',
    async ({ skip }) => {
      const device = await openDevice('webgpu');
      const { largestBinding } = device.gpu!.memory;
      await device.dispose();
      const half = Math.floor(largestBinding / (12 * 1024 ** 2) / 2) + 1;
      skip(half > 8, 'this adapter binds batches that would take long');
      const run = async (name: string, rows: number, parts: number) => {
        const { recipe } = parseRecipe(
          `
model:
  model_name: ${name}
  task_type: classification
  pretrained: false
  config: { model_type: vit, image_size: 1024, patch_size: 64, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 8 }
data:
  train_data_path: sample:shapes?images=${2 * half}&seed=1&size=32&classes=3&objects=1
  val_data_path: sample:shapes?images=1&seed=2&size=32&classes=3&objects=1
  batch_size: ${rows}
training: { max_steps: 1, max_epochs: 1, accumulate_grad_batches: ${parts} }
`,
          { source: 'recipe.yaml' },
        );
        const seen: RunEvent[] = [];
        for await (const event of train({ recipe, out: join(folder, name), device: 'webgpu' })) {
          seen.push(event);
          // What comes after it, the export of a model, is the same in parts.
          if (event.type === 'step') break;
        }
        const step = seen.find((event): event is RunEventOf<'step'> => event.type === 'step')!;
        const warnings = seen.flatMap((event) => (event.type === 'warning' ? [event] : []));
        const ready = seen.find((event): event is RunEventOf<'model_ready'> => event.type === 'model_ready')!;
        return { numbers: [step.loss, step.grad_norm], warnings, memory: ready.memory!, step };
      };
      const parted = await run('parted', 2 * half, 1);
      const byHand = await run('by-hand', half, 2);
      expect(parted.warnings).toEqual([
        expect.objectContaining({ code: 'batch_split', message: expect.stringContaining('in 2 parts') }),
      ]);
      expect(byHand.warnings).toEqual([]);
      expect(parted.numbers).toEqual(byHand.numbers);
      expect(parted.memory).toEqual(byHand.memory);
      expect(parted.memory).toMatchObject({ images: half, exact: true, evaluation: { images: 1 } });
      expect(parted.memory.bytes / parted.step.gpu_bytes).toBeCloseTo(1, 2);
    },
    300_000,
  );

  it('may be as large as loads allow, in few tries', async () => {
    const search = async (load: (rows: number) => number, most: number) => {
      let tries = 0;
      const found = await mostThatFits(async (rows) => {
        tries++;
        return load(rows);
      }, most);
      return { found, tries };
    };
    expect((await search((rows) => 0.2 + rows * 0.01, 1000)).found).toBe(80);
    expect((await search((rows) => 0.2 + rows * 0.01, 1000)).tries).toBeLessThan(8);
    expect((await search((rows) => 0.2 + rows * 0.01, 50)).found).toBe(50);
    expect((await search((rows) => 0.9 + rows * 0.11, 50)).found).toBe(0);
    // One that grows late, and one in steps.
    expect((await search((rows) => Math.max(0.5, rows / 300), 1000)).found).toBe(300);
    expect((await search((rows) => Math.ceil(rows / 64) / 4, 100_000)).found).toBe(256);
    expect(await mostThatFits(async () => undefined, 10)).toBeUndefined();
  });
});
