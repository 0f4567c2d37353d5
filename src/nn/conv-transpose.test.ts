/** Transposed convolution against its definition and against the convolution that it is the adjoint of. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derive } from '../core/index.ts';
import { type Device, openDevice, ops, Tape, tf } from '../engine/index.ts';
import { ConvTranspose2d, type ConvTranspose2dOptions } from './index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

const random = derive(3, 'transposed');
const numbers = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
const draw = (shape: number[]): tf.Tensor => tf.tensor(numbers(shape), shape);
const dot = async (a: tf.Tensor, b: tf.Tensor): Promise<number> =>
  (await tf.sum(tf.mul(a, b)).data<'float32'>())[0]!;

function layer(options: ConvTranspose2dOptions): ConvTranspose2d {
  const made = new ConvTranspose2d(3, 2, options);
  for (const [, parameter] of made.tensors()) parameter.set(numbers(parameter.shape));
  return made;
}

test('every pixel adds its filter to the result', async () => {
  using made = new ConvTranspose2d(1, 1, { kernel: 3, stride: 2 });
  made.weight.set(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
  made.bias!.set(Float32Array.of(0.5));
  const y = made.forward(tf.tensor4d([1, 10], [1, 1, 2, 1]));
  expect(y.shape).toEqual([1, 3, 5, 1]);
  const expected = [1, 2, 13, 20, 30, 4, 5, 46, 50, 60, 7, 8, 79, 80, 90];
  expect([...(await y.data())]).toEqual(expected.map((value) => value + 0.5));
});

describe.each([
  { kernel: 4, stride: 2, padding: 1, bias: false },
  { kernel: 3, stride: 1, padding: 1, bias: false },
  { kernel: 2, stride: 2, bias: false },
  { kernel: 2, stride: 3, bias: false },
  { kernel: 5, stride: 3, padding: 2, bias: false },
  { kernel: 3, stride: 2, padding: 2, bias: false },
])('%o', (options) => {
  const { kernel, stride, padding = 0 } = options;
  const size = (input: number): number => (input - 1) * stride - 2 * padding + kernel;

  test('is the adjoint of the convolution with the same weight', async () => {
    using made = layer(options);
    const x = draw([2, 4, 5, 3]);
    const y = made.forward(x);
    expect(y.shape).toEqual([2, size(4), size(5), 2]);
    const dy = draw(y.shape);
    const back = ops.conv2d(dy, made.weight.value, { stride, padding });
    expect(back.shape).toEqual(x.shape);
    expect(await dot(y, dy)).toBeCloseTo(await dot(x, back), 3);
  });

  test('has the gradients of a map that is linear in image and weight', async () => {
    using made = layer(options);
    const x = tf.variable(draw([1, 4, 5, 3]));
    const dy = draw([1, size(4), size(5), 2]);
    using tape = new Tape();
    const value = tf.sum(tf.mul(made.forward(x), dy));
    const [image, weight] = tape.gradients(value, [x, made.weight.value]);
    const otherImage = draw([1, 4, 5, 3]);
    expect(await dot(image!, otherImage)).toBeCloseTo(await dot(made.forward(otherImage), dy), 3);
    const otherWeight = numbers(made.weight.shape);
    const before = await dot(weight!, tf.tensor(otherWeight, [...made.weight.shape]));
    made.weight.set(otherWeight);
    expect(before).toBeCloseTo(await dot(made.forward(x), dy), 3);
  });
});
