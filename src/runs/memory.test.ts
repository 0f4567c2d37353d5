/** Models that can't train here are refused by their shapes, before anything is made of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyRecipe } from '../../tests/support/recipes.ts';
import { parseRecipe, type Recipe } from '../config/index.ts';
import { DeviceError, type OcelliError, type RunEvent } from '../core/index.ts';
import { type Device, type DeviceChoice, lookForGpu } from '../engine/index.ts';
import { buildModel } from '../models/index.ts';
import { requireCheckpointRoom, requireMemory, trainingBytes } from './memory.ts';
import { train } from './train.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-memory-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A ViT of `layers` layers, `width` wide. */
const recipeOf = (width: number, layers: number, training = ''): Recipe =>
  parseRecipe(
    `
model:
  model_name: wide-vit
  task_type: classification
  pretrained: false
  image_size: 32
  config: { model_type: vit, hidden_size: ${width}, num_hidden_layers: ${layers}, num_attention_heads: 8, intermediate_size: ${4 * width}, patch_size: 8 }
data:
  train_data_path: sample:shapes?images=8&seed=1&size=32&classes=3&objects=1
  val_data_path: sample:shapes?images=4&seed=2&size=32&classes=3&objects=1
  batch_size: 4
training: { max_epochs: 1${training} }
`,
    { source: 'recipe.yaml' },
  ).recipe;

async function refusal(name: string, recipe: Recipe, device: DeviceChoice) {
  const before = process.cpuUsage();
  const seen: RunEvent[] = [];
  let error: OcelliError | undefined;
  try {
    for await (const event of train({ recipe, out: join(folder, name), device })) seen.push(event);
  } catch (caught) {
    error = caught as OcelliError;
  }
  // Of the processor: the clock would count what else the machine does.
  const { user, system } = process.cpuUsage(before);
  return { error, seen, seconds: (user + system) / 1e6 };
}

describe('what a model takes to train', () => {
  const { recipe } = parseRecipe(tinyRecipe({ training: { optimizer: 'adam' } }), { source: 'test' });

  it('counts weights, gradients and what the optimiser keeps, and the largest tensor', () => {
    const model = buildModel(recipe.model.config, recipe.model.task_type);
    expect([...model.tensors()].some(([, tensor]) => tensor.isMaterialized)).toBe(false);
    let trained = 0;
    let all = 0;
    for (const [, tensor] of model.tensors()) {
      all += 4 * tensor.size;
      if (tensor.requiresGrad) trained += 4 * tensor.size;
    }
    expect(trained).toBeGreaterThan(0);
    expect(trainingBytes(model, recipe)).toMatchObject({
      weights: all,
      gradients: trained,
      moments: 2 * trained,
      total: all + 3 * trained,
      checkpoint: all + 2 * trained,
    });
  });

  const bytes = (largest: number, total: number) => ({
    weights: total,
    gradients: 0,
    moments: 0,
    total,
    checkpoint: total,
    largest: { name: 'wide.weight', shape: [largest / 4], bytes: largest },
  });
  const device = (binding: number | undefined, heap?: number): Device =>
    ({
      description: 'webgpu on a card',
      software: false,
      limits: heap === undefined ? {} : { maxHeapBytes: heap },
      gpu: binding === undefined ? undefined : { memory: { largestBinding: binding } },
    }) as unknown as Device;

  it('refuses one tensor above what the adapter binds, and a total above the heap; and takes what just fits', () => {
    expect(() => requireMemory(bytes(2 ** 20, 2 ** 30), device(2 ** 20))).not.toThrow();
    expect(() => requireMemory(bytes(2 ** 20 + 4, 2 ** 30), device(2 ** 20))).toThrow(/wide\.weight/);
    expect(() => requireMemory(bytes(4, 2 ** 32), device(undefined, 2 ** 32))).not.toThrow();
    expect(() => requireMemory(bytes(4, 2 ** 32 + 4), device(undefined, 2 ** 32))).toThrow(/4,097 MiB/);
  });

  it('refuses a disk without room for one checkpoint; a file system that tells nothing is believed', () => {
    expect(() => requireCheckpointRoom(bytes(4, 2 ** 21), '/runs', 2 ** 20)).toThrow(/2 MiB.*1 MiB free/);
    expect(() => requireCheckpointRoom(bytes(4, 2 ** 21), '/runs', 0)).not.toThrow();
  });
});

describe('a run of a model that is too large', () => {
  it('ends at once where it would outgrow the heap of WebAssembly', async () => {
    // 0.6 billion parameters: 2.4 GiB of weights fit, with gradients and moments they do not.
    const { error, seen, seconds } = await refusal('heap', recipeOf(2048, 12), 'wasm');
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ code: 'model_too_large', exitCode: 4 });
    expect(error!.message).toMatch(
      /at most 4,096 MiB.*weights.*gradients.*optimiser.*Fix: choose a smaller model/,
    );
    expect(seen.at(-1)).toMatchObject({ type: 'failed', code: 'model_too_large', exit_code: 4 });
    expect(seconds).toBeLessThan(20);
  });

  it('is told by the tensor that no kernel could bind', async ({ skip }) => {
    skip(!(await lookForGpu()).adapter, 'no adapter');
    const { error, seconds } = await refusal('tensor', recipeOf(16_384, 1), 'webgpu');
    expect(error).toMatchObject({ code: 'model_too_large', exitCode: 4 });
    expect(error!.received).toMatch(/\.weight of shape \[65536, 16384\], 4,096 MiB/);
    // Neither makes a tensor smaller.
    expect(error!.message).toMatch(/model\.image_size/);
    expect(error!.message).not.toMatch(/model\.freeze|sgd/);
    expect(seconds).toBeLessThan(30);
  });
});
