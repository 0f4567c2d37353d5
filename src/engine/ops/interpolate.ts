/**
 * torch.nn.functional.interpolate on [B, H, W, C], differentiable. All modes are separable and linear, so each
 * axis is a product with a weight matrix from `interpolate-weights`; its gradient is the product with the
 * transposed matrix. The matrices depend on sizes alone and are constants of a recorded step.
 */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';
import { axisWeights, type InterpolateMode } from './interpolate-weights.ts';

export type { InterpolateMode } from './interpolate-weights.ts';

export interface InterpolateOptions {
  readonly size: readonly [height: number, width: number];
  readonly mode: InterpolateMode;
  /** false; only bilinear and bicubic know it. */
  readonly alignCorners?: boolean;
  /** false; only bilinear and bicubic know it. */
  readonly antialias?: boolean;
}

interface AxesAttrs {
  readonly size: readonly [height: number, width: number];
  /** What the weights were made by, for readers of a recorded graph (ONNX export); absent for other weights. */
  readonly mode?: InterpolateMode;
  readonly alignCorners?: boolean;
  readonly antialias?: boolean;
}

/** dy [B, h, w, C] times the transposed matrices → [B, *size, C]. */
const gradient = defineOp<'dy' | 'rows' | 'columns', Pick<AxesAttrs, 'size'>>({
  name: 'ResizeAxesGrad',
  inputs: ['dy', 'rows', 'columns'],
  forward: ({ dy, rows, columns }) => alongHeight(alongWidth(dy as tf.Tensor4D, columns, true), rows, true),
});

const op = defineOp<'x' | 'rows' | 'columns', AxesAttrs>({
  name: 'ResizeAxes',
  inputs: ['x', 'rows', 'columns'],
  saves: { inputs: ['rows', 'columns'], outputs: [] },
  forward: ({ x, rows, columns }) => alongWidth(alongHeight(x as tf.Tensor4D, rows, false), columns, false),
  backward: (dy, { rows, columns }) => ({
    x: () => gradient({ dy, rows, columns }, { size: [rows.shape[1]!, columns.shape[1]!] }),
  }),
});

function alongHeight(x: tf.Tensor4D, weights: tf.Tensor, transposed: boolean): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const out = weights.shape[transposed ? 1 : 0]!;
  const flat = tf.reshape(x, [batch, height, width * channels]);
  const matrix = transposed ? tf.transpose(weights as tf.Tensor2D) : (weights as tf.Tensor2D);
  const product =
    batch === 1
      ? tf.matMul(matrix, tf.reshape(flat, [height, width * channels]))
      : tf.matMul(tf.expandDims(matrix, 0), flat);
  return tf.reshape(product, [batch, out, width, channels]);
}

function alongWidth(x: tf.Tensor4D, weights: tf.Tensor, transposed: boolean): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const out = weights.shape[transposed ? 1 : 0]!;
  // Width first and everything else behind it: one large product instead of one per row.
  const first = tf.reshape(tf.transpose(x, [2, 0, 1, 3]), [width, batch * height * channels]);
  const product = tf.matMul(weights as tf.Tensor2D, first, transposed, false);
  return tf.transpose(tf.reshape(product, [out, batch, height, channels]), [1, 2, 0, 3]);
}

/** Mixes rows and columns with the given weights, row-major [output, input] each. */
export function applyAxes(
  x: tf.Tensor,
  rows: Float32Array,
  columns: Float32Array,
  size: readonly [height: number, width: number],
  origin: Omit<AxesAttrs, 'size'> = {},
): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  return tf.tidy(() =>
    op(
      {
        x,
        rows: tf.tensor2d(rows, [size[0], height]),
        columns: tf.tensor2d(columns, [size[1], width]),
      },
      { size, ...origin },
    ),
  );
}

/** `x` [B, H, W, C] → [B, size[0], size[1], C]. */
export function interpolate(
  x: tf.Tensor,
  { size, mode, alignCorners = false, antialias = false }: InterpolateOptions,
): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  const options = { alignCorners, antialias };
  return applyAxes(
    x,
    axisWeights(mode, height, size[0], options),
    axisWeights(mode, width, size[1], options),
    size,
    { mode, ...options },
  );
}
