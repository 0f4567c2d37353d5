/**
 * Convolutions for whose gradients TensorFlow.js has no kernel, beside what one would compose with it: dilated ones
 * (space to batch, a plain convolution, batch to space, as TensorFlow itself does) and those in groups (a
 * convolution per group, side by side). Its gradients are those of the composition.
 */
import { ops, tf } from '../../src/engine/index.ts';
import { type KernelCase, kernelCase } from './case.ts';

interface Convolution {
  /** `conv2d` or `depthwise`. */
  readonly operation: string;
  readonly name: string;
  readonly batch: number;
  /** Even, as large after the convolution as before. */
  readonly size: number;
  readonly input: number;
  readonly output: number;
  readonly dilation: number;
  readonly groups: number;
}

const kernel = 3;

const convolutions: readonly Convolution[] = [
  {
    operation: 'conv2d',
    name: '3x3d2_64_28',
    batch: 4,
    size: 28,
    input: 64,
    output: 64,
    dilation: 2,
    groups: 1,
  },
  {
    operation: 'conv2d',
    name: '3x3g8_128_28',
    batch: 4,
    size: 28,
    input: 128,
    output: 128,
    dilation: 1,
    groups: 8,
  },
  {
    operation: 'depthwise',
    name: '3x3d2_128_28',
    batch: 4,
    size: 28,
    input: 128,
    output: 128,
    dilation: 2,
    groups: 128,
  },
];

const isDepthwise = ({ input, groups }: Convolution): boolean => groups === input;

/** `filter` in TensorFlow.js' layout: [3, 3, input / groups, output], of a depthwise one [3, 3, input, 1]. */
function plainConvolution(of: Convolution, x: tf.Tensor, filter: tf.Tensor): tf.Tensor {
  const convolve = (part: tf.Tensor, weights: tf.Tensor, padding: number | 'valid'): tf.Tensor =>
    isDepthwise(of)
      ? tf.depthwiseConv2d(part as tf.Tensor4D, weights as tf.Tensor4D, 1, padding)
      : tf.conv2d(part as tf.Tensor4D, weights as tf.Tensor4D, 1, padding);
  const { dilation, groups } = of;
  if (dilation > 1) {
    const blocks = [dilation, dilation];
    const around = [
      [dilation, dilation],
      [dilation, dilation],
    ];
    const apart = convolve(tf.spaceToBatchND(x, blocks, around), filter, 'valid');
    return tf.batchToSpaceND(apart, blocks, [
      [0, 0],
      [0, 0],
    ]);
  }
  const weights = tf.split(filter, groups, 3);
  return tf.concat(
    tf.split(x, groups, 3).map((part, group) => convolve(part, weights[group]!, 1)),
    3,
  );
}

function cases(of: Convolution): KernelCase[] {
  const { operation, name, batch, size, input, output, dilation, groups } = of;
  const flops = (2 * batch * size ** 2 * output * input * kernel ** 2) / groups;
  const x = { shape: [batch, size, size, input] };
  const dy = { shape: [batch, size, size, output] };
  const weight = { shape: [output, input / groups, kernel, kernel], deviation: 0.1 };
  const order = isDepthwise(of) ? [2, 3, 0, 1] : [2, 3, 1, 0];
  const filter = { shape: order.map((axis) => weight.shape[axis]!), from: ['weight', order] as const };
  const bytes = 4 * (batch * size ** 2 * (input + output) + (input / groups) * output * kernel ** 2);
  const ours = (a: tf.Tensor, w: tf.Tensor): tf.Tensor =>
    ops.conv2d(a, w, { stride: 1, padding: dilation, dilation, groups });
  return [
    kernelCase({
      name: `${operation}/${name}`,
      inputs: { x, weight, filter },
      ours: (given) => ours(given.x, given.weight),
      plain: (given) => plainConvolution(of, given.x, given.filter),
      flops,
      bytes,
    }),
    kernelCase({
      name: `${operation}_input_gradient/${name}`,
      inputs: { x, weight, filter, dy },
      ours: (given) => tf.grad((a) => ours(a, given.weight))(given.x, given.dy),
      plain: (given) => tf.grad((a) => plainConvolution(of, a, given.filter))(given.x, given.dy),
      flops,
      bytes,
    }),
    kernelCase({
      name: `${operation}_filter_gradient/${name}`,
      inputs: { x, weight, filter, dy },
      // Back into TensorFlow.js' layout: a view, which costs nothing where it is compiled.
      ours: (given) => tf.transpose(tf.grad((w) => ours(given.x, w))(given.weight, given.dy), order),
      plain: (given) => tf.grad((w) => plainConvolution(of, given.x, w))(given.filter, given.dy),
      flops,
      bytes,
    }),
  ];
}

export const convolutionVariants: readonly KernelCase[] = convolutions.flatMap(cases);
