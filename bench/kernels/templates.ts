/**
 * Attention, pooling, resizing and the like beside TensorFlow.js' kernels or compositions. FLOPs of attention are
 * those of its products (two forward, five backward), whatever is computed once more.
 */
import { ops, Tape, tf } from '../../src/engine/index.ts';
import { type KernelCase, kernelCase } from './case.ts';

/** [B, N, H·D] → [B, H, N, D], as models split heads. */
function headsOf(x: tf.Tensor, heads: number): tf.Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

function joined(x: tf.Tensor): tf.Tensor {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, tokens, heads * width]);
}

function plainAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3]!));
  return tf.matMul(tf.softmax(scores), v);
}

type Attention = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => tf.Tensor;

const onTokens =
  (attention: Attention, heads: number) =>
  (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor =>
    joined(attention(headsOf(q, heads), headsOf(k, heads), headsOf(v, heads)));

/** Gradients of Σ fn·dy. Operations with several outputs share work between gradients: that needs our own tape. */
function gradients(
  fn: (...tensors: tf.Tensor[]) => tf.Tensor,
  tensors: readonly tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  const tape = new Tape();
  const found = tape.gradients(tf.sum(tf.mul(fn(...tensors), dy)), tensors) as tf.Tensor[];
  tape.dispose(found);
  return found;
}

interface AttentionSize {
  readonly name: string;
  readonly batch: number;
  readonly heads: number;
  readonly tokens: number;
  readonly width: number;
}

function attentionCases({ name, batch, heads, tokens, width }: AttentionSize): KernelCase[] {
  const x = { shape: [batch, tokens, heads * width] };
  const inputs = { q: x, k: x, v: x };
  const products = 2 * batch * heads * tokens * tokens * width;
  const [ours, plain] = [onTokens(ops.attention, heads), onTokens(plainAttention, heads)];
  return [
    kernelCase({
      name: `attention/${name}`,
      inputs,
      ours: ({ q, k, v }) => ours(q, k, v),
      plain: ({ q, k, v }) => plain(q, k, v),
      flops: 2 * products,
    }),
    kernelCase({
      name: `attention_gradient/${name}`,
      inputs: { ...inputs, dy: x },
      ours: ({ q, k, v, dy }) => gradients((a, b, c) => ours(a!, b!, c!), [q, k, v], dy),
      plain: ({ q, k, v, dy }) => gradients((a, b, c) => plain(a!, b!, c!), [q, k, v], dy),
      // The gradient takes the forward pass along on both sides.
      flops: 7 * products,
    }),
  ];
}

const image = [2, 56, 56, 64] as const;
const pixels = image[0] * image[1] * image[2] * image[3];
const half = { shape: [image[0], image[1] / 2, image[2] / 2, image[3]] };
const double: [number, number] = [image[1] * 2, image[2] * 2];
const pool = { kernel: 3, stride: 2, padding: 1 };

/** TensorFlow.js pads with zeros nowhere in pooling; after ReLU zeros never win. */
const plainMaxPool = (x: tf.Tensor): tf.Tensor =>
  tf.maxPool(
    tf.pad(x as tf.Tensor4D, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]),
    3,
    2,
    'valid',
  );

const plainBilinear = (x: tf.Tensor): tf.Tensor =>
  tf.image.resizeBilinear(x as tf.Tensor4D, double, false, true);

const masked = { heads: 4, tokens: 65, width: 32 };
const maskedTokens = { shape: [8, masked.tokens, masked.heads * masked.width] };
/** What padding adds to scores: the last keys of each picture count little. */
const mask = { shape: [8, 1, 1, masked.tokens] };

const ourMaskedAttention = (added: tf.Tensor): Attention =>
  onTokens((q, k, v) => ops.attention(q, k, v, { mask: added }), masked.heads);

const plainMaskedAttention = (added: tf.Tensor): Attention =>
  onTokens((q, k, v) => {
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3]!));
    return tf.matMul(tf.softmax(tf.add(scores, added)), v);
  }, masked.heads);

export const templates: readonly KernelCase[] = [
  ...attentionCases({ name: '8x4x65x32', batch: 8, heads: 4, tokens: 65, width: 32 }),
  ...attentionCases({ name: '1x12x197x64', batch: 1, heads: 12, tokens: 197, width: 64 }),
  kernelCase({
    name: 'masked_attention_gradient/8x4x65x32',
    inputs: { q: maskedTokens, k: maskedTokens, v: maskedTokens, added: mask, dy: maskedTokens },
    ours: ({ q, k, v, added, dy }) =>
      gradients((a, b, c) => ourMaskedAttention(added)(a!, b!, c!), [q, k, v], dy),
    plain: ({ q, k, v, added, dy }) =>
      gradients((a, b, c) => plainMaskedAttention(added)(a!, b!, c!), [q, k, v], dy),
    flops: 14 * 8 * masked.heads * masked.tokens ** 2 * masked.width,
  }),
  kernelCase({
    name: 'max_pool/3x3_2_56x56x64',
    inputs: { x: { shape: [...image], positive: true } },
    ours: ({ x }) => ops.maxPool2d(x, pool),
    plain: ({ x }) => plainMaxPool(x),
    flops: (9 / 4) * pixels,
  }),
  kernelCase({
    name: 'max_pool_gradient/3x3_2_56x56x64',
    inputs: { x: { shape: [...image], positive: true }, dy: half },
    ours: ({ x, dy }) => gradients((a) => ops.maxPool2d(a!, pool), [x], dy),
    plain: ({ x, dy }) => gradients((a) => plainMaxPool(a!), [x], dy),
    flops: (9 / 4) * pixels,
  }),
  kernelCase({
    name: 'average_pool_gradient/2x2_56x56x64',
    inputs: { x: { shape: [...image] }, dy: half },
    ours: ({ x, dy }) => gradients((a) => ops.averagePool2d(a!, { kernel: 2 }), [x], dy),
    plain: ({ x, dy }) => gradients((a) => tf.avgPool(a as tf.Tensor4D, 2, 2, 'valid'), [x], dy),
    flops: pixels,
  }),
  kernelCase({
    name: 'resize_bilinear/56_112',
    inputs: { x: { shape: [...image] } },
    ours: ({ x }) => ops.interpolate(x, { size: double, mode: 'bilinear' }),
    plain: ({ x }) => plainBilinear(x),
    flops: 8 * 4 * pixels,
  }),
  kernelCase({
    name: 'resize_bilinear_gradient/56_112',
    inputs: { x: { shape: [...image] }, dy: { shape: [image[0], ...double, image[3]] } },
    // The gradient of TensorFlow.js' knows no half pixels, whatever its forward pass did.
    ours: ({ x, dy }) =>
      gradients((a) => ops.interpolate(a!, { size: double, mode: 'bilinear', alignCorners: true }), [x], dy),
    plain: ({ x, dy }) => gradients((a) => tf.image.resizeBilinear(a as tf.Tensor4D, double, true), [x], dy),
    flops: 8 * 4 * pixels,
  }),
  kernelCase({
    name: 'gather_gradient/169x12_2401',
    inputs: {
      table: { shape: [169, 12] },
      index: { shape: [2401], dtype: 'int32', below: 169 },
      dy: { shape: [2401, 12] },
    },
    ours: ({ table, index, dy }) => gradients((t) => tf.gather(t!, index as tf.Tensor1D), [table], dy),
    plain: ({ table, index, dy }) => gradients((t) => tf.gather(t!, index as tf.Tensor1D), [table], dy),
    flops: 2401 * 12,
  }),
  kernelCase({
    name: 'scatter_nd/100x64_900',
    inputs: {
      indices: { shape: [900, 1], dtype: 'int32', below: 100 },
      updates: { shape: [900, 64] },
    },
    ours: ({ indices, updates }) => tf.scatterND(indices, updates, [100, 64]),
    plain: ({ indices, updates }) => tf.scatterND(indices, updates, [100, 64]),
    flops: 900 * 64,
  }),
  kernelCase({
    name: 'argmax/512x1000',
    inputs: { x: { shape: [512, 1000] } },
    ours: ({ x }) => tf.argMax(x, -1),
    plain: ({ x }) => tf.argMax(x, -1),
    flops: 512 * 1000,
  }),
  kernelCase({
    name: 'top_k/8x2000_100',
    inputs: { x: { shape: [8, 2000] } },
    ours({ x }) {
      const { values, indices } = tf.topk(x, 100);
      return [values, indices];
    },
    plain({ x }) {
      const { values, indices } = tf.topk(x, 100);
      return [values, indices];
    },
    // Comparisons of a sort by heap.
    flops: 8 * 2000 * 7,
  }),
  kernelCase({
    name: 'cumsum/8x64x64',
    inputs: { x: { shape: [8, 64, 64] } },
    ours: ({ x }) => tf.cumsum(x, 1),
    plain: ({ x }) => tf.cumsum(x, 1),
    flops: 8 * 64 * 64,
  }),
];
