/**
 * What every operation is tried with (op-cases.ts): odd sizes, every attribute that changes the arithmetic. Each
 * operation of our own that has a gradient must be in one of them, and the same cases are run on every backend.
 */
import * as ops from '../ops/index.ts';
import * as tf from '../tf.ts';
import type { OpCase } from './op-cases.ts';

const conv = (name: string, x: number[], w: number[], options: ops.Conv2dOptions): OpCase => ({
  name: `conv2d ${name}`,
  shapes: [x, w],
  run: (image, weight) => ops.conv2d(image!, weight!, options),
});
const resize = (mode: ops.InterpolateMode, size: [number, number], options = {}): OpCase => ({
  name: `interpolate ${mode} ${size} ${JSON.stringify(options)}`,
  shapes: [[2, 5, 7, 3]],
  run: (x) => ops.interpolate(x!, { size, mode, ...options }),
});
const labels = (): tf.Tensor => tf.tensor1d([0, 3, -100, 2, 4], 'int32');

export const cases: readonly OpCase[] = [
  ...['gelu', 'gelu_new', 'quick_gelu', 'silu', 'sigmoid', 'tanh'].map((name) => ({
    name,
    shapes: [[3, 5, 7]],
    scale: 2,
    run: (x: tf.Tensor) => ops.activation(name)(x),
  })),
  ...['relu', 'relu6', 'hardswish', 'leaky_relu'].map((name) => ({
    name,
    shapes: [[3, 5, 7]],
    spaced: true,
    run: (x: tf.Tensor) => ops.activation(name)(x),
  })),
  {
    name: 'layerNorm',
    shapes: [[2, 3, 9], [9], [9]],
    run: (x, w, b) => ops.layerNorm(x!, w!, b!, 1e-5),
  },
  {
    name: 'batchNorm',
    shapes: [[3, 2, 5, 4], [4], [4]],
    run: (x, w, b) => ops.batchNorm(x!, w!, b!, 1e-5).y,
  },
  {
    name: 'frozenBatchNorm',
    shapes: [[2, 3, 5, 4], [4], [4]],
    run: (x, w, b) =>
      ops.frozenBatchNorm(x!, w!, b!, tf.tensor1d([0.1, -1, 2, 0]), tf.tensor1d([0.5, 1, 2, 3]), 1e-5),
  },
  {
    name: 'linear',
    shapes: [
      [2, 5, 7],
      [3, 7],
    ],
    run: (x, w) => ops.linear(x!, w!),
  },
  {
    name: 'linear bias',
    shapes: [[33, 70], [41, 70], [41]],
    scale: 0.3,
    run: (x, w, b) => ops.linear(x!, w!, b!),
  },
  { name: 'sum of squares', shapes: [[5, 7]], run: (x) => ops.sumOfSquares(x!) },
  { name: 'softmax', shapes: [[3, 4, 7]], run: (x) => ops.softmax(x!) },
  { name: 'logSoftmax', shapes: [[3, 4, 7]], run: (x) => ops.logSoftmax(x!) },
  {
    name: 'attention',
    shapes: [
      [2, 3, 5, 4],
      [2, 3, 7, 4],
      [2, 3, 7, 4],
    ],
    run: (q, k, v) => ops.attention(q!, k!, v!),
  },
  {
    name: 'attention with a learned bias and a head batch',
    shapes: [
      [2, 3, 5, 4],
      [2, 3, 5, 4],
      [2, 3, 5, 6],
      [1, 3, 5, 5],
    ],
    run: (q, k, v, mask) => ops.attention(q!, k!, v!, { mask: mask!, learnedMask: true, scale: 0.7 }),
  },
  {
    name: 'attention with a padding mask',
    shapes: [
      [2, 3, 5, 4],
      [2, 3, 6, 4],
      [2, 3, 6, 4],
    ],
    run: (q, k, v) => {
      const mask = tf.tensor4d([0, 0, 0, 0, -3.4e38, -3.4e38, 0, 0, 0, 0, 0, -3.4e38], [2, 1, 1, 6]);
      return ops.attention(q!, k!, v!, { mask });
    },
  },
  { name: 'cross entropy', shapes: [[5, 6]], run: (x) => ops.softmaxCrossEntropy(x!, labels()) },
  {
    name: 'cross entropy weighted, smoothed',
    shapes: [[5, 6]],
    run: (x) =>
      ops.softmaxCrossEntropy(x!, labels(), {
        weight: tf.tensor1d([1, 0.5, 2, 3, 0.1, 1]),
        labelSmoothing: 0.1,
      }),
  },
  {
    name: 'soft cross entropy',
    shapes: [[2, 3]],
    run: (x) => ops.softCrossEntropy(x!, tf.tensor2d([0.3, 0.7, 0, 0.1, 0.1, 0.8], [2, 3])),
  },
  {
    name: 'binary cross entropy',
    shapes: [[3, 5]],
    scale: 2,
    run: (x) => ops.binaryCrossEntropyWithLogits(x!, tf.fill([3, 5], 0.3)),
  },
  conv('3×3', [2, 5, 7, 3], [4, 3, 3, 3], { padding: 1 }),
  conv('3×3 stride 2 on even and odd sizes', [2, 6, 7, 3], [4, 3, 3, 3], { padding: 1, stride: 2 }),
  conv('7×7 stride 2', [1, 13, 12, 3], [4, 3, 7, 7], { padding: 3, stride: 2 }),
  conv('1×1 stride 2', [2, 5, 6, 3], [4, 3, 1, 1], { stride: 2 }),
  conv('1×1', [2, 5, 6, 3], [4, 3, 1, 1], {}),
  conv('patches', [2, 6, 8, 3], [5, 3, 2, 4], { stride: [2, 4] }),
  conv('patches that leave a rest', [2, 7, 9, 3], [5, 3, 2, 4], { stride: [2, 4] }),
  conv('dilation 2', [2, 7, 8, 3], [4, 3, 3, 3], { padding: 2, dilation: 2 }),
  conv('dilation and stride', [2, 9, 8, 3], [4, 3, 3, 3], { padding: 2, dilation: 2, stride: 2 }),
  conv('dilation by axis', [1, 9, 8, 3], [4, 3, 3, 2], { padding: [2, 1], dilation: [2, 3], stride: [1, 2] }),
  conv('uneven padding', [2, 6, 6, 3], [4, 3, 3, 3], { padding: [0, 1, 0, 1], stride: 2 }),
  conv('padding beyond the filter', [1, 4, 5, 2], [3, 2, 2, 2], { padding: [3, 2, 2, 3] }),
  conv('even filter', [1, 6, 5, 2], [3, 2, 4, 2], { padding: [1, 0] }),
  conv('groups', [2, 5, 6, 4], [6, 2, 3, 3], { padding: 1, groups: 2 }),
  conv('depthwise', [2, 5, 6, 4], [4, 1, 3, 3], { padding: 1, groups: 4 }),
  conv('depthwise ×2, stride 2', [2, 6, 7, 3], [6, 1, 3, 3], { padding: 1, groups: 3, stride: 2 }),
  conv('depthwise dilation', [1, 7, 8, 3], [3, 1, 3, 3], { padding: 2, groups: 3, dilation: 2 }),
  conv('depthwise dilation, stride, uneven', [1, 9, 8, 2], [2, 1, 3, 3], {
    padding: [1, 2, 2, 1],
    groups: 2,
    dilation: 2,
    stride: 2,
  }),
  {
    name: 'maxPool 3/2 pad 1',
    shapes: [[1, 7, 8, 3]],
    spaced: true,
    run: (x) => ops.maxPool2d(x!, { kernel: 3, stride: 2, padding: 1 }),
  },
  {
    name: 'maxPool ceil',
    shapes: [[1, 7, 8, 2]],
    spaced: true,
    run: (x) => ops.maxPool2d(x!, { kernel: 2, stride: 2, ceilMode: true }),
  },
  {
    name: 'averagePool',
    shapes: [[2, 7, 8, 3]],
    run: (x) => ops.averagePool2d(x!, { kernel: 3, stride: 2, padding: 1 }),
  },
  {
    name: 'averagePool ceil',
    shapes: [[1, 7, 9, 2]],
    run: (x) => ops.averagePool2d(x!, { kernel: 2, ceilMode: true }),
  },
  { name: 'adaptiveAveragePool', shapes: [[2, 7, 5, 3]], run: (x) => ops.adaptiveAveragePool2d(x!, [3, 2]) },
  resize('bilinear', [9, 4]),
  resize('bilinear', [9, 4], { alignCorners: true }),
  resize('bilinear', [3, 4], { antialias: true }),
  resize('bicubic', [9, 4]),
  resize('bicubic', [3, 11], { antialias: true }),
  resize('nearest', [8, 3]),
  resize('nearest-exact', [8, 3]),
  resize('area', [3, 9]),
  { name: 'dropout', shapes: [[5, 7, 3]], run: (x) => ops.dropout(x!, 0.3, tf.scalar(11, 'int32'), 2) },
  { name: 'dropPath', shapes: [[9, 7]], run: (x) => ops.dropPath(x!, 0.5, tf.scalar(-5, 'int32'), 2) },
  {
    name: 'large product',
    shapes: [
      [3, 33, 65],
      [3, 65, 40],
    ],
    scale: 0.5,
    run: (a, b) => tf.matMul(a!, b!),
  },
  {
    name: 'batched product, both transposed',
    shapes: [
      [2, 3, 17, 33],
      [2, 3, 20, 17],
    ],
    scale: 0.5,
    run: (a, b) => tf.matMul(a!, b!, true, true),
  },
  {
    name: 'gather, slices, select',
    shapes: [[4, 6, 5]],
    run: (x) => {
      const gathered = tf.gather(x!, tf.tensor1d([3, 0, 0, 2], 'int32'), 1);
      const cut = tf.slice(gathered, [1, 0, 1], [2, 4, 3]);
      return tf.where(tf.greater(cut, 0), cut, tf.mul(cut, 3));
    },
  },
  {
    name: 'tf conv2d',
    shapes: [
      [2, 6, 7, 3],
      [3, 3, 3, 4],
    ],
    run: (x, f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'same'),
  },
  {
    name: 'tf depthwiseConv2d',
    shapes: [
      [2, 6, 7, 3],
      [3, 3, 3, 2],
    ],
    run: (x, f) => tf.depthwiseConv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'same'),
  },
];
