/**
 * The depthwise case of `conv2d`: every channel has its own filters. TensorFlow.js' kernel does the forward
 * pass and, on the turned filter, the input's gradient when there is one filter a channel; with more, the
 * channels' contributions are summed. The filter's gradient is a sum of products for each filter position.
 */
import * as tf from '../tf.ts';
import { dilateRowsAndColumns, inputGradientPadding, padImage, strideSlice, type Window } from './windows.ts';

/** Torch's [C·m, 1, kh, kw] as TensorFlow's [kh, kw, C, m]; output channel c·m + i in both. */
function toHwcm(weight: tf.Tensor, channels: number): tf.Tensor4D {
  const [out, , kh, kw] = weight.shape as [number, number, number, number];
  return tf.transpose(tf.reshape(weight, [channels, out / channels, kh, kw]), [2, 3, 0, 1]);
}

function depthwise(x: tf.Tensor4D, filter: tf.Tensor4D, window: Window): tf.Tensor4D {
  const { stride, padding, dilation } = window;
  const strided = stride[0] > 1 || stride[1] > 1;
  const dilated = dilation[0] > 1 || dilation[1] > 1;
  // TensorFlow.js takes a stride or a dilation, and one stride for both axes on some backends.
  const inside = !(strided && dilated) && stride[0] === stride[1];
  const y = tf.depthwiseConv2d(
    padImage(x, padding),
    filter,
    inside ? [stride[0], stride[1]] : [1, 1],
    'valid',
    'NHWC',
    [dilation[0], dilation[1]],
  );
  return inside ? y : strideSlice(y, stride);
}

export function depthwiseForward(x: tf.Tensor4D, weight: tf.Tensor, window: Window): tf.Tensor4D {
  return depthwise(x, toHwcm(weight, x.shape[3]), window);
}

export function depthwiseInputGradient(
  dy: tf.Tensor4D,
  weight: tf.Tensor,
  inputShape: readonly number[],
  window: Window,
): tf.Tensor4D {
  const channels = inputShape[3]!;
  const multiplier = weight.shape[0]! / channels;
  const spread = dilateRowsAndColumns(dy, window.stride);
  // One filter for each channel of dy: [kh, kw, C·m, 1].
  const turned = tf.reverse(toHwcm(weight, weight.shape[0]!), [0, 1]);
  const kernel = [weight.shape[2]!, weight.shape[3]!] as const;
  const [top, bottom, left, right] = inputGradientPadding(spread.shape, inputShape, kernel, window);
  const cropped = tf.slice(
    spread,
    [0, Math.max(-top, 0), Math.max(-left, 0), 0],
    [
      spread.shape[0],
      spread.shape[1] + Math.min(top, 0) + Math.min(bottom, 0),
      spread.shape[2] + Math.min(left, 0) + Math.min(right, 0),
      spread.shape[3],
    ],
  );
  const full = depthwise(cropped, turned, {
    stride: [1, 1],
    padding: [Math.max(top, 0), Math.max(bottom, 0), Math.max(left, 0), Math.max(right, 0)],
    dilation: window.dilation,
  });
  if (multiplier === 1) return full;
  const [batch, height, width] = full.shape;
  const summed = tf.sum(tf.reshape(full, [batch * height * width * channels, multiplier]), 1);
  return tf.reshape(summed, [batch, height, width, channels]);
}

export function depthwiseWeightGradient(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  weightShape: readonly number[],
  { stride, padding, dilation }: Window,
): tf.Tensor {
  const [out, , kh, kw] = weightShape as [number, number, number, number];
  const [batch, outHeight, outWidth] = dy.shape;
  const channels = x.shape[3];
  const multiplier = out / channels;
  const padded = padImage(x, padding);
  const dyRows = tf.reshape(dy, [batch * outHeight * outWidth, channels, multiplier]);
  const positions: tf.Tensor[] = [];
  for (let row = 0; row < kh; row++) {
    for (let column = 0; column < kw; column++) {
      positions.push(
        tf.tidy(() => {
          const pixels = strideSlice(
            tf.slice(
              padded,
              [0, row * dilation[0], column * dilation[1], 0],
              [batch, (outHeight - 1) * stride[0] + 1, (outWidth - 1) * stride[1] + 1, channels],
            ),
            stride,
          );
          const products = tf.mul(tf.reshape(pixels, [-1, channels, 1]), dyRows);
          return tf.sum(products, 0);
        }),
      );
    }
  }
  // [kh·kw, C, m] → [C·m, 1, kh, kw].
  const stacked = tf.reshape(tf.stack(positions), [kh, kw, out]);
  return tf.reshape(tf.transpose(stacked, [2, 0, 1]), [out, 1, kh, kw]);
}
