/** Pooling and resizing compiled, forward and backward, against the cpu backend. */
import '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Fn = (x: tf.Tensor) => tf.Tensor;
type Tensors = Readonly<Record<string, tf.Tensor>>;

/** y, and the gradient of Σ y·w with some w. */
const withGradient =
  (fn: Fn) =>
  ({ x }: Tensors): Record<string, tf.Tensor> => {
    const projected = (input: tf.Tensor): tf.Tensor => {
      const y = fn(input);
      const weights = Float32Array.from({ length: y.size }, (_, i) => Math.sin(i + 1));
      return tf.sum(tf.mul(y, tf.tensor(weights, y.shape)));
    };
    return { y: fn(x!), dx: tf.grad(projected)(x!) };
  };

/** Four channels are computed together, three one by one. */
const image = (channels: 3 | 4 = 3): tf.Tensor => normal([2, 7, 9, channels], 5);

const pools: readonly (readonly [name: string, options: ops.PoolOptions])[] = [
  ['3/2 pad 1', { kernel: 3, stride: 2, padding: 1 }],
  ['2/2', { kernel: 2 }],
  ['3/2 ceil', { kernel: 3, stride: 2, ceilMode: true }],
  ['3/1 pad 1', { kernel: 3, stride: 1, padding: 1 }],
  ['2 × 3 / 3 × 1, uneven padding', { kernel: [2, 3], stride: [3, 1], padding: [1, 0, 0, 2] }],
];

describe.skipIf(!gpu)('pooling', () => {
  it.each(pools)('max %s', async (_, options) => {
    await expectSameAsCpu(
      gpu!,
      withGradient((x) => ops.maxPool2d(x, options)),
      { x: image() },
    );
  });

  it.each(pools)('average %s', async (_, options) => {
    await expectSameAsCpu(
      gpu!,
      withGradient((x) => ops.averagePool2d(x, options)),
      { x: image() },
    );
  });

  it.each([3, 4] as const)('averages %s channels', async (channels) => {
    const pool: Fn = (x) => ops.averagePool2d(x, { kernel: 3, stride: 2, padding: 1 });
    await expectSameAsCpu(gpu!, withGradient(pool), { x: image(channels) });
  });

  it('gives the gradient of equal maxima to the first', async () => {
    const pool: Fn = (x) => ops.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
    await expectSameAsCpu(gpu!, withGradient(pool), { x: tf.relu(image()) });
    await expectSameAsCpu(gpu!, withGradient(pool), { x: tf.relu(image(4)) });
  });
});

const resizes: readonly ops.InterpolateOptions[] = [
  { size: [14, 5], mode: 'bilinear' },
  { size: [14, 18], mode: 'nearest' },
  { size: [4, 5], mode: 'nearest-exact' },
  { size: [3, 4], mode: 'bilinear', antialias: true },
  { size: [14, 20], mode: 'bicubic' },
  { size: [5, 12], mode: 'bicubic', alignCorners: true },
  { size: [3, 2], mode: 'bicubic', antialias: true },
  { size: [3, 4], mode: 'area' },
];

describe.skipIf(!gpu)('resizing', () => {
  it.each(resizes)('$mode to $size, aligned $alignCorners, antialias $antialias', async (options) => {
    await expectSameAsCpu(
      gpu!,
      withGradient((x) => ops.interpolate(x, options)),
      { x: image() },
      5e-6,
    );
  });
});
