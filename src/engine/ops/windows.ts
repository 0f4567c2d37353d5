/** Geometry that convolutions and poolings share: padding, strides and zeros between pixels, as tensor ops. */
import * as tf from '../tf.ts';

export type Pair = readonly [height: number, width: number];
export type Sides = readonly [top: number, bottom: number, left: number, right: number];

export interface Window {
  readonly stride: Pair;
  readonly padding: Sides;
  readonly dilation: Pair;
}

/** One number for both axes, or one for each. */
export const pair = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** Torch's ways to write a padding, as [top, bottom, left, right]. */
export function sides(padding: number | Pair | Sides = 0): Sides {
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  if (padding.length === 2) return [padding[0], padding[0], padding[1], padding[1]];
  return padding;
}

/** Pads the two image axes of [B, H, W, C]; the tensor itself when there is nothing to pad. */
export function padImage(x: tf.Tensor4D, padding: Sides, value = 0): tf.Tensor4D {
  const [top, bottom, left, right] = padding;
  if (top + bottom + left + right === 0) return x;
  const paddings: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return tf.pad(x, paddings, value) as tf.Tensor4D;
}

/** Every stride-th pixel, from the first. */
export function strideSlice(x: tf.Tensor4D, stride: Pair): tf.Tensor4D {
  if (stride[0] === 1 && stride[1] === 1) return x;
  return tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, stride[0], stride[1], 1]) as tf.Tensor4D;
}

/**
 * The image with stride − 1 zeros between its pixels: [B, H, W, C] → [B, (H−1)·sh+1, (W−1)·sw+1, C]. A row with
 * zeros behind it is a longer row, so padding two-dimensional views does it.
 */
export function dilateRowsAndColumns(x: tf.Tensor4D, stride: Pair): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const [sh, sw] = stride;
  if (sh === 1 && sw === 1) return x;
  let wide: tf.Tensor = tf.reshape(x, [batch * height * width, channels]);
  if (sw > 1) wide = padEnd(wide, (sw - 1) * channels);
  wide = tf.reshape(wide, [batch * height, width * sw * channels]);
  if (sh > 1) wide = padEnd(wide, (sh - 1) * width * sw * channels);
  const spread = tf.reshape(wide, [batch, height * sh, width * sw, channels]) as tf.Tensor4D;
  return tf.slice(spread, [0, 0, 0, 0], [batch, (height - 1) * sh + 1, (width - 1) * sw + 1, channels]);
}

const padEnd = (x: tf.Tensor, zeros: number): tf.Tensor =>
  tf.pad(x as tf.Tensor2D, [
    [0, 0],
    [0, zeros],
  ]);

/**
 * How much to pad the spread-out dy so that a plain convolution with the turned filter gives the input's
 * gradient. A negative side means cropping.
 */
export function inputGradientPadding(
  spread: readonly number[],
  input: readonly number[],
  kernel: readonly [number, number],
  { padding: [top, , left], dilation }: Window,
): Sides {
  const reachY = dilation[0] * (kernel[0] - 1);
  const reachX = dilation[1] * (kernel[1] - 1);
  const before = [reachY - top, reachX - left] as const;
  // Output size of that convolution = padded size − reach; it must be the input's.
  const bottom = input[1]! + reachY - spread[1]! - before[0];
  const right = input[2]! + reachX - spread[2]! - before[1];
  return [before[0], bottom, before[1], right];
}
