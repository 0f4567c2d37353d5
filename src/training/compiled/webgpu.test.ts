/** Compiled steps on WebGPU against the same steps kernel by kernel, for the smallest model of every family. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModels, tinyRun } from '../../../tests/support/tiny-models.ts';
import { type Device, lookForGpu, openDevice } from '../../engine/index.ts';
import { WeightAverage } from '../ema.ts';
import { parameterGroups } from '../groups.ts';
import { createAlgorithm, Optimizer } from '../optimizers/index.ts';
import { TrainingStep } from '../step.ts';
import type { StepDevice } from '../types.ts';

const adapter = (await lookForGpu()).adapter !== undefined;
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

let device: Device;
beforeAll(async () => {
  if (adapter) device = await openDevice('webgpu');
}, 60_000);
afterAll(() => device?.dispose());

/** Three steps; losses, norms, and everything that they leave behind. */
async function threeSteps(
  family: string,
  accumulate: number,
  stepDevice: StepDevice,
): Promise<Map<string, Float32Array>> {
  const { loaded, task, batch } = tinyRun(family);
  const groups = parameterGroups(loaded.model, {
    backboneLearningRateFactor: 0.5,
    weightDecay: 0.01,
    noDecayNormBias: true,
  });
  // Behind batch norms some gradients are nothing but rounding, and Adam makes whole steps of it.
  const algorithm =
    family === 'resnet' ? createAlgorithm('sgd', { momentum: 0.9 }) : createAlgorithm('adamw');
  const optimizer = new Optimizer(algorithm, groups);
  const average = new WeightAverage(
    groups.flatMap(({ parameters }) => parameters),
    0.5,
    1,
  );
  const settings = {
    seed: 3,
    clip: { kind: 'norm' as const, limit: 1 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    plan: { accumulate },
  };
  const step = new TrainingStep(loaded.model, task, stepDevice, optimizer, settings, average);
  for (let number = 1; number <= 3; number++) {
    for (let part = 0; part < accumulate; part++) {
      await step.add(batch(number * accumulate + part, part === 1 ? 1 : 2), number, part);
    }
    await step.finish(
      groups.map(() => 1e-3),
      number,
    );
  }
  expect(step.takeWarnings()).toEqual([]);
  expect(step.isCompiled).toBe(stepDevice.prepare !== undefined);
  const numbers = new Map<string, Float32Array>();
  for (const { step: at, loss, parts, gradientNorm } of await step.results(0)) {
    numbers.set(`results of step ${at}`, Float32Array.of(loss, gradientNorm, ...Object.values(parts)));
  }
  const keep = async (name: string, tensor: Parameters<Device['read']>[0]): Promise<void> => {
    numbers.set(name, Float32Array.from(await device.read(tensor)));
  };
  for (const [name, { value }] of loaded.model.tensors()) await keep(name, value);
  for (const [name, value] of optimizer.tensors()) await keep(name, value);
  for (const [name, value] of average.tensors()) await keep(`average of ${name}`, value);
  step.dispose();
  optimizer.dispose();
  average.dispose();
  loaded.model.dispose();
  device.check();
  return numbers;
}

/** Adam divides by the root of what may be nearly nothing: single elements differ by up to a few learning rates. */
async function expectSame(family: string, accumulate = 1): Promise<void> {
  const compiled = await threeSteps(family, accumulate, device);
  const eager = await threeSteps(family, accumulate, { ...device, prepare: undefined });
  expect([...compiled.keys()]).toEqual([...eager.keys()]);
  for (const [name, values] of eager) {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const errors = values.map((value, i) => Math.abs(compiled.get(name)![i]! - value));
    const usual = errors.toSorted()[Math.floor(0.9 * errors.length)]!;
    expect(usual, name).toBeLessThan(1e-4 * largest + 5e-6);
    expect(Math.max(...errors), name).toBeLessThan(
      name.startsWith('results') ? 1e-3 * largest : 6e-3 + 1e-3 * largest,
    );
  }
}

describe.skipIf(!adapter)('a compiled step on WebGPU', () => {
  for (const family of Object.keys(tinyModels)) {
    it(`does what the eager one does: ${family}`, () => expectSame(family), 120_000);
  }
  it('also with accumulated gradients', () => expectSame('vit', 2), 120_000);

  it('leaves weights, moments and their average to the last bit where half precision overflows', async ({
    skip,
  }) => {
    skip(!device.gpu?.features.includes('shader-f16'), 'NOT RUN: no shader-f16');
    const { loaded, task, batch } = tinyRun('vit');
    const groups = parameterGroups(loaded.model, {
      backboneLearningRateFactor: 1,
      weightDecay: 0.01,
      noDecayNormBias: true,
    });
    const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
    const parameters = groups.flatMap((group) => group.parameters);
    const average = new WeightAverage(parameters, 0.5);
    const settings = {
      seed: 3,
      clip: { kind: 'norm' as const, limit: 1 },
      mix: { mixupAlpha: 0, cutmixAlpha: 0 },
      precision: 'fp16' as const,
    };
    const step = new TrainingStep(loaded.model, task, device, optimizer, settings, average);
    const numbers = async (): Promise<Map<string, Float32Array>> => {
      const all = [
        ...parameters.map(({ name, variable }) => [name, variable] as const),
        ...optimizer.tensors(),
        ...[...average.tensors()].map(([name, value]) => [`average of ${name}`, value] as const),
      ];
      const read = new Map<string, Float32Array>();
      for (const [name, value] of all) read.set(name, Float32Array.from(await device.read(value)));
      return read;
    };
    const run = async (number: number, scale: number): Promise<boolean> => {
      step.lossScale!.restore({ value: scale, good: 0, skipped: 0 });
      await step.add(batch(number, 2), number, 0);
      await step.finish(
        groups.map(() => 1e-3),
        number,
      );
      return (await step.results(0))[0]!.skipped;
    };
    expect(await run(1, 256)).toBe(false);
    const before = await numbers();
    expect(await run(2, 2 ** 120)).toBe(true);
    expect(await numbers()).toEqual(before);
    expect(await run(3, 256)).toBe(false);
    const after = await numbers();
    const still = [...after].filter(([name, values]) =>
      values.every((value, i) => value === before.get(name)![i]),
    );
    expect(still.map(([name]) => name)).toEqual([]);
    step.dispose();
    optimizer.dispose();
    average.dispose();
    loaded.model.dispose();
  }, 120_000);
});
