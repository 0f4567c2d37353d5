/**
 * Layer normalisation over the last axis (Ba et al., arXiv:1607.06450): (x − mean)/√(var + ε)·weight + bias,
 * with the biased variance. The variance is taken around the mean, in two passes: E[x²] − E[x]² loses the
 * digits that a transformer's large residual values need.
 *
 * Backward, with x̂ the normalised input and g = dy·weight, per row:
 * dx = (g − mean(g) − x̂·mean(g·x̂))/σ.
 */
import { defineOp, once } from '../op.ts';
import * as tf from '../tf.ts';

interface LayerNormAttrs {
  readonly epsilon: number;
}

const op = defineOp<'x' | 'weight' | 'bias', LayerNormAttrs>({
  name: 'LayerNorm',
  inputs: ['x', 'weight', 'bias'],
  outputs: 3,
  saves: { inputs: ['x', 'weight'], outputs: [1, 2] },
  forward({ x, weight, bias }, { epsilon }) {
    const mean = tf.mean(x, -1, true);
    const centred = tf.sub(x, mean);
    const inverseDeviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const y = tf.add(tf.mul(tf.mul(centred, inverseDeviation), weight), bias);
    return [y, mean, inverseDeviation];
  },
  backward(dy, { x, weight }, [, mean, inverseDeviation]) {
    const normalized = once(() => tf.mul(tf.sub(x, mean!), inverseDeviation!));
    return {
      x: () => {
        const g = tf.mul(dy, weight);
        const along = tf.mean(tf.mul(g, normalized()), -1, true);
        const rest = tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(normalized(), along));
        return tf.mul(rest, inverseDeviation!);
      },
      weight: () => sumRows(tf.mul(dy, normalized())),
      bias: () => sumRows(dy),
    };
  },
});

/** The sum over all axes but the last: [..., C] → [C]. */
export function sumRows(x: tf.Tensor): tf.Tensor {
  const channels = x.shape[x.rank - 1]!;
  return tf.sum(tf.reshape(x, [x.size / channels, channels]), 0);
}

/** `x` [..., C], `weight` and `bias` [C]. */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  return op({ x, weight, bias }, { epsilon });
}
