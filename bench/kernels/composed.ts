/**
 * Kernels that the planner writes by itself, from arithmetic, views and reductions: norms, activations, losses,
 * the optimiser's update. Beside each stands what one writes with TensorFlow.js for it.
 */
import { ops, tf } from '../../src/engine/index.ts';
import { type KernelCase, kernelCase, withGradients } from './case.ts';

const [rows, width] = [520, 768];
const image = [8, 28, 28, 128] as const;
const pixels = image[0] * image[1] * image[2];
const epsilon = 1e-5;

/** y = norm(x)·scale + shift over the last axis. */
function plainLayerNorm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon))), scale), shift);
}

function plainBatchNorm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.batchNorm(
    x as tf.Tensor4D,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    shift as tf.Tensor1D,
    scale as tf.Tensor1D,
    epsilon,
  );
}

const plainGelu = (x: tf.Tensor): tf.Tensor =>
  tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5));

const plainCrossEntropy = (logits: tf.Tensor, labels: tf.Tensor): tf.Tensor =>
  tf.neg(
    tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits as tf.Tensor2D), tf.oneHot(labels, logits.shape[1]!)), 1)),
  );

const norm = { x: { shape: [rows, width] }, scale: { shape: [width] }, shift: { shape: [width] } };
const batch = { x: { shape: [...image] }, scale: { shape: [image[3]] }, shift: { shape: [image[3]] } };
const parameters = { shape: [1 << 20] };
const [beta1, beta2] = [0.9, 0.999];

export const composed: readonly KernelCase[] = [
  kernelCase({
    name: `layer_norm/${rows}x${width}`,
    inputs: norm,
    ours: ({ x, scale, shift }) => ops.layerNorm(x, scale, shift, epsilon),
    plain: ({ x, scale, shift }) => plainLayerNorm(x, scale, shift),
    flops: 8 * rows * width,
  }),
  kernelCase({
    name: `layer_norm_and_gradient/${rows}x${width}`,
    inputs: { ...norm, dy: { shape: [rows, width] } },
    ours: ({ x, scale, shift, dy }) =>
      withGradients((a, b, c) => ops.layerNorm(a!, b!, c!, epsilon), [x, scale, shift], dy),
    plain: ({ x, scale, shift, dy }) =>
      withGradients((a, b, c) => plainLayerNorm(a!, b!, c!), [x, scale, shift], dy),
    flops: 18 * rows * width,
    tolerance: 5e-4,
  }),
  kernelCase({
    name: 'batch_norm/8x28x28x128',
    inputs: batch,
    ours: ({ x, scale, shift }) => ops.batchNorm(x, scale, shift, epsilon).y,
    plain: ({ x, scale, shift }) => plainBatchNorm(x, scale, shift),
    flops: 7 * pixels * image[3],
    // The statistics need all of x before the first output can be written.
    bytes: 4 * 3 * pixels * image[3],
  }),
  kernelCase({
    name: 'batch_norm_and_gradient/8x28x28x128',
    inputs: { ...batch, dy: { shape: [...image] } },
    ours: ({ x, scale, shift, dy }) =>
      withGradients((a, b, c) => ops.batchNorm(a!, b!, c!, epsilon).y, [x, scale, shift], dy),
    plain: ({ x, scale, shift, dy }) =>
      withGradients((a, b, c) => plainBatchNorm(a!, b!, c!), [x, scale, shift], dy),
    flops: 16 * pixels * image[3],
    bytes: 4 * 6 * pixels * image[3],
    tolerance: 5e-4,
  }),
  kernelCase({
    name: 'gelu/520x3072',
    inputs: { x: { shape: [520, 3072] } },
    ours: ({ x }) => ops.gelu(x),
    plain: ({ x }) => plainGelu(x),
    flops: 20 * 520 * 3072,
  }),
  kernelCase({
    name: 'gelu_and_gradient/520x3072',
    inputs: { x: { shape: [520, 3072] }, dy: { shape: [520, 3072] } },
    ours: ({ x, dy }) => withGradients((a) => ops.gelu(a!), [x], dy),
    plain: ({ x, dy }) => withGradients((a) => plainGelu(a!), [x], dy),
    flops: 30 * 520 * 3072,
  }),
  kernelCase({
    name: 'softmax_cross_entropy_and_gradient/512x1000',
    inputs: { logits: { shape: [512, 1000] }, labels: { shape: [512], dtype: 'int32', below: 1000 } },
    ours: ({ logits, labels }) => withGradients((x) => ops.softmaxCrossEntropy(x!, labels), [logits]),
    plain: ({ logits, labels }) => withGradients((x) => plainCrossEntropy(x!, labels), [logits]),
    flops: 5 * 512 * 1000,
  }),
  kernelCase({
    name: 'adamw/1048576',
    inputs: {
      parameter: parameters,
      gradient: parameters,
      mean: parameters,
      square: { ...parameters, positive: true },
      scalars: { shape: [3], mean: 1, deviation: 0.01 },
    },
    ours({ parameter, gradient, mean, square, scalars }) {
      const [stepSize, inverseRoot, decay] = tf.split(scalars, 3).map((scalar) => tf.reshape(scalar, [])) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const moved = ops.adamStep(
        { parameter, gradient, mean, square, stepSize, inverseRoot, decay },
        { beta1, beta2, epsilon: 1e-8, decoupled: true, maximize: false },
      );
      return [moved.parameter, moved.mean, moved.square];
    },
    plain({ parameter, gradient, mean, square, scalars }) {
      const [stepSize, inverseRoot, decay] = tf.split(scalars, 3);
      const m = tf.add(tf.mul(mean, beta1), tf.mul(gradient, 1 - beta1));
      const v = tf.add(tf.mul(square, beta2), tf.mul(tf.square(gradient), 1 - beta2));
      const root = tf.add(tf.mul(tf.sqrt(v), inverseRoot!), 1e-8);
      return [tf.sub(tf.mul(parameter, decay!), tf.mul(tf.div(m, root), stepSize!)), m, v];
    },
    flops: 16 * parameters.shape[0]!,
  }),
];
