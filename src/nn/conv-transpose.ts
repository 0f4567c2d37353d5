/**
 * Transposed 2-D convolution ("deconvolution") on [batch, height, width, channels], which learns to enlarge:
 * every input pixel adds its value times the filter to the result, `stride` pixels from its neighbour's.
 *
 * It is the input gradient of a convolution, and computed as one: the image with stride − 1 zeros between its
 * pixels, convolved with the filter turned by 180° (Dumoulin & Visin, arXiv:1603.07285, chapter 4).
 */
import { ops, tf } from '../engine/index.ts';
import { torchBias, torchWeight } from './init.ts';
import { Module, type Parameter } from './module.ts';

export interface ConvTranspose2dOptions {
  /** Of the filter, both axes; larger than `padding`. */
  readonly kernel: number;
  /** 1 */
  readonly stride?: number;
  /** 0: how much is cut off the full result, on every side. */
  readonly padding?: number;
  /** true */
  readonly bias?: boolean;
}

/** [B, H, W, in] → [B, (H−1)·stride − 2·padding + kernel, …, out]. `weight` is torch's [in, out, kh, kw]. */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(
    inChannels: number,
    outChannels: number,
    private readonly options: ConvTranspose2dOptions,
  ) {
    super();
    const shape = [inChannels, outChannels, options.kernel, options.kernel];
    this.weight = this.parameter('weight', shape, torchWeight);
    this.bias = (options.bias ?? true) ? this.parameter('bias', [outChannels], torchBias(shape)) : undefined;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { kernel, stride = 1, padding = 0 } = this.options;
    const turned = tf.reverse(tf.transpose(this.weight.value, [1, 0, 2, 3]), [2, 3]);
    const before = kernel - 1 - padding;
    // The zeros behind the last pixel stand for as much padding; more of them than wanted are cropped by it.
    const after = before - (stride - 1);
    const image = spread(x, stride);
    const y = ops.conv2d(after < 0 ? crop(image, -after) : image, turned, {
      padding: [before, Math.max(after, 0), before, Math.max(after, 0)],
    });
    return this.bias ? tf.add(y, this.bias.value) : y;
  }
}

/** Each pixel followed by stride − 1 zeros on both axes: [B, H, W, C] → [B, H·stride, W·stride, C]. */
function spread(x: tf.Tensor, stride: number): tf.Tensor {
  if (stride === 1) return x;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  // Zeros behind all channels of a pixel are further pixels, zeros behind a row further rows.
  const wide = zerosBehind(tf.reshape(x, [batch * height * width, channels]), stride);
  const high = zerosBehind(tf.reshape(wide, [batch * height, width * stride * channels]), stride);
  return tf.reshape(high, [batch, height * stride, width * stride, channels]);
}

/** Rows `times` as long. */
function zerosBehind(rows: tf.Tensor, times: number): tf.Tensor {
  const [count, width] = rows.shape as [number, number];
  return tf.pad(tf.reshape(rows, [count, width]), [
    [0, 0],
    [0, width * (times - 1)],
  ]);
}

/** Without the last rows and columns. */
function crop(x: tf.Tensor, pixels: number): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tf.slice(x, [0, 0, 0, 0], [batch, height - pixels, width - pixels, channels]);
}
