import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linearModel } from '../../tests/support/linear-net.ts';
import { smallBatches, smallDataset, smallTask } from '../../tests/support/small-run.ts';
import type { Batch } from '../data/index.ts';
import { type Device, openDevice, tf } from '../engine/index.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import { TrainingStep } from './step.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

/** One step over `batches` with SGD; the weights, the loss and the gradient's norm afterwards. */
async function oneStep(
  batches: readonly Batch[],
  clip?: { kind: 'norm' | 'value'; limit: number },
  on = device,
) {
  const model = linearModel();
  const parameters = [...model.parameters()].map(([name, { value }]) => ({ name, variable: value }));
  const optimizer = new Optimizer(createAlgorithm('sgd'), [
    { name: 'all', parameters, learningRateFactor: 1 },
  ]);
  const mix = { mixupAlpha: 0, cutmixAlpha: 0 };
  const step = new TrainingStep(model, smallTask, on, optimizer, { seed: 1, clip, mix });
  for (const [part, batch] of batches.entries()) await step.add(batch, 1, part);
  await step.finish([0.5], 1);
  const [result] = await step.results(0);
  const weights: number[] = [];
  for (const { variable } of parameters) weights.push(...(await device.read(variable)));
  step.dispose();
  optimizer.dispose();
  model.dispose();
  return { ...result!, weights };
}

async function batchesOf(images: number, batchSize: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of smallBatches(smallDataset(images), { batchSize }).epoch(0)) batches.push(batch);
  return batches;
}

describe('a training step', () => {
  it('moves the weights by parts as by one batch, also when the last part is not full', async () => {
    const whole = await oneStep(await batchesOf(7, 7));
    const parts = await oneStep(await batchesOf(7, 4));
    expect(parts.images).toBe(7);
    expect(parts.loss).toBeCloseTo(whole.loss, 6);
    expect(parts.gradientNorm).toBeCloseTo(whole.gradientNorm, 6);
    parts.weights.forEach((weight, i) => {
      expect(weight).toBeCloseTo(whole.weights[i]!, 6);
    });
    const start = Array.from({ length: 9 }, (_, i) => Math.sin(i + 1));
    expect(start.some((weight, i) => Math.abs(weight - whole.weights[i]!) > 1e-3)).toBe(true);
  });

  it('clips the averaged gradient, not its parts', async () => {
    for (const kind of ['norm', 'value'] as const) {
      const whole = await oneStep(await batchesOf(8, 8), { kind, limit: 0.05 });
      const parts = await oneStep(await batchesOf(8, 4), { kind, limit: 0.05 });
      parts.weights.forEach((weight, i) => {
        expect(weight).toBeCloseTo(whole.weights[i]!, 6);
      });
      expect(whole.gradientNorm).toBeGreaterThan(0.05);
    }
  });

  it('fails once when the device fails at its end: the result that nobody can ask for ends no process', async () => {
    const lost = new Error('the device is lost');
    let failed = false;
    const failing: Device = Object.assign(Object.create(device), {
      read: async () => {
        failed = true;
        throw lost;
      },
      check: () => {
        if (failed) throw lost;
      },
    });
    const unseen: unknown[] = [];
    const listener = (reason: unknown): void => void unseen.push(reason);
    process.on('unhandledRejection', listener);
    try {
      await expect(oneStep(await batchesOf(8, 8), undefined, failing)).rejects.toBe(lost);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unseen).toEqual([]);
  });

  it('leaves no tensors behind', async () => {
    const batches = await batchesOf(8, 4);
    const before = tf.memory().numTensors;
    await oneStep(batches);
    expect(tf.memory().numTensors).toBe(before);
  });
});
