import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallBatches, smallDataset, smallModel, smallTask } from '../../tests/support/small-run.ts';
import type { Batch } from '../data/index.ts';
import { type Device, openDevice, replayProgram, tf } from '../engine/index.ts';
import type { Task } from '../tasks/index.ts';
import { WeightAverage } from './ema.ts';
import { parameterGroups } from './groups.ts';
import { LossScale } from './loss-scale.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import { TrainingStep } from './step.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

describe('the loss scale', () => {
  it('is halved by overflows, doubled after two thousand good steps, and gives up when it is tiny', () => {
    const scale = new LossScale();
    expect(scale.observe(true, 2 ** 16)).toBe(true);
    expect(scale.value).toBe(2 ** 15);
    for (let i = 0; i < 1999; i++) scale.observe(false, scale.value);
    expect(scale.value).toBe(2 ** 15);
    const again = new LossScale();
    again.restore(scale.state());
    again.observe(false, again.value);
    expect(again.value).toBe(2 ** 16);
    // Good steps count from the last overflow on.
    again.observe(false, again.value);
    again.observe(true, again.value);
    for (let i = 0; i < 1999; i++) again.observe(false, again.value);
    expect(again.value).toBe(2 ** 15);
    again.observe(false, again.value);
    expect(again.value).toBe(2 ** 16);
    let left = 0;
    while (again.observe(true, again.value)) left++;
    expect(left).toBe(30);
  });

  it('is halved once by steps that were begun before the first overflow was known', () => {
    const scale = new LossScale();
    for (let i = 0; i < 4; i++) scale.observe(true, 2 ** 16);
    expect(scale.state()).toEqual({ value: 2 ** 15, good: 0, skipped: 4 });
    scale.observe(true, 2 ** 15);
    expect(scale.value).toBe(2 ** 14);
  });
});

/**
 * Steps in half precision as far as scaling goes; in `overflowing` the loss overflows when it is scaled, in `blinding`
 * the forward pass does.
 */
async function steps(
  precision: 'fp32' | 'fp16',
  accumulate: number,
  overflowing: readonly number[] = [],
  blinding: readonly number[] = [],
) {
  const model = smallModel();
  const groups = parameterGroups(model, {
    backboneLearningRateFactor: 1,
    weightDecay: 0.01,
    noDecayNormBias: false,
  });
  const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
  const average = new WeightAverage(
    groups.flatMap(({ parameters }) => parameters),
    0.9,
  );
  let now = 0;
  // An input of the step decides: every step has the same graph.
  const task: Task<unknown> = {
    ...smallTask,
    targets: (batch) => ({
      ...smallTask.targets(batch),
      factor: { shape: [1], data: Float32Array.of(overflowing.includes(now) ? 3e38 : 1) },
    }),
    loss(outputs, { factor, ...targets }) {
      const { total } = smallTask.loss(outputs, targets);
      return { total: tf.sum(tf.mul(total, factor!)), parts: {} };
    },
  };
  const settings = {
    seed: 1,
    clip: { kind: 'norm' as const, limit: 1 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    plan: { accumulate },
    precision,
  };
  const step = new TrainingStep(
    model,
    task,
    { ...device, prepare: replayProgram },
    optimizer,
    settings,
    average,
  );
  const batches: Batch[] = [];
  for await (const batch of smallBatches(smallDataset(8), { batchSize: 4 }).epoch(0)) batches.push(batch);
  const skipped: boolean[] = [];
  const weights: number[][] = [];
  const told: number[][] = [];
  const statistics: number[][] = [];
  const blind = (batch: Batch): Batch => ({
    ...batch,
    pixelValues: new Float32Array(batch.pixelValues.length).fill(Number.POSITIVE_INFINITY),
  });
  for (now = 1; now <= 5; now++) {
    for (let part = 0; part < accumulate; part++) {
      const batch = batches[part]!;
      await step.add(blinding.includes(now) ? blind(batch) : batch, now, part);
    }
    await step.finish(
      groups.map(() => 0.01),
      now,
    );
    for (const result of await step.results(0)) {
      skipped.push(result.skipped);
      told.push([result.loss, result.gradientNorm]);
    }
    const trained = [
      ...optimizer.tensors(),
      ...average.tensors(),
      ...[...model.parameters()].map(([name, p]) => [name, p.value] as const),
    ];
    const read = await Promise.all(trained.map(([, tensor]) => device.read(tensor)));
    weights.push(read.flatMap((values) => [...values]));
    const running = [...model.tensors()].filter(([name]) => /running_(mean|var)$/.test(name));
    const seen = await Promise.all(running.map(([, { value }]) => device.read(value)));
    statistics.push(seen.flatMap((values) => [...values]));
  }
  const { counts } = optimizer.counters();
  const scale = step.lossScale?.value;
  step.dispose();
  optimizer.dispose();
  average.dispose();
  model.dispose();
  return { skipped, told, weights, statistics, counts: new Set(Object.values(counts)), scale };
}

describe('a step with a scaled loss', () => {
  for (const accumulate of [1, 2]) {
    it(`moves the weights as without (${accumulate} parts)`, async () => {
      const plain = await steps('fp32', accumulate);
      const scaled = await steps('fp16', accumulate);
      expect(scaled.skipped).toEqual([false, false, false, false, false]);
      expect(scaled.scale).toBe(2 ** 16);
      scaled.told.flat().forEach((number, i) => {
        expect(number).toBeCloseTo(plain.told.flat()[i]!, 5);
      });
      scaled.weights.at(-1)!.forEach((weight, i) => {
        expect(weight).toBeCloseTo(plain.weights.at(-1)![i]!, 5);
      });
    });

    it(`is skipped when gradients overflow: nothing moves, nothing is counted (${accumulate} parts)`, async () => {
      const { skipped, weights, counts, scale } = await steps('fp16', accumulate, [2, 3]);
      expect(skipped).toEqual([false, true, true, false, false]);
      expect(weights[1]).toEqual(weights[0]);
      expect(weights[2]).toEqual(weights[0]);
      expect(weights[3]).not.toEqual(weights[0]);
      expect(weights.flat().every(Number.isFinite)).toBe(true);
      expect(counts).toEqual(new Set([3]));
      expect(scale).toBe(2 ** 14);
    });
  }

  it('leaves running statistics as they are where the forward pass overflows', async () => {
    const { skipped, weights, statistics } = await steps('fp16', 1, [], [2]);
    expect(skipped).toEqual([false, true, false, false, false]);
    expect(weights[1]).toEqual(weights[0]);
    expect(statistics[0]!.length).toBeGreaterThan(0);
    expect(statistics[1]).toEqual(statistics[0]);
    expect(statistics[2]).not.toEqual(statistics[0]);
    expect(statistics.flat().every(Number.isFinite)).toBe(true);
  });
});
