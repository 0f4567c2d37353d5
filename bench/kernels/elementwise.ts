/**
 * Activations, losses and other rows of arithmetic with their gradients, so that every operation of our own has a row:
 * each is one kernel here and a handful of TensorFlow.js' kernels there.
 */
import { ops, tf } from '../../src/engine/index.ts';
import { clipByNorm, createAlgorithm } from '../../src/training/index.ts';
import { type KernelCase, kernelCase, withGradients } from './case.ts';

const activationSize = [520, 3072] as const;
const logitsSize = [512, 1000] as const;
const imageSize = [8, 28, 28, 128] as const;
const many = 1 << 20;
const epsilon = 1e-5;

type Activation = (x: tf.Tensor) => tf.Tensor;

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

/** FLOPs of the forward pass and the gradient, an element. */
function activationRow(name: string, ours: Activation, plain: Activation, flops: number): KernelCase {
  const x = { shape: activationSize };
  return kernelCase({
    name: `${name}_and_gradient/${activationSize.join('x')}`,
    inputs: { x, dy: x },
    ours: (given) => withGradients((a) => ours(a!), [given.x], given.dy),
    plain: (given) => withGradients((a) => plain(a!), [given.x], given.dy),
    flops: flops * sizeOf(activationSize),
  });
}

const geluTanh: Activation = (x) => {
  const inner = tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
};

const activations: readonly KernelCase[] = [
  activationRow('gelu_tanh', ops.activation('gelu_new'), geluTanh, 28),
  activationRow('quick_gelu', ops.quickGelu, (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))), 20),
  activationRow('silu', ops.silu, (x) => tf.mul(x, tf.sigmoid(x)), 20),
  activationRow('sigmoid', ops.sigmoid, tf.sigmoid, 14),
  activationRow('relu', ops.relu, tf.relu, 2),
  activationRow('hard_swish', ops.hardSwish, (x) => tf.mul(x, tf.div(tf.relu6(tf.add(x, 3)), 6)), 9),
];

/** The mean of −Σ p·log softmax. */
const plainSoftCrossEntropy = (logits: tf.Tensor, targets: tf.Tensor): tf.Tensor =>
  tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1)));

const plainBinaryCrossEntropy = (x: tf.Tensor, targets: tf.Tensor): tf.Tensor =>
  tf.add(tf.sub(tf.relu(x), tf.mul(x, targets)), tf.log1p(tf.exp(tf.neg(tf.abs(x)))));

const plainFrozenBatchNorm = (...[x, scale, shift, mean, variance]: tf.Tensor[]): tf.Tensor =>
  tf.batchNorm(
    x as tf.Tensor4D,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    shift as tf.Tensor1D,
    scale as tf.Tensor1D,
    epsilon,
  );

const logits = { shape: logitsSize };
const image = { shape: imageSize };
const channel = { shape: [imageSize[3]] };

const moved = { shape: [many] };
const [learningRate, decay] = [0.01, 1e-4];
const momentumOf = createAlgorithm('sgd', { momentum: 0.9, weight_decay: decay });

/** As the optimiser moves one parameter; TensorFlow.js runs the same arithmetic kernel by kernel. */
function sgdStep(parameter: tf.Tensor, gradient: tf.Tensor, momentum: tf.Tensor): tf.Tensor[] {
  const numbers = momentumOf.scalars({ learningRate, weightDecay: decay, count: 2 });
  const scalars = Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [name, tf.scalar(value)]),
  );
  const result = momentumOf.update({
    parameter,
    gradient,
    slots: { momentum_buffer: momentum },
    scalars,
  });
  return [result.parameter, result.slots.momentum_buffer!];
}

/** Gradients of several parameters that are clipped by the norm of all. */
const tensors = 8;
const gradientNames = Array.from({ length: tensors }, (_, i) => `gradient${i}`);
const gradientPart = { shape: [many / tensors] };
const limit = 0.5;

const clipped = (gradients: readonly tf.Tensor[]): tf.Tensor[] => clipByNorm(gradients, limit).clipped;

function plainClipped(gradients: readonly tf.Tensor[]): tf.Tensor[] {
  const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
  const factor = tf.minimum(1, tf.div(limit, tf.add(norm, 1e-6)));
  return gradients.map((gradient) => tf.mul(gradient, factor));
}

export const elementwise: readonly KernelCase[] = [
  ...activations,
  kernelCase({
    name: `softmax_and_gradient/${logitsSize.join('x')}`,
    inputs: { x: logits, dy: logits },
    ours: ({ x, dy }) => withGradients((a) => ops.softmax(a!), [x], dy),
    plain: ({ x, dy }) => withGradients((a) => tf.softmax(a!), [x], dy),
    flops: 18 * sizeOf(logitsSize),
  }),
  kernelCase({
    name: `log_softmax_and_gradient/${logitsSize.join('x')}`,
    inputs: { x: logits, dy: logits },
    ours: ({ x, dy }) => withGradients((a) => ops.logSoftmax(a!), [x], dy),
    plain: ({ x, dy }) => withGradients((a) => tf.logSoftmax(a!), [x], dy),
    flops: 26 * sizeOf(logitsSize),
  }),
  kernelCase({
    name: `soft_cross_entropy_and_gradient/${logitsSize.join('x')}`,
    inputs: { x: logits, targets: { ...logits, positive: true } },
    ours: ({ x, targets }) => withGradients((a) => ops.softCrossEntropy(a!, targets), [x]),
    plain: ({ x, targets }) => withGradients((a) => plainSoftCrossEntropy(a!, targets), [x]),
    flops: 22 * sizeOf(logitsSize),
  }),
  kernelCase({
    name: `binary_cross_entropy_and_gradient/${logitsSize.join('x')}`,
    inputs: { x: logits, targets: { ...logits, positive: true }, dy: logits },
    ours: ({ x, targets, dy }) =>
      withGradients((a) => ops.binaryCrossEntropyWithLogits(a!, targets), [x], dy),
    plain: ({ x, targets, dy }) => withGradients((a) => plainBinaryCrossEntropy(a!, targets), [x], dy),
    flops: 32 * sizeOf(logitsSize),
  }),
  kernelCase({
    name: `frozen_batch_norm_and_gradient/${imageSize.join('x')}`,
    inputs: {
      x: image,
      scale: channel,
      shift: channel,
      mean: channel,
      variance: { ...channel, mean: 1, deviation: 0.1, positive: true },
      dy: image,
    },
    ours: ({ x, scale, shift, mean, variance, dy }) =>
      withGradients(
        (a, b, c) => ops.frozenBatchNorm(a!, b!, c!, mean, variance, epsilon),
        [x, scale, shift],
        dy,
      ),
    plain: ({ x, scale, shift, mean, variance, dy }) =>
      withGradients((a, b, c) => plainFrozenBatchNorm(a!, b!, c!, mean, variance), [x, scale, shift], dy),
    flops: 7 * sizeOf(imageSize),
    tolerance: 5e-4,
  }),
  kernelCase({
    name: `dropout_and_gradient/${activationSize.join('x')}`,
    inputs: { x: { shape: activationSize }, dy: { shape: activationSize } },
    ours: ({ x, dy }) => withGradients((a) => ops.dropout(a!, 0.1, tf.scalar(11, 'int32'), 2), [x], dy),
    // The same generator kernel by kernel: TensorFlow.js' own gives other numbers.
    plain: ({ x, dy }) => withGradients((a) => ops.dropout(a!, 0.1, tf.scalar(11, 'int32'), 2), [x], dy),
    flops: 20 * sizeOf(activationSize),
  }),
  kernelCase({
    name: `sgd_momentum/${many}`,
    inputs: { parameter: moved, gradient: moved, momentum: moved },
    ours: ({ parameter, gradient, momentum }) => sgdStep(parameter, gradient, momentum),
    plain: ({ parameter, gradient, momentum }) => sgdStep(parameter, gradient, momentum),
    flops: 6 * many,
  }),
  kernelCase({
    name: `clip_by_norm/${tensors}x${many / tensors}`,
    inputs: Object.fromEntries(gradientNames.map((name) => [name, gradientPart])),
    ours: (given) => clipped(gradientNames.map((name) => given[name]!)),
    plain: (given) => plainClipped(gradientNames.map((name) => given[name]!)),
    flops: 3 * many,
  }),
  kernelCase({
    name: `sum_of_squares/${many}`,
    inputs: { x: { shape: [many] } },
    ours: ({ x }) => ops.sumOfSquares(x),
    plain: ({ x }) => tf.sum(tf.square(x)),
    flops: 2 * many,
  }),
];
