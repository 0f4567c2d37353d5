/** Matrix products and convolutions beside TensorFlow.js' kernels: sizes of ViT-B and ResNet-50, cut to be quick. */
import { ops, tf } from '../../src/engine/index.ts';
import { type KernelCase, kernelCase, withGradients } from './case.ts';

interface Convolution {
  readonly name: string;
  readonly batch: number;
  readonly size: number;
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
}

const convolutions: readonly Convolution[] = [
  { name: '3x3_64_28', batch: 4, size: 28, input: 64, output: 64, kernel: 3, stride: 1 },
  { name: '3x3s2_128_28', batch: 4, size: 28, input: 128, output: 128, kernel: 3, stride: 2 },
  { name: '1x1_256_14', batch: 4, size: 14, input: 256, output: 256, kernel: 1, stride: 1 },
  { name: '7x7s2_3_112', batch: 2, size: 112, input: 3, output: 64, kernel: 7, stride: 2 },
];

/** A gradient kernel of TensorFlow.js by itself, as its `conv2d` calls it. */
const plainGradient = (
  kernel: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: Readonly<Record<string, unknown>>,
): tf.Tensor =>
  tf
    .engine()
    .runKernel(kernel, inputs as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap) as tf.Tensor;

function convolutionCases({ name, batch, size, input, output, kernel, stride }: Convolution): KernelCase[] {
  const padding = (kernel - 1) / 2;
  const outputSize = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const flops = 2 * batch * outputSize ** 2 * output * input * kernel ** 2;
  const x = { shape: [batch, size, size, input] };
  const dy = { shape: [batch, outputSize, outputSize, output] };
  const weight = { shape: [output, input, kernel, kernel], deviation: 0.1 };
  // The same weights in TensorFlow.js' layout.
  const filter = { shape: [kernel, kernel, input, output], from: ['weight', [2, 3, 1, 0]] as const };
  const attrs = { strides: [stride, stride], pad: padding, dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  const ours = (a: tf.Tensor, w: tf.Tensor): tf.Tensor => ops.conv2d(a, w, { stride, padding });
  return [
    kernelCase({
      name: `conv2d/${name}`,
      inputs: { x, weight, filter },
      ours: (given) => ours(given.x, given.weight),
      plain: (given) => tf.conv2d(given.x as tf.Tensor4D, given.filter as tf.Tensor4D, stride, padding),
      flops,
    }),
    kernelCase({
      name: `conv2d_input_gradient/${name}`,
      inputs: { x, weight, filter, dy },
      ours: (given) => tf.grad((a) => ours(a, given.weight))(given.x, given.dy),
      plain: (given) =>
        plainGradient(
          'Conv2DBackpropInput',
          { dy: given.dy, filter: given.filter },
          { ...attrs, inputShape: x.shape },
        ),
      flops,
      bytes:
        4 * (batch * size ** 2 * input + input * output * kernel ** 2 + batch * outputSize ** 2 * output),
    }),
    kernelCase({
      name: `conv2d_filter_gradient/${name}`,
      inputs: { x, weight, dy },
      // Back into TensorFlow.js' layout: a view, which costs nothing where it is compiled.
      ours: (given) => tf.transpose(tf.grad((w) => ours(given.x, w))(given.weight, given.dy), [2, 3, 1, 0]),
      plain: (given) =>
        plainGradient(
          'Conv2DBackpropFilter',
          { x: given.x, dy: given.dy },
          { ...attrs, filterShape: filter.shape },
        ),
      flops,
      bytes:
        4 * (batch * size ** 2 * input + input * output * kernel ** 2 + batch * outputSize ** 2 * output),
    }),
  ];
}

const depthwise: readonly Omit<Convolution, 'output'>[] = [
  { name: '3x3_128_28', batch: 4, size: 28, input: 128, kernel: 3, stride: 1 },
  { name: '3x3s2_128_28', batch: 4, size: 28, input: 128, kernel: 3, stride: 2 },
  { name: '5x5_96_27', batch: 4, size: 27, input: 96, kernel: 5, stride: 1 },
  { name: '3x3_30_27', batch: 4, size: 27, input: 30, kernel: 3, stride: 1 },
];

function depthwiseCases({
  name,
  batch,
  size,
  input,
  kernel,
  stride,
}: Omit<Convolution, 'output'>): KernelCase[] {
  const padding = (kernel - 1) / 2;
  const outputSize = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const flops = 2 * batch * outputSize ** 2 * input * kernel ** 2;
  const x = { shape: [batch, size, size, input] };
  const dy = { shape: [batch, outputSize, outputSize, input] };
  const weight = { shape: [input, 1, kernel, kernel], deviation: 0.1 };
  // The same weights in TensorFlow.js' layout.
  const filter = { shape: [kernel, kernel, input, 1], from: ['weight', [2, 3, 0, 1]] as const };
  const attrs = { strides: [stride, stride], dilations: [1, 1], pad: padding, dimRoundingMode: 'floor' };
  const bytes = 4 * (batch * size ** 2 * input + input * kernel ** 2 + batch * outputSize ** 2 * input);
  const ours = (a: tf.Tensor, w: tf.Tensor): tf.Tensor =>
    ops.conv2d(a, w, { stride, padding, groups: input });
  return [
    kernelCase({
      name: `depthwise/${name}`,
      inputs: { x, weight, filter },
      ours: (given) => ours(given.x, given.weight),
      plain: (given) =>
        tf.depthwiseConv2d(
          given.x as tf.Tensor4D,
          given.filter as tf.Tensor4D,
          stride,
          padding,
          'NHWC',
          1,
          'floor',
        ),
      flops,
    }),
    kernelCase({
      name: `depthwise_input_gradient/${name}`,
      inputs: { x, weight, filter, dy },
      ours: (given) => tf.grad((a) => ours(a, given.weight))(given.x, given.dy),
      plain: (given) =>
        plainGradient(
          'DepthwiseConv2dNativeBackpropInput',
          { dy: given.dy, filter: given.filter },
          { ...attrs, inputShape: x.shape },
        ),
      flops,
      bytes,
    }),
    kernelCase({
      name: `depthwise_filter_gradient/${name}`,
      inputs: { x, weight, dy },
      // Back into TensorFlow.js' layout: a view, which costs nothing where it is compiled.
      ours: (given) => tf.transpose(tf.grad((w) => ours(given.x, w))(given.weight, given.dy), [2, 3, 0, 1]),
      plain: (given) =>
        plainGradient(
          'DepthwiseConv2dNativeBackpropFilter',
          { x: given.x, dy: given.dy },
          { ...attrs, filterShape: filter.shape },
        ),
      flops,
      bytes,
    }),
  ];
}

const [tokens, width, hidden] = [520, 256, 1024];

export const products: readonly KernelCase[] = [
  kernelCase({
    name: 'matmul/512',
    inputs: { a: { shape: [512, 512] }, b: { shape: [512, 512] } },
    ours: ({ a, b }) => tf.matMul(a, b),
    plain: ({ a, b }) => tf.matMul(a, b),
    flops: 2 * 512 ** 3,
  }),
  kernelCase({
    name: `linear/${tokens}x${width}x${hidden}`,
    inputs: {
      x: { shape: [tokens, width] },
      weight: { shape: [hidden, width] },
      matrix: { shape: [width, hidden], from: ['weight', [1, 0]] },
      bias: { shape: [hidden] },
    },
    ours: ({ x, weight, bias }) => ops.linear(x, weight, bias),
    plain: ({ x, matrix, bias }) => tf.add(tf.matMul(x, matrix), bias),
    flops: 2 * tokens * width * hidden,
  }),
  kernelCase({
    name: `linear_without_bias_and_gradients/${tokens}x${width}x${width}`,
    inputs: {
      x: { shape: [tokens, width] },
      weight: { shape: [width, width] },
      matrix: { shape: [width, width], from: ['weight', [1, 0]] },
      dy: { shape: [tokens, width] },
    },
    // Back into the layout of the matrix: a view, which costs nothing where it is compiled.
    ours({ x, weight, dy }) {
      const [y, dx, dw] = withGradients((a, w) => ops.linear(a!, w!), [x, weight], dy);
      return [y!, dx!, tf.transpose(dw!)];
    },
    plain: ({ x, matrix, dy }) => withGradients((a, w) => tf.matMul(a!, w!), [x, matrix], dy),
    flops: 6 * tokens * width * width,
  }),
  kernelCase({
    name: `linear_weight_gradient/${tokens}x${width}x${hidden}`,
    inputs: { x: { shape: [tokens, width] }, dy: { shape: [tokens, hidden] } },
    ours: ({ x, dy }) => tf.matMul(dy, x, true, false),
    plain: ({ x, dy }) => tf.matMul(dy, x, true, false),
    flops: 2 * tokens * width * hidden,
  }),
  ...convolutions.flatMap(convolutionCases),
  ...depthwise.flatMap(depthwiseCases),
];
