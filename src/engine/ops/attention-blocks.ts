/**
 * Attention and its gradients as a composition of TensorFlow.js ops, by blocks of queries: the score matrix, which
 * grows with the square of the tokens (2.6 GB for YOLOS-base at 800 × 1344), never exists as a whole. The
 * backward pass computes the probabilities again, block by block, instead of keeping them (as FlashAttention
 * does, arXiv:2205.14135).
 *
 * Backward per block, with p the probabilities: dv = pᵀ·dy, dp = dy·vᵀ, ds = p·(dp − Σ dp·p),
 * dq = ds·k·scale, dk = dsᵀ·q·scale, and d(mask) = ds summed over what the mask was spread over.
 */
import * as tf from '../tf.ts';
import { productWithTransposed } from './products.ts';
import { softmaxGradient } from './softmax.ts';

/** Scores of one block are at most this many numbers (32 MiB): below every adapter's binding limit. */
const blockElements = 2 ** 23;

interface Block {
  readonly begin: number;
  readonly size: number;
}

function blocksOfQueries(q: tf.Tensor, k: tf.Tensor): Block[] {
  const [batch, heads, queries] = q.shape as [number, number, number, number];
  const perQuery = batch * heads * k.shape[2]!;
  const size = Math.max(1, Math.min(queries, Math.floor(blockElements / perQuery)));
  const count = Math.ceil(queries / size);
  return Array.from({ length: count }, (_, i) => ({
    begin: i * size,
    size: Math.min(size, queries - i * size),
  }));
}

/** Rows of [B, H, N, D]; the tensor itself when the block is all of it. */
function queryRows(x: tf.Tensor, { begin, size }: Block): tf.Tensor {
  const [batch, heads, queries, width] = x.shape as [number, number, number, number];
  return size === queries ? x : tf.slice(x, [0, 0, begin, 0], [batch, heads, size, width]);
}

/** The mask's part for a block; a mask that is the same for all queries stays as it is. */
const maskRows = (mask: tf.Tensor, block: Block): tf.Tensor =>
  mask.shape[2] === 1 ? mask : queryRows(mask, block);

function scoresOf(q: tf.Tensor, k: tf.Tensor, scale: number, mask?: tf.Tensor): tf.Tensor {
  const scores = tf.mul(productWithTransposed(q, k), scale);
  return mask ? tf.add(scores, mask) : scores;
}

/** [y, statistics]; see `attention.ts`. */
export function attentionByBlocks(
  { q, k, v, mask }: { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; mask?: tf.Tensor },
  scale: number,
): [tf.Tensor, tf.Tensor] {
  const parts = blocksOfQueries(q, k).map((block) =>
    tf.tidy(() => {
      const scores = scoresOf(queryRows(q, block), k, scale, mask && maskRows(mask, block));
      const p = tf.softmax(scores);
      // The largest probability of a row is e⁰ divided by its sum.
      const statistics = tf.concat([tf.max(scores, 3, true), tf.max(p, 3, true)], 3);
      return [tf.matMul(p, v), statistics] as const;
    }),
  );
  if (parts.length === 1) return [...parts[0]!];
  const joined = (output: 0 | 1): tf.Tensor =>
    tf.concat(
      parts.map((part) => part[output]),
      2,
    );
  return [joined(0), joined(1)];
}

export interface AttentionGradients {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
  readonly mask?: tf.Tensor;
}

export function attentionGradientsByBlocks(
  { dy, q, k, v, mask }: { dy: tf.Tensor; q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; mask?: tf.Tensor },
  scale: number,
  wantsMask: boolean,
): AttentionGradients {
  const dqs: tf.Tensor[] = [];
  const dMasks: tf.Tensor[] = [];
  let dk: tf.Tensor | undefined;
  let dv: tf.Tensor | undefined;
  for (const block of blocksOfQueries(q, k)) {
    const part = tf.tidy(() => {
      const qBlock = queryRows(q, block);
      const dyBlock = queryRows(dy, block);
      const p = tf.softmax(scoresOf(qBlock, k, scale, mask && maskRows(mask, block)));
      const ds = softmaxGradient(productWithTransposed(dyBlock, v), p);
      const scaled = tf.mul(ds, scale);
      return {
        dq: tf.matMul(scaled, k),
        dk: tf.matMul(scaled, qBlock, true, false),
        dv: tf.matMul(p, dyBlock, true, false),
        dMask: wantsMask && mask ? sumTo(ds, maskRows(mask, block).shape) : undefined,
      };
    });
    dqs.push(part.dq);
    dk = accumulate(dk, part.dk);
    dv = accumulate(dv, part.dv);
    if (part.dMask) dMasks.push(part.dMask);
  }
  const result = { q: dqs.length === 1 ? dqs[0]! : tf.concat(dqs, 2), k: dk!, v: dv! };
  if (dMasks.length === 0) return result;
  const spread = mask!.shape[2] === 1;
  const joined = spread ? dMasks.reduce((a, b) => tf.add(a, b)) : tf.concat(dMasks, 2);
  return { ...result, mask: joined };
}

function accumulate(sum: tf.Tensor | undefined, part: tf.Tensor): tf.Tensor {
  if (!sum) return part;
  const next = tf.add(sum, part);
  sum.dispose();
  part.dispose();
  return next;
}

/** The sum over the axes along which `shape` was broadcast. */
function sumTo(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = shape.flatMap((size, axis) => (size === 1 && x.shape[axis] !== 1 ? [axis] : []));
  return axes.length === 0 ? tf.clone(x) : tf.sum(x, axes, true);
}
