/**
 * Scaled dot-product attention, softmax(q·kᵀ·scale + mask)·v, by blocks of queries: the score matrix, which
 * grows with the square of the tokens (2.6 GB for YOLOS-base at 800 × 1344), never exists as a whole. The
 * backward pass computes the probabilities again, block by block, instead of keeping them (as FlashAttention
 * does, arXiv:2205.14135).
 *
 * Backward per block, with p the probabilities: dv = pᵀ·dy, dp = dy·vᵀ, ds = p·(dp − Σ dp·p),
 * dq = ds·k·scale, dk = dsᵀ·q·scale, and d(mask) = ds summed over what the mask was spread over.
 */
import { defineOp, once } from '../op.ts';
import * as tf from '../tf.ts';
import { productWithTransposed } from './products.ts';
import { softmaxGradient } from './softmax.ts';

interface AttentionAttrs {
  readonly scale: number;
}

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

function probabilities(q: tf.Tensor, k: tf.Tensor, scale: number, mask?: tf.Tensor): tf.Tensor {
  const scores = tf.mul(productWithTransposed(q, k), scale);
  return tf.softmax(mask ? tf.add(scores, mask) : scores);
}

function forward(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, scale: number, mask?: tf.Tensor): tf.Tensor {
  const parts = blocksOfQueries(q, k).map((block) =>
    tf.tidy(() => {
      const part = probabilities(queryRows(q, block), k, scale, mask && maskRows(mask, block));
      return tf.matMul(part, v);
    }),
  );
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 2);
}

interface Gradients {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
  readonly mask?: tf.Tensor;
}

function backward(
  dy: tf.Tensor,
  inputs: { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; mask?: tf.Tensor },
  scale: number,
  wantsMask: boolean,
): Gradients {
  const { q, k, v, mask } = inputs;
  const dqs: tf.Tensor[] = [];
  const dMasks: tf.Tensor[] = [];
  let dk: tf.Tensor | undefined;
  let dv: tf.Tensor | undefined;
  for (const block of blocksOfQueries(q, k)) {
    const part = tf.tidy(() => {
      const qBlock = queryRows(q, block);
      const dyBlock = queryRows(dy, block);
      const p = probabilities(qBlock, k, scale, mask && maskRows(mask, block));
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
  return axes.length === 0 ? x : tf.sum(x, axes, true);
}

const plain = defineOp<'q' | 'k' | 'v', AttentionAttrs>({
  name: 'Attention',
  inputs: ['q', 'k', 'v'],
  saves: { outputs: [] },
  forward: ({ q, k, v }, { scale }) => forward(q, k, v, scale),
  backward(dy, inputs, _, { scale }) {
    const all = once(() => backward(dy, inputs, scale, false));
    return { q: () => all().q, k: () => all().k, v: () => all().v };
  },
});

interface MaskedAttentionAttrs extends AttentionAttrs {
  readonly learnedMask: boolean;
}

const masked = defineOp<'q' | 'k' | 'v' | 'mask', MaskedAttentionAttrs>({
  name: 'MaskedAttention',
  inputs: ['q', 'k', 'v', 'mask'],
  saves: { outputs: [] },
  forward: ({ q, k, v, mask }, { scale }) => forward(q, k, v, scale, mask),
  backward(dy, inputs, _, { scale, learnedMask }) {
    const all = once(() => backward(dy, inputs, scale, learnedMask));
    const closures = { q: () => all().q, k: () => all().k, v: () => all().v };
    return learnedMask ? { ...closures, mask: () => all().mask! } : closures;
  },
});

export interface AttentionOptions {
  /** 1/√(head width) by default. */
  readonly scale?: number;
  /** Added to the scores: [B or 1, H or 1, queries or 1, keys]. */
  readonly mask?: tf.Tensor;
  /** The mask takes a gradient (a position bias that is trained). */
  readonly learnedMask?: boolean;
}

/** `q` [B, H, queries, D], `k` and `v` [B, H, keys, D] → [B, H, queries, D]. */
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { scale = 1 / Math.sqrt(q.shape[3]!), mask, learnedMask = false }: AttentionOptions = {},
): tf.Tensor {
  return mask ? masked({ q, k, v, mask }, { scale, learnedMask }) : plain({ q, k, v }, { scale });
}
