/**
 * Layers as one would write them with TensorFlow.js alone: its ops, its gradients, its weight layouts. They are
 * the peer of the `step` cases, so nothing of Ocelli is used here but the numbers that its weights start from.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedArray, NamedWeights } from '../networks/weights.ts';

/** Makes the variables of a model from named weights. */
export class Weights {
  /** What is trained. */
  readonly variables: tf.Variable[] = [];
  private readonly others: tf.Tensor[] = [];

  constructor(private readonly source: NamedWeights) {}

  /** As it is. */
  vector(name: string): tf.Variable {
    return this.train(this.source.get(name));
  }

  /** A matrix [in, out] or a filter [height, width, in, out]. */
  kernel(name: string): tf.Variable {
    return this.train(this.source.transposed(name));
  }

  /** Read and never trained. */
  constant(name: string): NamedArray {
    return this.source.get(name);
  }

  /** Running statistics: assigned, not trained. */
  buffer(name: string): tf.Variable {
    const { shape, data } = this.source.get(name);
    const variable = tf.variable(tf.tensor(data, [...shape]), false);
    this.others.push(variable);
    return variable;
  }

  tensor(values: Float32Array, shape: number[]): tf.Tensor {
    const tensor = tf.tensor(values, shape);
    this.others.push(tensor);
    return tensor;
  }

  dispose(): void {
    tf.dispose([...this.variables, ...this.others]);
  }

  private train({ shape, data }: NamedArray): tf.Variable {
    const tensor = tf.tensor(data, [...shape]);
    const variable = tf.variable(tensor);
    tensor.dispose();
    this.variables.push(variable);
    return variable;
  }
}

export type Layer = (x: tf.Tensor) => tf.Tensor;

export type PlainTargets = Readonly<Record<string, tf.Tensor>>;

/** Loss of a batch of pictures [batch, height, width, 3]. */
export type PlainLoss = (images: tf.Tensor4D, targets: PlainTargets) => tf.Scalar;

export function dense(weights: Weights, name: string): Layer {
  const kernel = weights.kernel(`${name}.weight`);
  const bias = weights.vector(`${name}.bias`);
  const [input, output] = kernel.shape as [number, number];
  return (x) => {
    const rows = tf.reshape(x, [-1, input]);
    const y = tf.add(tf.matMul(rows, kernel as tf.Tensor as tf.Tensor2D), bias);
    return tf.reshape(y, [...x.shape.slice(0, -1), output]);
  };
}

export function layerNorm(weights: Weights, name: string, epsilon = 1e-5): Layer {
  const scale = weights.vector(`${name}.weight`);
  const shift = weights.vector(`${name}.bias`);
  return (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(normalized, scale), shift);
  };
}

export const gelu: Layer = (x) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5));

export type AttentionLayer = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) => tf.Tensor;

export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly output: string;
}

export function attention(weights: Weights, names: AttentionNames, heads: number): AttentionLayer {
  const [q, k, v, out] = [names.query, names.key, names.value, names.output].map((name) =>
    dense(weights, name),
  ) as [Layer, Layer, Layer, Layer];
  const split = (x: tf.Tensor): tf.Tensor => {
    const [batch, tokens, width] = x.shape as [number, number, number];
    return tf.transpose(tf.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
  };
  return (queries, keys, values) => {
    const scores = tf.mul(
      tf.matMul(split(q(queries)), split(k(keys)), false, true),
      1 / Math.sqrt(queries.shape[2]! / heads),
    );
    const mixed = tf.matMul(tf.softmax(scores), split(v(values)));
    return out(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), queries.shape));
  };
}

/** Without bias. */
export function convolution(weights: Weights, name: string, stride = 1): Layer {
  const filter = weights.kernel(`${name}.weight`);
  const padding = (filter.shape[0]! - 1) / 2;
  return (x) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor as tf.Tensor4D, stride, padding);
}

/** By the batch's statistics, keeping running ones as Keras and torch do. */
export function batchNorm(weights: Weights, name: string, momentum = 0.1): Layer {
  const scale = weights.vector(`${name}.weight`);
  const shift = weights.vector(`${name}.bias`);
  const runningMean = weights.buffer(`${name}.running_mean`);
  const runningVariance = weights.buffer(`${name}.running_var`);
  return (x) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const count = x.size / x.shape.at(-1)!;
    const unbiased = tf.mul(variance, count / (count - 1));
    const move = (running: tf.Variable, now: tf.Tensor): void =>
      running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(now, momentum)));
    move(runningMean, mean);
    move(runningVariance, unbiased);
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

/** A scale and a shift that do not learn. */
export function frozenBatchNorm(weights: Weights, name: string, epsilon = 1e-5): Layer {
  const [weight, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (part) => weights.constant(`${name}.${part}`).data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = weight.map((value, i) => value / Math.sqrt(variance[i]! + epsilon));
  const scale = weights.tensor(factors, [factors.length]);
  const shift = weights.tensor(
    bias.map((value, i) => value - mean[i]! * factors[i]!),
    [factors.length],
  );
  return (x) => tf.add(tf.mul(x, scale), shift);
}
