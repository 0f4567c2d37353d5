import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derive } from '../core/index.ts';
import { type Device, openDevice, Tape, tf } from '../engine/index.ts';
import {
  attend,
  BatchNorm2d,
  Conv2d,
  dropout,
  type ForwardContext,
  FrozenBatchNorm2d,
  initialize,
  kaimingNormalFanOut,
  Linear,
  Mlp,
  Module,
  normal,
  type Parameter,
  torchBias,
  torchWeight,
  truncatedNormal,
  xavierUniform,
} from './index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

const values = async (tensor: tf.Tensor): Promise<number[]> => [...(await tensor.data())];

describe('initialisers', () => {
  const draw = (initializer: typeof torchWeight, shape: number[]): Float32Array =>
    initializer(shape, derive(7, 'test'));
  const deviation = (numbers: Float32Array): number =>
    Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
  const largest = (numbers: Float32Array): number => numbers.reduce((a, x) => Math.max(a, Math.abs(x)), 0);

  test('have the spread that torch documents', () => {
    expect(deviation(draw(normal(0.02), [100, 200]))).toBeCloseTo(0.02, 3);
    // fan_out = 64 · 9
    expect(deviation(draw(kaimingNormalFanOut, [64, 32, 3, 3]))).toBeCloseTo(Math.sqrt(2 / (64 * 9)), 3);
    // fan_in = 32 · 9; a uniform distribution's deviation is bound / √3
    const bound = 1 / Math.sqrt(32 * 9);
    const weight = draw(torchWeight, [64, 32, 3, 3]);
    expect(largest(weight)).toBeLessThanOrEqual(bound);
    expect(deviation(weight)).toBeCloseTo(bound / Math.sqrt(3), 3);
    expect(largest(draw(torchBias([64, 32, 3, 3]), [64]))).toBeLessThanOrEqual(bound);
    const xavier = draw(xavierUniform(), [300, 100]);
    expect(largest(xavier)).toBeLessThanOrEqual(Math.sqrt(6 / 400));
    expect(largest(xavier)).toBeGreaterThan(0.95 * Math.sqrt(6 / 400));
  });

  test('cut a normal distribution at 2, whatever its deviation', () => {
    const wide = draw(truncatedNormal(3), [100, 100]);
    expect(largest(wide)).toBeLessThanOrEqual(2);
    expect(deviation(wide)).toBeGreaterThan(1);
  });

  test('depend on the seed and the name, not on the order', async () => {
    class Two extends Module {
      constructor(names: readonly string[]) {
        super();
        for (const name of names) this.child(name, new Linear(3, 2));
      }
    }
    const [a, b, c] = [new Two(['x', 'y']), new Two(['y', 'x']), new Two(['x', 'y'])];
    initialize(a, 1);
    initialize(b, 1);
    initialize(c, 2);
    const x = (module: Module): Promise<number[]> =>
      values(new Map(module.parameters()).get('x.weight')!.value);
    expect(await x(a)).toEqual(await x(b));
    expect(await x(a)).not.toEqual(await x(c));
    for (const module of [a, b, c]) module.dispose();
  });
});

describe('modules', () => {
  test('name their tensors as a state dict does', () => {
    expect([...new Mlp([4, 5, 2]).tensors()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['layers.0.weight', [5, 4]],
      ['layers.0.bias', [5]],
      ['layers.1.weight', [2, 5]],
      ['layers.1.bias', [2]],
    ]);
    const conv = new Conv2d(4, 6, { kernel: [3, 1], groups: 2, bias: false });
    expect([...conv.tensors()].map(([name, { shape }]) => [name, shape])).toEqual([['weight', [6, 2, 3, 1]]]);
  });

  test('have no value before they are initialised', () => {
    expect(() => new Linear(2, 2).forward(tf.zeros([1, 2]))).toThrow(/initialise or load/);
  });

  test('linear and convolution compute x·Wᵀ + b with the weights of torch', async () => {
    const linear = new Linear(2, 3);
    linear.weight.set(Float32Array.of(1, 2, 3, 4, 5, 6));
    linear.bias!.set(Float32Array.of(10, 20, 30));
    expect(await values(linear.forward(tf.tensor2d([[1, -1]])))).toEqual([9, 19, 29]);
    const conv = new Conv2d(2, 1, { kernel: 2, stride: 2 });
    conv.weight.set(Float32Array.of(1, 0, 0, 1, 0, 2, 0, 0));
    conv.bias!.set(Float32Array.of(0.5));
    // Pixels (y, x) with channels [a, b]; filter a: the diagonal, filter b: twice the top right.
    const picture = tf.tensor4d([1, 10, 2, 20, 3, 30, 4, 40], [1, 2, 2, 2]);
    expect(await values(conv.forward(picture))).toEqual([1 + 4 + 2 * 20 + 0.5]);
  });
});

describe('batch norm', () => {
  const x = (): tf.Tensor => tf.tensor4d([1, 2, 3, 6], [4, 1, 1, 1]);

  test('normalises by the batch while training and hands on new statistics', async () => {
    const norm = new BatchNorm2d(1);
    initialize(norm, 0);
    const updates = new Map<Parameter, tf.Tensor>();
    const context: ForwardContext = {
      training: true,
      updateBuffer: (buffer, value) => void updates.set(buffer, value),
    };
    const y = await values(norm.forward(x(), context));
    // Mean 3, biased variance 3.5, unbiased 14/3.
    expect(y[3]).toBeCloseTo(3 / Math.sqrt(3.5 + 1e-5), 5);
    expect((await values(updates.get(norm.runningMean)!))[0]).toBeCloseTo(0.3, 6);
    expect((await values(updates.get(norm.runningVariance)!))[0]).toBeCloseTo(0.9 + 0.1 * (14 / 3), 6);
    expect(await values(updates.get(norm.batchesTracked)!)).toEqual([1]);
    expect(await values(norm.runningMean.value)).toEqual([0]);
  });

  test('uses running statistics in evaluation, and in training when it is told to', async () => {
    const norm = new BatchNorm2d(1);
    initialize(norm, 0);
    norm.runningMean.set(Float32Array.of(2));
    norm.runningVariance.set(Float32Array.of(4));
    const expected = 4 / Math.sqrt(4 + 1e-5);
    for (const context of [{ training: false }, { training: true, batchStatistics: false }]) {
      expect((await values(norm.forward(x(), context)))[3]).toBeCloseTo(expected, 5);
    }
  });

  test('frozen has nothing to train', () => {
    expect([...new FrozenBatchNorm2d(3).parameters()]).toEqual([]);
    expect([...new FrozenBatchNorm2d(3).buffers()]).toHaveLength(4);
  });
});

describe('dropout', () => {
  const stochastic = (seed: number): ForwardContext => {
    let stream = 0;
    return { training: true, seed: tf.scalar(seed, 'int32'), nextStream: () => stream++ };
  };

  test('is off in evaluation and at rate 0', () => {
    const x = tf.ones([4]);
    expect(dropout(x, 0.5, { training: false })).toBe(x);
    expect(dropout(x, 0, { training: true })).toBe(x);
  });

  test('keeps the mean, repeats for a seed and differs between layers', async () => {
    const x = tf.ones([10000]);
    const [a, b] = [
      await values(dropout(x, 0.25, stochastic(1))),
      await values(dropout(x, 0.25, stochastic(1))),
    ];
    expect(a).toEqual(b);
    expect(a.reduce((sum, value) => sum + value, 0) / a.length).toBeCloseTo(1, 1);
    const context = stochastic(1);
    const [first, second] = [dropout(x, 0.25, context), dropout(x, 0.25, context)];
    expect(await values(first)).not.toEqual(await values(second));
  });

  test('asks for a seed', () => {
    expect(() => dropout(tf.ones([4]), 0.5, { training: true })).toThrow(/seed/);
  });

  test('of attention probabilities keeps the gradient flowing', async () => {
    const [q, k, v] = [1, 2, 3].map((seed) => tf.randomNormal([2, 5, 8], 0, 1, 'float32', seed));
    const plain = attend(q!, k!, v!, { heads: 2 }, { training: false });
    const tiny = attend(q!, k!, v!, { heads: 2, dropout: 1e-9 }, stochastic(1));
    (await values(tiny)).forEach((value, i) => {
      expect(value).toBeCloseTo(plain.dataSync()[i]!, 5);
    });
    const variable = tf.variable(q!);
    const tape = new Tape();
    const out = attend(variable, k!, v!, { heads: 2, dropout: 0.5 }, stochastic(1));
    const [gradient] = tape.gradients(tf.sum(out), [variable]);
    expect((await values(gradient!)).some((value) => value !== 0)).toBe(true);
    tape.dispose();
  });
});
