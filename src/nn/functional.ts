/** What layers share and what has no parameters: dropout, attention over heads, layout changes. */
import { ops, tf } from '../engine/index.ts';
import type { ForwardContext } from './module.ts';

/** While training, drops elements with probability `rate` and scales the rest by 1/(1 − rate). */
export function dropout(x: tf.Tensor, rate: number, context: ForwardContext): tf.Tensor {
  if (rate === 0 || !context.training) return x;
  return ops.dropout(x, rate, ...draw(context));
}

function draw({ seed, nextStream }: ForwardContext): [seed: tf.Tensor, stream: number] {
  if (!seed || !nextStream)
    throw new Error('training with dropout needs a seed and nextStream in the context');
  return [seed, nextStream()];
}

export interface AttendOptions {
  readonly heads: number;
  /** Added to the scores, [batch or 1, heads or 1, queries or 1, keys]. */
  readonly mask?: tf.Tensor;
  /** Dropped attention probabilities (0). */
  readonly dropout?: number;
}

/**
 * Multi-head scaled dot-product attention on projected [batch, tokens, width]: the width is split into heads,
 * each attends on its own (scores over √(width / heads)), and they are put side by side again.
 */
export function attend(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  options: AttendOptions,
  context: ForwardContext,
): tf.Tensor {
  const [q, k, v] = [query, key, value].map((x) => splitHeads(x, options.heads)) as [
    tf.Tensor4D,
    tf.Tensor4D,
    tf.Tensor4D,
  ];
  return mergeHeads(attendHeads(q, k, v, options, context));
}

function attendHeads(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  { mask, dropout: rate = 0 }: AttendOptions,
  context: ForwardContext,
): tf.Tensor {
  if (rate === 0 || !context.training) return ops.attention(q, k, v, mask ? { mask } : {});
  // The probabilities must exist as a whole to be dropped.
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3]));
  const probabilities = ops.softmax(mask ? tf.add(scores, mask) : scores);
  return tf.matMul(dropout(probabilities, rate, context), v);
}

/** [batch, tokens, heads · width] → [batch, heads, tokens, width]. */
function splitHeads(x: tf.Tensor, heads: number): tf.Tensor4D {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** [batch, heads, tokens, width] → [batch, tokens, heads · width]. */
function mergeHeads(x: tf.Tensor): tf.Tensor {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, tokens, heads * width]);
}

/** The model boundary: [batch, channels, height, width] → [batch, height, width, channels]. */
export function toChannelsLast(x: tf.Tensor): tf.Tensor {
  return tf.transpose(x, [0, 2, 3, 1]);
}

/** [batch, height, width, channels] → [batch, channels, height, width]. */
export function toChannelsFirst(x: tf.Tensor): tf.Tensor {
  return tf.transpose(x, [0, 3, 1, 2]);
}

/** [batch, height, width, channels] → [batch, height · width, channels], row by row. */
export function toTokens(x: tf.Tensor): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tf.reshape(x, [batch, height * width, channels]);
}

/** [1, tokens, width] for every image of a batch. */
export function expandBatch(x: tf.Tensor, batch: number): tf.Tensor {
  return batch === 1 ? tf.clone(x) : tf.tile(x, [batch, ...x.shape.slice(1).map(() => 1)]);
}
