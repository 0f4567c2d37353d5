/**
 * Pictures as token sequences: each patch is projected to a vector, and each position has a learned vector that
 * is added. At another input size the grid of position vectors is resized, bicubic without antialias
 * (Dosovitskiy et al., arXiv:2010.11929, section 3.2); class and detection tokens keep theirs.
 */
import { ShapeError } from '../../core/index.ts';
import { ops, tf } from '../../engine/index.ts';
import { Conv2d, type Initializer, Module, toChannelsLast, toTokens } from '../../nn/index.ts';

/** Rows and columns of patches. */
export type Grid = readonly [rows: number, columns: number];

interface PatchConfig {
  readonly num_channels: number;
  readonly hidden_size: number;
  readonly patch_size: readonly [number, number];
}

/** Whole patches in a picture; pixels beyond the last one are not seen. */
export function gridOf(imageSize: readonly [number, number], patchSize: readonly [number, number]): Grid {
  return [Math.floor(imageSize[0] / patchSize[0]), Math.floor(imageSize[1] / patchSize[1])];
}

/** A convolution whose stride is its filter's size. */
export class PatchEmbeddings extends Module {
  private readonly projection: Conv2d;

  constructor(
    private readonly config: PatchConfig,
    init: Initializer,
  ) {
    super();
    const { num_channels: channels, hidden_size: width, patch_size: patch } = config;
    this.projection = this.child(
      'projection',
      new Conv2d(channels, width, { kernel: patch, stride: patch, init }),
    );
  }

  /** [batch, channels, height, width] → [batch, patches, hidden_size] and the grid of the patches. */
  forward(pixelValues: tf.Tensor): { tokens: tf.Tensor; grid: Grid } {
    const [batch, channels, height, width] = pixelValues.shape as [number, number, number, number];
    const grid = gridOf([height, width], this.config.patch_size);
    if (channels !== this.config.num_channels || grid[0] === 0 || grid[1] === 0) {
      throw new ShapeError({
        code: 'pixel_values_shape',
        expected: `pixel_values [batch, ${this.config.num_channels}, height, width] of at least one patch of ${this.config.patch_size.join(' × ')} pixels`,
        received: `[${pixelValues.shape.join(', ')}]`,
        fix: "let the model's own image processor prepare the pictures",
      });
    }
    const [patchHeight, patchWidth] = this.config.patch_size;
    const whole = tf.slice(
      pixelValues,
      [0, 0, 0, 0],
      [batch, channels, grid[0] * patchHeight, grid[1] * patchWidth],
    );
    return { tokens: toTokens(this.projection.forward(toChannelsLast(whole))), grid };
  }
}

/**
 * Position vectors for another grid. `positions` [layers, tokens, width]: `leading` tokens, the patches of
 * `from` row by row, then whatever else there is.
 */
export function resizePositions(positions: tf.Tensor, leading: number, from: Grid, to: Grid): tf.Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return positions;
  const [layers, tokens, width] = positions.shape as [number, number, number];
  const patches = from[0] * from[1];
  const part = (begin: number, size: number): tf.Tensor =>
    tf.slice(positions, [0, begin, 0], [layers, size, width]);
  const image = tf.reshape(part(leading, patches), [layers, ...from, width]);
  const resized = ops.interpolate(image, { size: to, mode: 'bicubic' });
  const parts = [part(0, leading), tf.reshape(resized, [layers, to[0] * to[1], width])];
  const trailing = tokens - leading - patches;
  if (trailing > 0) parts.push(part(leading + patches, trailing));
  return tf.concat(parts, 1);
}
