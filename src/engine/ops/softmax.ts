/** Softmax and its logarithm over the last axis, shifted by the row's maximum so that nothing overflows. */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';

const shifted = (x: tf.Tensor): tf.Tensor => tf.sub(x, tf.max(x, -1, true));

const softmaxOp = defineOp<'x'>({
  name: 'Softmax',
  inputs: ['x'],
  saves: { inputs: [], outputs: [0] },
  forward: ({ x }) => tf.softmax(x),
  backward: (dy, _, [y]) => ({ x: () => softmaxGradient(dy, y!) }),
});

/** d(loss)/d(scores) from d(loss)/d(probabilities): p·(dp − Σ dp·p). */
export function softmaxGradient(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const weighted = tf.mul(dy, y);
  return tf.sub(weighted, tf.mul(y, tf.sum(weighted, -1, true)));
}

const logSoftmaxOp = defineOp<'x'>({
  name: 'LogSoftmax',
  inputs: ['x'],
  saves: { inputs: [], outputs: [0] },
  forward({ x }) {
    const below = shifted(x);
    return tf.sub(below, tf.log(tf.sum(tf.exp(below), -1, true)));
  },
  backward: (dy, _, [y]) => ({
    x: () => tf.sub(dy, tf.mul(tf.exp(y!), tf.sum(dy, -1, true))),
  }),
});

export const softmax = (x: tf.Tensor): tf.Tensor => softmaxOp({ x }, {});
export const logSoftmax = (x: tf.Tensor): tf.Tensor => logSoftmaxOp({ x }, {});
