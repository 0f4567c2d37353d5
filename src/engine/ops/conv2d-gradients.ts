/**
 * The gradients of `conv2d` as operations of their own: one node each in a recorded graph, whatever stride,
 * padding, dilation and groups. They are not differentiated again.
 */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';
import { denseForward, denseInputGradient, denseWeightGradient, toHwio } from './conv2d-dense.ts';
import { depthwiseForward, depthwiseInputGradient, depthwiseWeightGradient } from './conv2d-depthwise.ts';
import type { Window } from './windows.ts';

export interface Conv2dAttrs extends Window {
  readonly groups: number;
}

export interface Conv2dInputGradAttrs extends Conv2dAttrs {
  /** Of the convolution's input: [B, H, W, C]. */
  readonly inputShape: readonly number[];
}

export interface Conv2dFilterGradAttrs extends Conv2dAttrs {
  /** Torch's [out, C / groups, kh, kw]. */
  readonly filterShape: readonly number[];
}

/** Every input channel is a group of its own. */
const isDepthwise = (channels: number, groups: number): boolean => groups > 1 && groups === channels;

/** `x` [B, H, W, C], `weight` [out, C / groups, kh, kw] → [B, H', W', out], group by group. */
export function composedForward(x: tf.Tensor4D, weight: tf.Tensor, attrs: Conv2dAttrs): tf.Tensor {
  if (attrs.groups === 1) return denseForward(x, toHwio(weight), attrs);
  if (isDepthwise(x.shape[3], attrs.groups)) return depthwiseForward(x, weight, attrs);
  const parts = tf.split(x, attrs.groups, 3);
  const filters = tf.split(weight, attrs.groups, 0);
  return tf.concat(
    parts.map((part, i) => denseForward(part as tf.Tensor4D, toHwio(filters[i]!), attrs)),
    3,
  );
}

/** `dy` [B, H', W', out], `weight` as above → [B, H, W, C]. */
export const conv2dInputGrad = defineOp<'dy' | 'weight', Conv2dInputGradAttrs>({
  name: 'Conv2dInputGrad',
  inputs: ['dy', 'weight'],
  forward({ dy, weight }, attrs) {
    const { groups, inputShape } = attrs;
    const upstream = dy as tf.Tensor4D;
    if (groups === 1) return denseInputGradient(upstream, weight, inputShape, attrs);
    if (isDepthwise(inputShape[3]!, groups))
      return depthwiseInputGradient(upstream, weight, inputShape, attrs);
    const partShape = [...inputShape.slice(0, 3), inputShape[3]! / groups];
    const filters = tf.split(weight, groups, 0);
    return tf.concat(
      tf
        .split(upstream, groups, 3)
        .map((part, i) => denseInputGradient(part as tf.Tensor4D, filters[i]!, partShape, attrs)),
      3,
    );
  },
});

/** `dy` [B, H', W', out], `x` [B, H, W, C] → [out, C / groups, kh, kw]. */
export const conv2dFilterGrad = defineOp<'dy' | 'x', Conv2dFilterGradAttrs>({
  name: 'Conv2dFilterGrad',
  inputs: ['dy', 'x'],
  forward({ dy, x }, attrs) {
    const { groups, filterShape } = attrs;
    const upstream = dy as tf.Tensor4D;
    const image = x as tf.Tensor4D;
    if (groups === 1) return denseWeightGradient(upstream, image, filterShape, attrs);
    if (isDepthwise(image.shape[3], groups))
      return depthwiseWeightGradient(upstream, image, filterShape, attrs);
    const partShape = [filterShape[0]! / groups, ...filterShape.slice(1)];
    const images = tf.split(image, groups, 3);
    return tf.concat(
      tf
        .split(upstream, groups, 3)
        .map((part, i) =>
          denseWeightGradient(part as tf.Tensor4D, images[i] as tf.Tensor4D, partShape, attrs),
        ),
      0,
    );
  },
});
