/**
 * Pooling as torch has it. Max pooling pads with −∞ (so that padding never wins) and knows `ceilMode`; average
 * pooling counts padded zeros or not; adaptive average pooling is a separable matrix product.
 */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';
import { applyAxes } from './interpolate.ts';
import { areaWeights } from './interpolate-weights.ts';
import { type Pair, padImage, pair, type Sides, sides } from './windows.ts';

export interface PoolOptions {
  readonly kernel: number | Pair;
  /** The kernel by default. */
  readonly stride?: number | Pair;
  readonly padding?: number | Pair | Sides;
  /** A last window may reach over the edge (false). */
  readonly ceilMode?: boolean;
}

interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Sides;
}

/** Smaller than any activation, and finite: −∞ times 0 would be NaN. */
const lowest = -3.4e38;

/** dy to where each window has its maximum; to the first of them where it has several. */
const maxGradient = defineOp<'dy' | 'x' | 'y', PoolAttrs>({
  name: 'MaxPool2dGrad',
  inputs: ['dy', 'x', 'y'],
  forward({ dy, x, y }, { kernel, stride, padding }) {
    const padded = padImage(x as tf.Tensor4D, padding, lowest);
    const gradient = tf.engine().runKernel('MaxPoolGrad', { dy, input: padded, output: y }, {
      filterSize: [...kernel],
      strides: [...stride],
      pad: 'valid',
    } as unknown as tf.NamedAttrMap) as tf.Tensor4D;
    return cropImage(gradient, padding, x.shape);
  },
});

const maxOp = defineOp<'x', PoolAttrs>({
  name: 'MaxPool2d',
  inputs: ['x'],
  saves: { outputs: [0] },
  forward: ({ x }, { kernel, stride, padding }) =>
    tf.maxPool(padImage(x as tf.Tensor4D, padding, lowest), [...kernel], [...stride], 'valid'),
  backward: (dy, { x }, [y], attrs) => ({ x: () => maxGradient({ dy, x, y: y! }, attrs) }),
});

interface AveragePoolGradAttrs extends PoolAttrs {
  /** Of the input image. */
  readonly size: Pair;
}

/** Every pixel gets dy/(window size) of each window that it lies in. */
const averageGradient = defineOp<'dy', AveragePoolGradAttrs>({
  name: 'AveragePool2dGrad',
  inputs: ['dy'],
  forward({ dy }, { kernel, stride, padding, size }) {
    const [batch, , , channels] = dy.shape as [number, number, number, number];
    const height = size[0] + padding[0] + padding[1];
    const width = size[1] + padding[2] + padding[3];
    // Only its shape is looked at.
    const input = tf.zeros([batch, height, width, channels]);
    const gradient = tf.engine().runKernel('AvgPoolGrad', { dy, input }, {
      filterSize: [...kernel],
      strides: [...stride],
      pad: 'valid',
    } as unknown as tf.NamedAttrMap) as tf.Tensor4D;
    return cropImage(gradient, padding, [batch, size[0], size[1], channels]);
  },
});

const averageOp = defineOp<'x', PoolAttrs>({
  name: 'AveragePool2d',
  inputs: ['x'],
  saves: { outputs: [] },
  forward: ({ x }, { kernel, stride, padding }) =>
    tf.avgPool(padImage(x as tf.Tensor4D, padding), [...kernel], [...stride], 'valid'),
  backward: (dy, { x }, _, attrs) => ({
    x: () => averageGradient({ dy }, { ...attrs, size: [x.shape[1]!, x.shape[2]!] }),
  }),
});

function cropImage(x: tf.Tensor4D, padding: Sides, shape: readonly number[]): tf.Tensor4D {
  if (padding.every((side) => side === 0)) return x;
  return tf.slice(x, [0, padding[0], padding[2], 0], shape as [number, number, number, number]);
}

function resolve(x: tf.Tensor, options: PoolOptions): PoolAttrs {
  const kernel = pair(options.kernel);
  const stride = pair(options.stride ?? options.kernel);
  const [top, bottom, left, right] = sides(options.padding);
  const extra = (size: number, before: number, after: number, axis: 0 | 1): number => {
    if (!options.ceilMode) return 0;
    const span = size + before + after - kernel[axis];
    let windows = Math.ceil(span / stride[axis]) + 1;
    // Torch drops a window that would start behind the input and its leading padding.
    if ((windows - 1) * stride[axis] >= size + before) windows--;
    return Math.max(0, (windows - 1) * stride[axis] - span);
  };
  const [, height, width] = x.shape as [number, number, number, number];
  return {
    kernel,
    stride,
    padding: [top, bottom + extra(height, top, bottom, 0), left, right + extra(width, left, right, 1)],
  };
}

/** `x` [B, H, W, C] → the maximum of each window. */
export function maxPool2d(x: tf.Tensor, options: PoolOptions): tf.Tensor {
  return maxOp({ x }, resolve(x, options));
}

/**
 * `x` [B, H, W, C] → the mean of each window; padded zeros count (torch's `count_include_pad`), except those
 * that only `ceilMode` adds. Without padding and `ceilMode` every window is full.
 */
export function averagePool2d(x: tf.Tensor, options: PoolOptions): tf.Tensor {
  const attrs = resolve(x, options);
  const asked = sides(options.padding);
  const y = averageOp({ x }, attrs);
  if (attrs.padding.every((side, i) => side === asked[i])) return y;
  // Windows at the far edge are divided by what they cover of the input and the padding that was asked for.
  const [, height, width] = x.shape as [number, number, number, number];
  const rows = coverage(height + asked[0] + asked[1], y.shape[1]!, attrs.kernel[0], attrs.stride[0]);
  const columns = coverage(width + asked[2] + asked[3], y.shape[2]!, attrs.kernel[1], attrs.stride[1]);
  return tf.div(y, tf.mul(tf.reshape(rows, [-1, 1, 1]), tf.reshape(columns, [-1, 1])));
}

/** The share of each window that lies inside, along one axis: [windows]. */
function coverage(size: number, windows: number, kernel: number, stride: number): tf.Tensor {
  return tf.tensor1d(Array.from({ length: windows }, (_, i) => Math.min(kernel, size - i * stride) / kernel));
}

/** Torch's adaptive average pooling: `x` [B, H, W, C] → [B, height, width, C]; windows differ by a pixel. */
export function adaptiveAveragePool2d(x: tf.Tensor, size: Pair): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  return applyAxes(x, areaWeights(height, size[0]), areaWeights(width, size[1]), size);
}
