/**
 * Layers as one would write them with TensorFlow.js alone: its ops, its gradients, its weight layouts. They are
 * the peer of the `step` cases, so nothing of Ocelli is used here.
 */
import * as tf from '@tensorflow/tfjs-core';

/** Makes the variables of a model; the same order of calls gives the same model. */
export class Weights {
  readonly variables: tf.Variable[] = [];

  normal(shape: number[], deviation = 0.02): tf.Variable {
    return this.add(tf.randomNormal(shape, 0, deviation, 'float32', this.variables.length + 1));
  }

  constant(shape: number[], value: number): tf.Variable {
    return this.add(tf.fill(shape, value));
  }

  private add(tensor: tf.Tensor): tf.Variable {
    const variable = tf.variable(tensor);
    tensor.dispose();
    this.variables.push(variable);
    return variable;
  }
}

export type Layer = (x: tf.Tensor) => tf.Tensor;

export function dense(weights: Weights, input: number, output: number): Layer {
  const kernel = weights.normal([input, output]);
  const bias = weights.constant([output], 0);
  return (x) => {
    const rows = tf.reshape(x, [-1, input]);
    const y = tf.add(tf.matMul(rows, kernel as tf.Tensor as tf.Tensor2D), bias);
    return tf.reshape(y, [...x.shape.slice(0, -1), output]);
  };
}

export function layerNorm(weights: Weights, width: number, epsilon = 1e-5): Layer {
  const scale = weights.constant([width], 1);
  const shift = weights.constant([width], 0);
  return (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(normalized, scale), shift);
  };
}

export const gelu: Layer = (x) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5));

export type AttentionLayer = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) => tf.Tensor;

export function attention(weights: Weights, width: number, heads: number): AttentionLayer {
  const [q, k, v, out] = [0, 1, 2, 3].map(() => dense(weights, width, width)) as [Layer, Layer, Layer, Layer];
  const split = (x: tf.Tensor): tf.Tensor => {
    const [batch, tokens] = x.shape as [number, number];
    return tf.transpose(tf.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
  };
  return (queries, keys, values) => {
    const scores = tf.mul(
      tf.matMul(split(q(queries)), split(k(keys)), false, true),
      1 / Math.sqrt(width / heads),
    );
    const mixed = tf.matMul(tf.softmax(scores), split(v(values)));
    return out(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), queries.shape));
  };
}

export interface ConvolutionOptions {
  readonly kernel: number;
  readonly stride?: number;
}

export function convolution(
  weights: Weights,
  input: number,
  output: number,
  { kernel, stride = 1 }: ConvolutionOptions,
): Layer {
  const filter = weights.normal([kernel, kernel, input, output], Math.sqrt(2 / (kernel * kernel * output)));
  return (x) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor as tf.Tensor4D, stride, (kernel - 1) / 2);
}

/** Batch norm on the batch's statistics, or frozen: a scale and a shift that do not learn. */
export function batchNorm(weights: Weights, channels: number, frozen: boolean): Layer {
  if (frozen) {
    const scale = tf.ones([channels]);
    const shift = tf.zeros([channels]);
    return (x) => tf.add(tf.mul(x, scale), shift);
  }
  const scale = weights.constant([channels], 1);
  const shift = weights.constant([channels], 0);
  return (x) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(
      x as tf.Tensor4D,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      shift as tf.Tensor as tf.Tensor1D,
      scale as tf.Tensor as tf.Tensor1D,
      1e-5,
    );
  };
}
