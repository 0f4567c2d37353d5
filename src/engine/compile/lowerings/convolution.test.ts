/** Convolutions and both gradients, compiled, against the compositions on the cpu backend. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { always } from '../../testing/always.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';
import type { PlanOptions } from '../index.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Case = readonly [name: string, x: number[], weight: number[], options: ops.Conv2dOptions];

const both: readonly Case[] = [
  ['3 × 3', [2, 5, 7, 16], [20, 16, 3, 3], { padding: 1 }],
  [
    '3 × 3, stride 2: phases of one, two and four taps',
    [1, 6, 7, 16],
    [16, 16, 3, 3],
    { padding: 1, stride: 2 },
  ],
  ['3 × 3, stride 2, few channels', [2, 7, 6, 3], [5, 3, 3, 3], { padding: 1, stride: 2 }],
  ['groups, uneven padding', [2, 6, 6, 8], [12, 4, 3, 3], { padding: [0, 1, 2, 1], groups: 2 }],
  ['patches', [2, 8, 12, 3], [8, 3, 4, 4], { stride: 4 }],
];

const registersOnly: readonly Case[] = [
  ['1 × 1', [2, 5, 6, 8], [12, 8, 1, 1], {}],
  ['1 × 1, stride 2', [2, 5, 6, 8], [4, 8, 1, 1], { stride: 2 }],
  ['7 × 7, stride 3 and 2', [1, 13, 12, 3], [4, 3, 7, 7], { padding: 3, stride: [3, 2] }],
  ['dilation 2', [2, 7, 8, 4], [4, 4, 3, 3], { padding: 2, dilation: 2 }],
  ['dilation and stride 2', [2, 9, 8, 3], [4, 3, 3, 3], { padding: 2, dilation: 2, stride: 2 }],
  ['dilation 2, stride 3', [1, 9, 10, 4], [4, 4, 3, 2], { padding: 2, dilation: 2, stride: 3 }],
  [
    'dilation 2 and 3, stride 1 and 2',
    [2, 9, 11, 4],
    [4, 4, 3, 3],
    { padding: [2, 1, 3, 2], dilation: [2, 3], stride: [1, 2] },
  ],
  ['padding beyond the filter', [1, 4, 5, 2], [3, 2, 2, 2], { padding: [3, 2, 2, 3] }],
];

const depthwise: readonly Case[] = [
  ['one run a row', [2, 5, 6, 8], [8, 1, 3, 3], { padding: 1, groups: 8 }],
  ['runs beyond the row', [2, 5, 19, 4], [4, 1, 3, 3], { padding: 1, groups: 4 }],
  ['5 channels, 5 × 5, uneven padding', [3, 7, 17, 5], [5, 1, 5, 5], { padding: [1, 3, 0, 2], groups: 5 }],
  ['a long filter', [1, 3, 9, 4], [4, 1, 2, 11], { padding: [0, 0, 5, 4], groups: 4 }],
  [
    'a long filter, dilated',
    [1, 2, 20, 4],
    [4, 1, 1, 9],
    { padding: [0, 0, 3, 2], groups: 4, dilation: [1, 2] },
  ],
  ['× 2, stride 2', [2, 6, 7, 3], [6, 1, 3, 3], { padding: 1, groups: 3, stride: 2 }],
  ['× 4', [1, 6, 9, 2], [8, 1, 3, 2], { padding: [1, 1, 0, 1], groups: 2 }],
  ['stride 1 and 3', [2, 5, 31, 6], [6, 1, 2, 4], { padding: [0, 1, 2, 1], groups: 6, stride: [1, 3] }],
  ['stride 3, pixels under no tap', [1, 8, 29, 4], [4, 1, 2, 2], { groups: 4, stride: 3 }],
  ['dilation 2 and 3', [1, 9, 16, 7], [7, 1, 3, 3], { padding: [2, 2, 3, 1], groups: 7, dilation: [2, 3] }],
  [
    'dilation and stride 2',
    [1, 9, 8, 4],
    [4, 1, 3, 3],
    { padding: [1, 2, 2, 1], groups: 4, dilation: 2, stride: 2 },
  ],
];

async function compare(
  [name, shape, filter, convolution]: Case,
  options: Partial<PlanOptions>,
): Promise<void> {
  const x = normal(shape, 1);
  const weight = normal(filter, 2);
  const dy = normal(ops.conv2d(x, weight, convolution).shape, 3);
  const plan = await expectSameAsCpu(
    gpu!,
    ({ x, weight, dy }) => {
      const layer = (...[image, w]: tf.Tensor[]): tf.Tensor => ops.conv2d(image!, w!, convolution);
      const [dx, dw] = tf.grads(layer)([x!, weight!], dy!);
      return { y: tf.relu(layer(x!, weight!)), dx: dx!, dw: dw! };
    },
    { x, weight, dy },
    5e-6,
    options,
  );
  expect(
    plan.kernels.some(({ label }) => label.includes('Conv2d')),
    name,
  ).toBe(true);
  tf.dispose([x, weight, dy]);
}

describe.skipIf(!gpu)('convolutions', () => {
  it.each(both)('%s, by blocks in workgroup memory', (...row) =>
    compare(row, { software: false, tuning: always('tile 16x16x8/2x4') }),
  );
  it.each([...both, ...registersOnly])('%s, in registers alone', (...row) =>
    compare(row, { software: true }),
  );
  it.each(depthwise.filter(([, x, weight]) => x[3]! % 4 === 0 && weight[0] === x[3]))(
    'depthwise, %s, four channels at once',
    (...row) => compare(row, { software: false }),
  );
  it.each(depthwise)('depthwise, %s, channel by channel', (...row) => compare(row, { software: true }));
});
