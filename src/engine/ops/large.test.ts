/**
 * What only large inputs reach: attention in several blocks of queries, filter gradients in several pieces, and
 * losses and optimiser steps against loops in double precision.
 */
import { afterEach, expect, it } from 'vitest';
import { findGpu } from '../choose.ts';
import { type Device, openDevice } from '../device.ts';
import { Tape } from '../tape.ts';
import { relativeError } from '../testing/op-cases.ts';
import * as tf from '../tf.ts';
import * as ops from './index.ts';

const gpu = await findGpu();
if ('access' in gpu) gpu.access.close();
else console.warn(`NOT RUN on webgpu: ${gpu.missing}`);
const backends = 'missing' in gpu ? (['cpu', 'wasm'] as const) : (['cpu', 'wasm', 'webgpu'] as const);

let device: Device | undefined;
afterEach(async () => {
  await device?.dispose();
  device = undefined;
});

const normal = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

it('attention in blocks of queries is attention', async () => {
  device = await openDevice('wasm');
  // 3,001 × 3,001 scores: two blocks of at most 2²³.
  const tokens = 3001;
  const [q, k, v, upstream] = [1, 2, 3, 4].map((seed) => normal([1, 1, tokens, 4], seed)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const ours = new Tape();
  const y = ops.attention(q, k, v);
  const gradients = ours.gradients(tf.sum(tf.mul(y, upstream)), [q, k, v]);
  const values = await Promise.all([y, ...gradients].map((tensor) => device!.read(tensor!)));
  ours.dispose();
  const whole = new Tape();
  const scores = tf.mul(tf.matMul(q, k, false, true), 0.5);
  const expected = tf.matMul(tf.softmax(scores), v);
  const wanted = whole.gradients(tf.sum(tf.mul(expected, upstream)), [q, k, v]);
  for (const [i, tensor] of [expected, ...wanted].entries())
    expect(relativeError(values[i]!, await device.read(tensor!))).toBeLessThan(2e-5);
  whole.dispose();
});

it('a filter gradient in pieces is the whole one', async () => {
  device = await openDevice('wasm');
  // 96 × 96 pixels of 3 × 3 × 64 numbers: two pieces of at most 2²².
  const x = normal([1, 96, 96, 64], 1);
  const upstream = normal([1, 96, 96, 4], 2);
  const weight = normal([4, 64, 3, 3], 3);
  const gradientOf = async (rows: readonly [begin: number, end: number]): Promise<Float32Array> => {
    const tape = new Tape();
    const y = ops.conv2d(x, weight, { padding: 1 });
    const part = tf.slice(tf.mul(y, upstream), [0, rows[0], 0, 0], [1, rows[1] - rows[0], 96, 4]);
    const [gradient] = tape.gradients(tf.sum(part), [weight]);
    const values = (await device!.read(gradient!)) as Float32Array;
    tape.dispose();
    return values;
  };
  const whole = await gradientOf([0, 96]);
  const halves = [await gradientOf([0, 50]), await gradientOf([50, 96])];
  const sum = halves[0]!.map((value, i) => value + halves[1]![i]!);
  expect(relativeError(whole, sum)).toBeLessThan(2e-5);
  // One element by the definition: Σ x[y + 1, x − 1, 5]·dy[y, x, 2] for the filter's position (2, 0).
  const [pixels, dy] = [await device.read(x), await device.read(upstream)];
  let element = 0;
  for (let row = 0; row < 95; row++)
    for (let column = 1; column < 96; column++)
      element += pixels[((row + 1) * 96 + column - 1) * 64 + 5]! * dy[(row * 96 + column) * 4 + 2]!;
  expect(whole[((2 * 64 + 5) * 3 + 2) * 3]!).toBeCloseTo(element, 2);
});

it('cross entropy is torch’s: class weights, smoothing, ignored rows', async () => {
  device = await openDevice('cpu');
  const logits = [
    [0.2, -1.3, 2.2],
    [1.1, 0.4, -0.6],
    [-2, 0.3, 0.9],
    [5, 5, 5],
  ];
  const labels = [2, 0, 1, -100];
  const weight = [0.5, 2, 1.5];
  const smoothing = 0.2;
  let sum = 0;
  let weights = 0;
  logits.forEach((row, i) => {
    const label = labels[i]!;
    if (label < 0) return;
    const total = row.reduce((all, x) => all + Math.exp(x), 0);
    const losses = row.map((x) => Math.log(total) - x);
    const smooth = losses.reduce((all, loss, c) => all + loss * weight[c]!, 0) / 3;
    sum += (1 - smoothing) * losses[label]! * weight[label]! + smoothing * smooth;
    weights += weight[label]!;
  });
  const ours = (reduction: 'mean' | 'sum'): tf.Tensor =>
    ops.softmaxCrossEntropy(tf.tensor2d(logits), tf.tensor1d(labels, 'int32'), {
      weight: tf.tensor1d(weight),
      labelSmoothing: smoothing,
      reduction,
    });
  expect((await device.read(ours('mean')))[0]).toBeCloseTo(sum / weights, 6);
  expect((await device.read(ours('sum')))[0]).toBeCloseTo(sum, 6);
});

it.each(backends)('a step of Adam on %s is the formula', async (backend) => {
  device = await openDevice(backend);
  const p = [0.5, -2, 3];
  const g = [0.1, 0.7, -0.3];
  const m = [0.01, -0.2, 0];
  const v = [0.02, 0.3, 0.001];
  for (const decoupled of [true, false]) {
    for (const maximize of [true, false]) {
      const decay = decoupled ? 0.99 : 0.1;
      const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled, maximize };
      const result = ops.adamStep(
        {
          parameter: tf.tensor1d(p),
          gradient: tf.tensor1d(g),
          mean: tf.tensor1d(m),
          square: tf.tensor1d(v),
          stepSize: tf.scalar(0.05),
          inverseRoot: tf.scalar(2),
          decay: tf.scalar(decay),
        },
        options,
      );
      const [parameter, mean, square] = [
        await device.read(result.parameter),
        await device.read(result.mean),
        await device.read(result.square),
      ];
      p.forEach((value, i) => {
        const gradient = (maximize ? -g[i]! : g[i]!) + (decoupled ? 0 : decay * value);
        const newMean = 0.9 * m[i]! + 0.1 * gradient;
        const newSquare = 0.999 * v[i]! + 0.001 * gradient ** 2;
        const moved = (0.05 * newMean) / (Math.sqrt(newSquare) * 2 + 1e-8);
        expect(mean[i]).toBeCloseTo(newMean, 6);
        expect(square[i]).toBeCloseTo(newSquare, 6);
        expect(parameter[i]).toBeCloseTo((decoupled ? value * decay : value) - moved, 5);
      });
    }
  }
});

it.each(backends)('dropout on %s keeps its share, scales it and repeats itself', async (backend) => {
  device = await openDevice(backend);
  const ones = tf.ones([400, 250]);
  const draw = async (seed: number, stream: number): Promise<ArrayLike<number>> =>
    device!.read(ops.dropout(ones, 0.3, tf.scalar(seed, 'int32'), stream));
  const first = await draw(1, 0);
  const kept = Array.from(first).filter((value) => value !== 0);
  expect(Math.abs(kept.length / 100_000 - 0.7)).toBeLessThan(0.005);
  expect(kept.every((value) => value === Math.fround(1 / 0.7))).toBe(true);
  expect(await draw(1, 0)).toEqual(first);
  // Another seed or stream is independent: masks agree where both keep or both drop, 0.58 of the time.
  for (const other of [await draw(2, 0), await draw(1, 1), await draw(-1, 0)]) {
    const agree = Array.from(other).filter((value, i) => value === first[i]).length / 100_000;
    expect(Math.abs(agree - 0.58)).toBeLessThan(0.01);
  }
});
