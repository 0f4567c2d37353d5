/**
 * Compiled steps against eager ones, with the graphs replayed kernel by kernel: what is traced is the whole step and
 * nothing of one step is baked into it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linearModel, wideModel } from '../../../tests/support/linear-net.ts';
import { smallBatches, smallDataset, smallModel, smallTask } from '../../../tests/support/small-run.ts';
import { DeviceError } from '../../core/index.ts';
import { type Device, openDevice, type PrepareProgram, replayProgram, tf } from '../../engine/index.ts';
import type { Task } from '../../tasks/index.ts';
import { WeightAverage } from '../ema.ts';
import { parameterGroups } from '../groups.ts';
import { createAlgorithm, Optimizer, optimizerNames } from '../optimizers/index.ts';
import { type StepSettings, TrainingStep } from '../step.ts';
import type { StepDevice } from '../types.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

interface Recipe {
  readonly optimizer?: string;
  readonly options?: Record<string, unknown>;
  readonly settings?: Partial<StepSettings>;
  readonly accumulate?: number;
  readonly average?: boolean;
  readonly images?: number;
  readonly batchSize?: number;
}

/** Ten steps; every number that they leave behind. */
async function tenSteps(recipe: Recipe, stepDevice: StepDevice): Promise<Record<string, number[]>> {
  const { optimizer: name = 'adamw', accumulate = 1, images = 24, batchSize = 8 } = recipe;
  const model = smallModel();
  const groups = parameterGroups(model, {
    backboneLearningRateFactor: 1,
    weightDecay: 0.05,
    noDecayNormBias: true,
  });
  const optimizer = new Optimizer(createAlgorithm(name, recipe.options), groups);
  const parameters = groups.flatMap((group) => group.parameters);
  const average = recipe.average ? new WeightAverage(parameters, 0.9, 3) : undefined;
  const settings: StepSettings = {
    seed: 5,
    clip: { kind: 'norm', limit: 0.3 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    plan: { accumulate },
    ...recipe.settings,
  };
  const step = new TrainingStep(model, smallTask, stepDevice, optimizer, settings, average);
  const numbers: Record<string, number[]> = {};
  let number = 1;
  let part = 0;
  for (let epoch = 0; number <= 10; epoch++) {
    const batches = smallBatches(smallDataset(images), { batchSize, seed: 3 });
    for await (const batch of batches.epoch(epoch)) {
      await step.add(batch, number, part++);
      if (part < accumulate && batch.position + 1 < batches.batchesPerEpoch) continue;
      await step.finish(
        groups.map((_, i) => 0.01 * (1 + i) * Math.sin(number)),
        number,
      );
      part = 0;
      number++;
    }
  }
  for (const { step: at, loss, parts, gradientNorm, images: count } of await step.results(0)) {
    numbers[`step ${at}`] = [loss, ...Object.values(parts), gradientNorm, count];
  }
  expect(step.isCompiled).toBe(stepDevice.prepare !== undefined);
  expect(step.takeWarnings()).toEqual([]);
  for (const [key, { value }] of model.tensors()) numbers[key] = [...(await device.read(value))];
  for (const [key, value] of optimizer.tensors()) numbers[key] = [...(await device.read(value))];
  for (const [key, value] of average?.tensors() ?? [])
    numbers[`average ${key}`] = [...(await device.read(value))];
  step.dispose();
  optimizer.dispose();
  average?.dispose();
  model.dispose();
  return numbers;
}

async function expectSame(recipe: Recipe): Promise<void> {
  const before = tf.memory().numTensors;
  const compiled = await tenSteps(recipe, { ...device, prepare: replayProgram });
  expect(tf.memory().numTensors).toBe(before);
  const eager = await tenSteps(recipe, { ...device, prepare: undefined });
  expect(Object.keys(compiled)).toEqual(Object.keys(eager));
  for (const [name, values] of Object.entries(eager)) {
    values.forEach((value, i) => {
      const error = Math.abs(compiled[name]![i]! - value);
      expect(error, `${name}[${i}] ${compiled[name]![i]} ${value}`).toBeLessThan(
        2e-5 * (1 + Math.abs(value)),
      );
    });
  }
}

describe('a compiled step', () => {
  for (const optimizer of optimizerNames()) {
    it(`does in ten steps what the eager one does: ${optimizer}`, () => expectSame({ optimizer }));
  }

  it('also with momentum, AMSGrad and an average of the weights', async () => {
    await expectSame({ optimizer: 'sgd', options: { momentum: 0.9, nesterov: true }, average: true });
    await expectSame({ optimizer: 'adam', options: { amsgrad: true }, average: true });
  });

  it('also with accumulated gradients, a last part that is not full, and a step with one part', async () => {
    await expectSame({ accumulate: 2, images: 22, average: true });
    await expectSame({ accumulate: 3, images: 32, settings: { clip: { kind: 'value', limit: 0.02 } } });
    await expectSame({ accumulate: 2, images: 20, settings: { plan: undefined } });
  });

  it('also with mixed pictures and without clipping', async () => {
    await expectSame({ settings: { mix: { mixupAlpha: 0.4, cutmixAlpha: 0.4 }, clip: undefined } });
  });

  it('gives way to eager execution when something can not be compiled, and says so once', async () => {
    const batches = await arrayOf(smallBatches(smallDataset(8), { batchSize: 4 }).epoch(0));
    for (const accumulate of [1, 2]) {
      const model = smallModel();
      const groups = parameterGroups(model, {
        backboneLearningRateFactor: 1,
        weightDecay: 0,
        noDecayNormBias: false,
      });
      const optimizer = new Optimizer(createAlgorithm('sgd'), groups);
      const refusing: StepDevice = {
        ...device,
        prepare: async () => {
          throw new Error('no kernel for Warp');
        },
      };
      const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 }, plan: { accumulate } };
      const step = new TrainingStep(model, smallTask, refusing, optimizer, settings);
      for (const number of [1, 2]) {
        for (let part = 0; part < accumulate; part++) await step.add(batches[part]!, number, part);
        await step.finish([0.1], number);
      }
      expect(await step.results(0)).toHaveLength(2);
      expect(step.isCompiled).toBe(false);
      expect(step.takeWarnings()).toEqual([
        { code: 'step_not_compiled', message: expect.stringContaining('no kernel for Warp') },
      ]);
      expect(step.takeWarnings()).toEqual([]);
      step.dispose();
      optimizer.dispose();
      model.dispose();
    }
  });

  it('is computed in smaller parts when memory does not suffice, moves the weights alike, and says so', async () => {
    const [batch] = await arrayOf(smallBatches(smallDataset(8), { batchSize: 8 }).epoch(0));
    const weights: number[][] = [];
    for (const rowsThatFit of [8, 2, 1]) {
      const model = linearModel();
      const parameters = [...model.parameters()].map(([name, { value }]) => ({ name, variable: value }));
      const optimizer = new Optimizer(createAlgorithm('sgd'), [
        { name: 'all', parameters, learningRateFactor: 1 },
      ]);
      const prepare: PrepareProgram = async (trace, variables) => {
        const { pixel_values } = trace.graph.inputs;
        const rows = pixel_values === undefined ? 0 : trace.graph.values[pixel_values]!.shape[0]!;
        if (rows > rowsThatFit) throw outOfMemory(rows);
        return replayProgram(trace, variables);
      };
      const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 } };
      const step = new TrainingStep(model, smallTask, { ...device, prepare }, optimizer, settings);
      for (const number of [1, 2]) {
        await step.add(batch!, number, 0);
        await step.finish([0.5], number);
      }
      expect(step.isCompiled).toBe(true);
      const told = step.takeWarnings().map(({ message }) => /in (\d) parts of (\d)/.exec(message)!.slice(1));
      expect(told.at(-1)).toEqual(
        rowsThatFit === 8 ? undefined : [String(8 / rowsThatFit), String(rowsThatFit)],
      );
      expect((await step.results(0)).map(({ images }) => images)).toEqual([8, 8]);
      weights.push([...(await device.read(parameters[0]!.variable))]);
      step.dispose();
      optimizer.dispose();
      model.dispose();
    }
    for (const other of weights.slice(1)) {
      other.forEach((weight, i) => {
        expect(weight).toBeCloseTo(weights[0]![i]!, 6);
      });
    }
  });

  it('forgets the signatures that were not used for longest, and compiles them again', async () => {
    const model = smallModel();
    const parameters = [...model.parameters()].map(([name, { value }]) => ({ name, variable: value }));
    const optimizer = new Optimizer(createAlgorithm('sgd'), [
      { name: 'all', parameters, learningRateFactor: 1 },
    ]);
    const made: number[] = [];
    const kept: number[] = [];
    const prepare: PrepareProgram = async (trace, variables) => {
      const rows = trace.graph.values[trace.graph.inputs.pixel_values!]!.shape[0]!;
      const program = await replayProgram(trace, variables);
      made.push(rows);
      kept.push(rows);
      const dispose = (): void => {
        kept.splice(kept.indexOf(rows), 1);
        program.dispose();
      };
      return { ...program, run: program.run.bind(program), read: program.read.bind(program), dispose };
    };
    const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 } };
    const step = new TrainingStep(model, smallTask, { ...device, prepare }, optimizer, settings);
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 2];
    for (const [i, batchSize] of sizes.entries()) {
      const [batch] = await arrayOf(smallBatches(smallDataset(batchSize), { batchSize }).epoch(0));
      await step.add(batch!, i + 1, 0);
      await step.finish([0.1], i + 1);
      expect(kept.length).toBeLessThanOrEqual(8);
    }
    // 9 put 2 out, which was not used for longest, and 2 put 3 out.
    expect(made).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 2]);
    expect(kept.toSorted()).toEqual([1, 2, 4, 5, 6, 7, 8, 9]);
    expect((await step.results(0)).map(({ images }) => images)).toEqual(sizes);
    step.dispose();
    expect(kept).toEqual([]);
    optimizer.dispose();
    model.dispose();
  });

  it('counts the updates of each parameter where some batches reach not all of them', async () => {
    const [square] = await arrayOf(smallBatches(smallDataset(4), { batchSize: 4 }).epoch(0));
    const [count, channels, height, width] = square!.shape;
    const wide = {
      ...square!,
      pixelValues: Float32Array.of(...square!.pixelValues, ...square!.pixelValues),
      pixelMask: new Uint8Array(2 * square!.pixelMask.length).fill(1),
      shape: [count, channels, height, 2 * width] as const,
    };
    const steps = async (prepare: PrepareProgram | undefined): Promise<number[][]> => {
      const model = wideModel();
      const groups = parameterGroups(model, {
        backboneLearningRateFactor: 1,
        weightDecay: 0,
        noDecayNormBias: false,
      });
      const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
      const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 } };
      const step = new TrainingStep(model, smallTask, { ...device, prepare }, optimizer, settings);
      for (const [i, batch] of [wide, square!, square!, wide, square!, wide].entries()) {
        await step.add(batch, i + 1, 0);
        await step.finish([0.1], i + 1);
      }
      expect(step.takeWarnings()).toEqual([]);
      const { counts } = optimizer.counters();
      expect(new Set(Object.values(counts))).toEqual(new Set([6, 3]));
      const weights = await Promise.all([...model.tensors()].map(([, { value }]) => device.read(value)));
      step.dispose();
      optimizer.dispose();
      model.dispose();
      return weights.map((values) => [...values]);
    };
    const eager = await steps(undefined);
    const compiled = await steps(replayProgram);
    for (const [i, weight] of eager.flat().entries()) expect(compiled.flat()[i]).toBeCloseTo(weight, 5);
  });

  it('compiles again where targets have another shape', async () => {
    const task: Task<unknown> = {
      ...smallTask,
      targets: (batch) => ({
        ...smallTask.targets(batch),
        each: { shape: [batch.count], data: new Float32Array(batch.count).fill(0.5) },
      }),
      loss(outputs, { each, ...targets }) {
        return { total: tf.mul(smallTask.loss(outputs, targets).total, tf.sum(each!)), parts: {} };
      },
    };
    const batches = await Promise.all(
      [4, 3].map((count) => arrayOf(smallBatches(smallDataset(count), { batchSize: 4 }).epoch(0))),
    );
    const losses = async (prepare: PrepareProgram | undefined): Promise<number[]> => {
      const model = linearModel();
      const parameters = [...model.parameters()].map(([name, { value }]) => ({ name, variable: value }));
      const optimizer = new Optimizer(createAlgorithm('sgd'), [
        { name: 'all', parameters, learningRateFactor: 1 },
      ]);
      const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 } };
      const step = new TrainingStep(model, task, { ...device, prepare }, optimizer, settings);
      for (const [i, batch] of batches.flat().entries()) {
        await step.add(batch, i + 1, 0);
        await step.finish([0.1], i + 1);
      }
      expect(step.takeCompilations()).toHaveLength(prepare ? 2 : 0);
      expect(step.takeWarnings()).toEqual([]);
      const results = await step.results(0);
      step.dispose();
      optimizer.dispose();
      model.dispose();
      return results.map(({ loss }) => loss);
    };
    const eager = await losses(undefined);
    for (const [i, loss] of (await losses(replayProgram)).entries()) expect(loss).toBeCloseTo(eager[i]!, 5);
  });

  it('fails when not even one image fits', async () => {
    const [batch] = await arrayOf(smallBatches(smallDataset(4), { batchSize: 4 }).epoch(0));
    const model = linearModel();
    const parameters = [...model.parameters()].map(([name, { value }]) => ({ name, variable: value }));
    const optimizer = new Optimizer(createAlgorithm('sgd'), [
      { name: 'all', parameters, learningRateFactor: 1 },
    ]);
    const prepare = async (): Promise<never> => {
      throw outOfMemory(1);
    };
    const settings = { seed: 1, mix: { mixupAlpha: 0, cutmixAlpha: 0 } };
    const step = new TrainingStep(model, smallTask, { ...device, prepare }, optimizer, settings);
    await expect(step.add(batch!, 1, 0)).rejects.toThrow('too much for 1');
    step.dispose();
    optimizer.dispose();
    model.dispose();
  });
});

const outOfMemory = (rows: number): DeviceError =>
  new DeviceError({ code: 'out_of_memory', expected: 'room', received: `too much for ${rows}`, fix: 'less' });

async function arrayOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
