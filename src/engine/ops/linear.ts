/**
 * The linear layer with torch's weight layout: y = x·Wᵀ (+ b), `weight` [out, in]. Leading axes are rows, so
 * that one matrix product does it all instead of one per batch element.
 */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';
import { sumRows } from './layer-norm.ts';
import { productWithTransposed } from './products.ts';

const rows = (x: tf.Tensor): tf.Tensor2D => {
  const width = x.shape[x.rank - 1]!;
  return tf.reshape(x, [x.size / width, width]);
};

const forward = (x: tf.Tensor, weight: tf.Tensor): tf.Tensor => productWithTransposed(rows(x), weight);

const backwardInput = (dy: tf.Tensor, weight: tf.Tensor, x: tf.Tensor): tf.Tensor =>
  tf.reshape(tf.matMul(rows(dy), weight as tf.Tensor2D), x.shape);

const backwardWeight = (dy: tf.Tensor, x: tf.Tensor): tf.Tensor => tf.matMul(rows(dy), rows(x), true, false);

const outputShape = (x: tf.Tensor, weight: tf.Tensor): number[] => [
  ...x.shape.slice(0, -1),
  weight.shape[0]!,
];

const plain = defineOp<'x' | 'weight'>({
  name: 'Linear',
  inputs: ['x', 'weight'],
  saves: { outputs: [] },
  forward: ({ x, weight }) => tf.reshape(forward(x, weight), outputShape(x, weight)),
  backward: (dy, { x, weight }) => ({
    x: () => backwardInput(dy, weight, x),
    weight: () => backwardWeight(dy, x),
  }),
});

const withBias = defineOp<'x' | 'weight' | 'bias'>({
  name: 'LinearBias',
  inputs: ['x', 'weight', 'bias'],
  saves: { inputs: ['x', 'weight'], outputs: [] },
  forward: ({ x, weight, bias }) => tf.reshape(tf.add(forward(x, weight), bias), outputShape(x, weight)),
  backward: (dy, { x, weight }) => ({
    x: () => backwardInput(dy, weight, x),
    weight: () => backwardWeight(dy, x),
    bias: () => sumRows(dy),
  }),
});

/** `x` [..., in], `weight` [out, in], `bias` [out] → [..., out]. */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  return bias ? withBias({ x, weight, bias }, {}) : plain({ x, weight }, {});
}
