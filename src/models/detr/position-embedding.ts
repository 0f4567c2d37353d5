/**
 * Where in the picture a feature lies: sines and cosines of its row and column at geometric wavelengths
 * (Carion et al., arXiv:2005.12872, supplement), counted over real pixels only and scaled to 2π, so that an
 * image means the same however much padding is beside it. Or learned vectors for up to 50 rows and columns.
 */
import { ShapeError } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';
import { Embedding, Module, uniform } from '../../nn/index.ts';

const temperature = 10000;

/** `mask` [batch, height, width] of 0 and 1 → [batch, height · width, width of the model], rows first. */
export function sinePositions(mask: tf.Tensor, modelWidth: number): tf.Tensor {
  return tf.tidy(() => {
    const [batch, height, width] = mask.shape as [number, number, number];
    const steps = modelWidth / 2;
    // Sine and cosine of a pair share their wavelength.
    const wavelengths = Float32Array.from({ length: steps / 2 }, (_, i) => temperature ** ((2 * i) / steps));
    const scales = tf.tensor(wavelengths, [1, 1, 1, steps / 2]);
    const encode = (axis: 1 | 2): tf.Tensor => {
      const counted = tf.cumsum(mask, axis);
      const begin = [0, axis === 1 ? height - 1 : 0, axis === 2 ? width - 1 : 0];
      const size = [batch, axis === 1 ? 1 : height, axis === 2 ? 1 : width];
      const total = tf.slice(counted, begin, size);
      const scaled = tf.mul(tf.div(counted, tf.add(total, 1e-6)), 2 * Math.PI);
      const angles = tf.div(tf.expandDims(scaled, 3), scales);
      return tf.reshape(tf.stack([tf.sin(angles), tf.cos(angles)], 4), [batch, height, width, steps]);
    };
    return tf.reshape(tf.concat([encode(1), encode(2)], 3), [batch, height * width, modelWidth]);
  });
}

const learnedRows = 50;

/** Rows and columns each have a table of vectors. */
export class LearnedPositions extends Module {
  private readonly rowEmbeddings: Embedding;
  private readonly columnEmbeddings: Embedding;

  constructor(private readonly modelWidth: number) {
    super();
    const make = (): Embedding => new Embedding(learnedRows, modelWidth / 2, uniform(0, 1));
    this.rowEmbeddings = this.child('row_embeddings', make());
    this.columnEmbeddings = this.child('column_embeddings', make());
  }

  forward(mask: tf.Tensor): tf.Tensor {
    const [batch, height, width] = mask.shape as [number, number, number];
    if (height > learnedRows || width > learnedRows) {
      throw new ShapeError({
        code: 'pixel_values_shape',
        expected: `at most ${learnedRows} rows and columns of features, for learned position embeddings`,
        received: `${height} × ${width}`,
        fix: 'use smaller images',
      });
    }
    const half = this.modelWidth / 2;
    const take = (table: Embedding, count: number): tf.Tensor =>
      tf.slice(table.weight.value, [0, 0], [count, half]);
    return tf.tidy(() => {
      const columns = tf.tile(tf.reshape(take(this.columnEmbeddings, width), [1, 1, width, half]), [
        batch,
        height,
        1,
        1,
      ]);
      const rows = tf.tile(tf.reshape(take(this.rowEmbeddings, height), [1, height, 1, half]), [
        batch,
        1,
        width,
        1,
      ]);
      return tf.reshape(tf.concat([columns, rows], 3), [batch, height * width, this.modelWidth]);
    });
  }
}
