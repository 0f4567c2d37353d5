/**
 * Scaled dot-product attention, softmax(q·kᵀ·scale + mask)·v, without the score matrix in memory
 * (FlashAttention, arXiv:2205.14135). Beside the result, the forward pass leaves two numbers per row: its largest
 * score and one over the sum of e^(score − largest). With them the backward pass, an operation of its own,
 * computes any probability again from one product.
 *
 * The kernels for WebGPU are in `compile/lowerings/attention*.ts`; elsewhere it is the composition of
 * `attention-blocks.ts`.
 */
import { defineOp, defineOpWithOutputs, once } from '../op.ts';
import type * as tf from '../tf.ts';
import { attentionByBlocks, attentionGradientsByBlocks } from './attention-blocks.ts';

interface AttentionAttrs {
  readonly scale: number;
}

interface MaskedAttentionAttrs extends AttentionAttrs {
  readonly learnedMask: boolean;
}

type Qkv = 'q' | 'k' | 'v';
/** What the gradients are computed from: `y` and `statistics` are the outputs of the forward pass. */
type GradientInput = Qkv | 'dy' | 'y' | 'statistics';

const qkv = ['q', 'k', 'v'] as const;
const gradientInputs = ['dy', 'q', 'k', 'v', 'y', 'statistics'] as const;

/** [dq, dk, dv]. */
const gradient = defineOpWithOutputs<GradientInput, AttentionAttrs>({
  name: 'AttentionGrad',
  inputs: gradientInputs,
  outputs: 3,
  forward(inputs, { scale }) {
    const { q, k, v } = attentionGradientsByBlocks(inputs, scale, false);
    return [q, k, v];
  },
});

/** [dq, dk, dv], and d(mask) when it is learned. */
const maskedGradient = defineOpWithOutputs<GradientInput | 'mask', MaskedAttentionAttrs>({
  name: 'MaskedAttentionGrad',
  inputs: [...gradientInputs, 'mask'],
  outputs: 4,
  forward(inputs, { scale, learnedMask }) {
    const { q, k, v, mask } = attentionGradientsByBlocks(inputs, scale, learnedMask);
    return mask ? [q, k, v, mask] : [q, k, v];
  },
});

const plain = defineOp<Qkv, AttentionAttrs>({
  name: 'Attention',
  inputs: qkv,
  outputs: 2,
  forward: (inputs, { scale }) => attentionByBlocks(inputs, scale),
  backward(dy, inputs, [y, statistics], attrs) {
    const all = once(() => gradient({ dy, ...inputs, y: y!, statistics: statistics! }, attrs));
    return { q: () => all()[0]!, k: () => all()[1]!, v: () => all()[2]! };
  },
});

const masked = defineOp<Qkv | 'mask', MaskedAttentionAttrs>({
  name: 'MaskedAttention',
  inputs: [...qkv, 'mask'],
  outputs: 2,
  forward: (inputs, { scale }) => attentionByBlocks(inputs, scale),
  backward(dy, inputs, [y, statistics], attrs) {
    const all = once(() => maskedGradient({ dy, ...inputs, y: y!, statistics: statistics! }, attrs));
    const closures = { q: () => all()[0]!, k: () => all()[1]!, v: () => all()[2]! };
    return attrs.learnedMask ? { ...closures, mask: () => all()[3]! } : closures;
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

/** `q` [B, H, queries, D], `k` [B, H, keys, D] and `v` [B, H, keys, E] → [B, H, queries, E]. */
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { scale = 1 / Math.sqrt(q.shape[3]!), mask, learnedMask = false }: AttentionOptions = {},
): tf.Tensor {
  return mask ? masked({ q, k, v, mask }, { scale, learnedMask }) : plain({ q, k, v }, { scale });
}
