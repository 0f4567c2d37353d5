/**
 * The convolution gradients that the WebAssembly backend lacks, under TensorFlow.js' names, so that
 * `tf.conv2d` and `tf.depthwiseConv2d` can be differentiated there as well. Computed by our own convolution.
 */

import { replaceKernel } from '../kernels.ts';
import { denseWeightGradient } from '../ops/conv2d-dense.ts';
import { depthwiseInputGradient, depthwiseWeightGradient } from '../ops/conv2d-depthwise.ts';
import type { Window } from '../ops/windows.ts';
import * as tf from '../tf.ts';

type PadSpec =
  | 'valid'
  | 'same'
  | number
  | [[number, number], [number, number], [number, number], [number, number]];

interface ConvAttrs {
  readonly strides: number | [number, number];
  readonly pad: PadSpec;
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: [number, number, number, number];
  readonly inputShape: [number, number, number, number];
}

function windowOf(
  attrs: ConvAttrs,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): Window {
  const info = tf.backend_util.computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
  );
  const { top, bottom, left, right } = info.padInfo;
  return {
    stride: [info.strideHeight, info.strideWidth],
    dilation: [info.dilationHeight, info.dilationWidth],
    padding: [top, bottom, left, right],
  };
}

/** TensorFlow's [kh, kw, C, m] as torch's [C·m, 1, kh, kw], and back. */
function toTorchDepthwise(filter: tf.Tensor): tf.Tensor {
  const [kh, kw, channels, multiplier] = filter.shape as [number, number, number, number];
  const moved = tf.transpose(filter as tf.Tensor4D, [2, 3, 0, 1]);
  return tf.reshape(moved, [channels * multiplier, 1, kh, kw]);
}
function fromTorchDepthwise(weight: tf.Tensor, [kh, kw, channels, multiplier]: readonly number[]): tf.Tensor {
  return tf.transpose(tf.reshape(weight, [channels!, multiplier!, kh!, kw!]), [2, 3, 0, 1]);
}

export function registerConvolutionGradients(): void {
  replaceKernel('Conv2DBackpropFilter', 'wasm', ({ inputs, attrs }) => {
    const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
    const typed = attrs as unknown as ConvAttrs;
    const [kh, kw, input, output] = typed.filterShape;
    const window = windowOf(typed, x.shape, typed.filterShape, false);
    return tf.tidy(() =>
      tf.transpose(denseWeightGradient(dy, x, [output, input, kh, kw], window), [2, 3, 1, 0]),
    );
  });
  replaceKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm', ({ inputs, attrs }) => {
    const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
    const typed = attrs as unknown as ConvAttrs;
    const [kh, kw, channels, multiplier] = typed.filterShape;
    const window = windowOf(typed, x.shape, typed.filterShape, true);
    return tf.tidy(() =>
      fromTorchDepthwise(
        depthwiseWeightGradient(dy, x, [channels * multiplier, 1, kh, kw], window),
        typed.filterShape,
      ),
    );
  });
  replaceKernel('DepthwiseConv2dNativeBackpropInput', 'wasm', ({ inputs, attrs }) => {
    const { dy, filter } = inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
    const typed = attrs as unknown as ConvAttrs;
    const window = windowOf(typed, typed.inputShape, filter.shape, true);
    return tf.tidy(() => depthwiseInputGradient(dy, toTorchDepthwise(filter), typed.inputShape, window));
  });
}
