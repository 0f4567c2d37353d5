/**
 * A dense convolution (one group) and its gradients as compositions of TensorFlow.js ops, for the backends that
 * run eagerly. Forward is TensorFlow.js' kernel. Its gradients are not used: they refuse dilation, the filter
 * gradient does not exist on WebAssembly and is one thread per weight on WebGPU. Instead
 *  - the input's gradient is a convolution again: dy with stride − 1 zeros between its pixels, padded, against
 *    the filter turned by 180° with in and out swapped;
 *  - the filter's gradient is a matrix product of dy with the pixels under the filter, some rows at a time.
 */
import * as tf from '../tf.ts';
import { im2col } from './im2col.ts';
import {
  dilateRowsAndColumns,
  inputGradientPadding,
  padImage,
  type Sides,
  strideSlice,
  type Window,
} from './windows.ts';

export const toHwio = (weight: tf.Tensor): tf.Tensor4D => tf.transpose(weight as tf.Tensor4D, [2, 3, 1, 0]);

export function denseForward(x: tf.Tensor4D, filter: tf.Tensor4D, window: Window): tf.Tensor4D {
  const patches = patchRows(x, filter.shape[0], filter.shape[1], window);
  if (patches) {
    const [kh, kw, input, output] = filter.shape;
    const [batch, height, width] = x.shape;
    const product = tf.matMul(patches, tf.reshape(filter, [kh * kw * input, output]));
    return tf.reshape(product, [batch, height / kh, width / kw, output]);
  }
  const { stride, padding, dilation } = window;
  const [top, bottom, left, right] = padding;
  const strided = stride[0] > 1 || stride[1] > 1;
  const dilated = dilation[0] > 1 || dilation[1] > 1;
  // TensorFlow.js takes one of the two; a stride only drops pixels of the unstrided result.
  const kernelStride: [number, number] = strided && dilated ? [1, 1] : [stride[0], stride[1]];
  const y = tf.conv2d(
    x,
    filter,
    kernelStride,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    'NHWC',
    [dilation[0], dilation[1]],
  );
  return strided && dilated ? strideSlice(y, stride) : y;
}

/**
 * Patches that tile the image (stride = filter size, no padding, as in patch embeddings) are its own pixels in
 * another order: [B·H/kh·W/kw, kh·kw·C]. Undefined when the filter does not tile.
 */
function patchRows(
  x: tf.Tensor4D,
  kernelHeight: number,
  kernelWidth: number,
  { stride, padding, dilation }: Window,
): tf.Tensor2D | undefined {
  const [batch, height, width, channels] = x.shape;
  const tiles =
    stride[0] === kernelHeight &&
    stride[1] === kernelWidth &&
    padding.every((side) => side === 0) &&
    dilation.every((step) => step === 1) &&
    height % kernelHeight === 0 &&
    width % kernelWidth === 0;
  if (!tiles) return undefined;
  if (kernelHeight === 1 && kernelWidth === 1) return tf.reshape(x, [batch * height * width, channels]);
  const rows = height / kernelHeight;
  const columns = width / kernelWidth;
  const split = tf.reshape(x, [batch * rows, kernelHeight, columns, kernelWidth * channels]);
  const patches = tf.transpose(split, [0, 2, 1, 3]);
  return tf.reshape(patches, [batch * rows * columns, kernelHeight * kernelWidth * channels]);
}

export function denseInputGradient(
  dy: tf.Tensor4D,
  weight: tf.Tensor,
  inputShape: readonly number[],
  window: Window,
): tf.Tensor4D {
  const [output, input, kh, kw] = weight.shape as [number, number, number, number];
  const [, height, width] = inputShape as [number, number, number, number];
  if (kh === 1 && kw === 1 && window.padding.every((side) => side === 0)) {
    const product = tf.matMul(tf.reshape(dy, [-1, output]), tf.reshape(weight, [output, input]));
    const small: tf.Tensor4D = tf.reshape(product, [dy.shape[0], dy.shape[1], dy.shape[2], input]);
    const spread = dilateRowsAndColumns(small, window.stride);
    return padImage(spread, [0, height - spread.shape[1], 0, width - spread.shape[2]]);
  }
  // [out, in, kh, kw] → [kh, kw, out, in], turned by 180°.
  const turned = tf.reverse(tf.transpose(weight as tf.Tensor4D, [2, 3, 0, 1]), [0, 1]);
  const spread = dilateRowsAndColumns(dy, window.stride);
  const padding = inputGradientPadding(spread.shape, inputShape, [kh, kw], window);
  return denseForward(padImageNegative(spread, padding), turned, {
    stride: [1, 1],
    padding: padding.map((side) => Math.max(side, 0)) as unknown as Sides,
    dilation: window.dilation,
  });
}

/** Negative padding crops: pixels of dy that only ever saw padding. */
function padImageNegative(x: tf.Tensor4D, padding: Window['padding']): tf.Tensor4D {
  if (padding.every((side) => side >= 0)) return x;
  const [top, bottom, left, right] = padding.map((side) => Math.max(-side, 0)) as unknown as Sides;
  const [batch, height, width, channels] = x.shape;
  return tf.slice(x, [0, top, left, 0], [batch, height - top - bottom, width - left - right, channels]);
}

/** `weightShape` and the result are torch's [out, in, kh, kw]; one group. */
export function denseWeightGradient(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  weightShape: readonly number[],
  window: Window,
): tf.Tensor {
  const [output, input, kh, kw] = weightShape as [number, number, number, number];
  const dyRows = tf.reshape(dy, [-1, output]);
  const tiles = patchRows(x, kh, kw, window);
  const product = tiles ? tf.matMul(dyRows, tiles, true, false) : productsOfPatches(dy, x, [kh, kw], window);
  return tf.transpose(tf.reshape(product, [output, kh, kw, input]), [0, 3, 1, 2]);
}

/** At most so many numbers of patches at a time (16 MiB). */
const patchElements = 2 ** 22;

/** dyᵀ times the patches: [out, kh·kw·C], summed over as many rows of output pixels as fit at a time. */
function productsOfPatches(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  kernel: readonly [number, number],
  window: Window,
): tf.Tensor {
  const [batch, height, width, output] = dy.shape;
  const perRow = width * kernel[0] * kernel[1] * x.shape[3];
  const step = Math.max(1, Math.min(batch * height, Math.floor(patchElements / perRow)));
  const allRows = tf.reshape(dy, [batch * height * width, output]);
  let sum: tf.Tensor | undefined;
  for (let firstRow = 0; firstRow < batch * height; firstRow += step) {
    const rows = Math.min(step, batch * height - firstRow);
    const product = tf.tidy(() => {
      const patches = im2col({ x }, { ...window, kernel, output: [height, width], firstRow, rows });
      const part =
        rows === batch * height ? allRows : tf.slice(allRows, [firstRow * width, 0], [rows * width, output]);
      return tf.matMul(part, patches, true, false);
    });
    if (sum) {
      const next = tf.add(sum, product);
      tf.dispose([sum, product]);
      sum = next;
    } else {
      sum = product;
    }
  }
  return sum!;
}
