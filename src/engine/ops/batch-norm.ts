/**
 * Batch normalisation over all axes but the last (Ioffe & Szegedy, arXiv:1502.03167), channels last.
 *
 * In training the statistics are the batch's: the biased variance normalises, the unbiased one goes into the
 * running average, as torch does. Frozen, the running statistics make it a fixed scale and shift per channel;
 * weight and bias may still learn.
 */
import { defineOp, defineOpWithOutputs, once } from '../op.ts';
import * as tf from '../tf.ts';
import { sumRows } from './layer-norm.ts';

interface BatchNormAttrs {
  readonly epsilon: number;
}

/** Σ (x − mean)² and the mean of each channel: [C] both. */
const statistics = defineOpWithOutputs<'x', object>({
  name: 'BatchNormStatistics',
  inputs: ['x'],
  outputs: 2,
  forward({ x }) {
    const mean = tf.mul(sumRows(x), x.shape[x.rank - 1]! / x.size);
    return [sumRows(tf.square(tf.sub(x, mean))), mean];
  },
});

const trainOp = defineOpWithOutputs<'x' | 'weight' | 'bias', BatchNormAttrs>({
  name: 'BatchNorm',
  inputs: ['x', 'weight', 'bias'],
  outputs: 4,
  saves: { inputs: ['x', 'weight'], outputs: [1, 3] },
  forward({ x, weight, bias }, { epsilon }) {
    const channels = x.shape[x.rank - 1]!;
    const count = x.size / channels;
    const [squares, mean] = statistics({ x }, {}) as [tf.Tensor, tf.Tensor];
    const inverseDeviation = tf.rsqrt(tf.add(tf.mul(squares, 1 / count), epsilon));
    const unbiased = tf.mul(squares, 1 / Math.max(count - 1, 1));
    const y = tf.add(tf.mul(tf.sub(x, mean), tf.mul(inverseDeviation, weight)), bias);
    return [y, mean, unbiased, inverseDeviation];
  },
  backward(dy, { x, weight }, outputs) {
    const mean = outputs[1]!;
    const inverseDeviation = outputs[3]!;
    const count = x.size / x.shape[x.rank - 1]!;
    const normalized = once(() => tf.mul(tf.sub(x, mean), inverseDeviation));
    const dBias = once(() => sumRows(dy));
    const dWeight = once(() => sumRows(tf.mul(dy, normalized())));
    return {
      x: () => {
        const level = tf.mul(dBias(), 1 / count);
        const along = tf.mul(dWeight(), 1 / count);
        const rest = tf.sub(tf.sub(dy, level), tf.mul(normalized(), along));
        return tf.mul(rest, tf.mul(inverseDeviation, weight));
      },
      weight: () => tf.clone(dWeight()),
      bias: () => tf.clone(dBias()),
    };
  },
});

export interface BatchNormResult {
  readonly y: tf.Tensor;
  /** The batch's mean, [C]. */
  readonly mean: tf.Tensor;
  /** The batch's unbiased variance, [C]. */
  readonly variance: tf.Tensor;
}

/** With the statistics of this batch. `x` [..., C], `weight` and `bias` [C]. */
export function batchNorm(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): BatchNormResult {
  const [y, mean, variance] = trainOp({ x, weight, bias }, { epsilon });
  return { y: y!, mean: mean!, variance: variance! };
}

const frozenOp = defineOp<'x' | 'weight' | 'bias' | 'mean' | 'variance', BatchNormAttrs>({
  name: 'FrozenBatchNorm',
  inputs: ['x', 'weight', 'bias', 'mean', 'variance'],
  saves: { inputs: ['x', 'weight', 'mean', 'variance'], outputs: [] },
  forward({ x, weight, bias, mean, variance }, { epsilon }) {
    const scale = tf.mul(weight, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(x, scale), tf.sub(bias, tf.mul(mean, scale)));
  },
  backward(dy, { x, weight, mean, variance }, _, { epsilon }) {
    const inverseDeviation = once(() => tf.rsqrt(tf.add(variance, epsilon)));
    return {
      x: () => tf.mul(dy, tf.mul(weight, inverseDeviation())),
      weight: () => tf.mul(sumRows(tf.mul(dy, tf.sub(x, mean))), inverseDeviation()),
      bias: () => sumRows(dy),
    };
  },
});

/** With fixed statistics. `x` [..., C]; the others [C]. Not differentiated by mean and variance. */
export function frozenBatchNorm(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  return frozenOp({ x, weight, bias, mean, variance }, { epsilon });
}
