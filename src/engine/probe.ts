/**
 * Measurements of a device: a small mixture of training work to choose by, and the arithmetic that a matrix
 * product reaches, for `ocelli doctor`.
 */
import type { OpenBackend } from './backends/backend.ts';
import * as tf from './tf.ts';

/**
 * Milliseconds that one round of training-like work takes on the current backend: a transformer block's matrix
 * products and normalisation, forward and backward, and a convolution. The first round (compiling) is not
 * counted. `giveUpAfter` bounds the rounds, so that a slow adapter costs little.
 */
export async function timeTrainingWork(
  backend?: Pick<OpenBackend, 'synchronize'>,
  giveUpAfter = 400,
): Promise<number> {
  const x = tf.randomNormal([256, 128], 0, 1, 'float32', 1);
  const up = tf.randomNormal([128, 256], 0, 0.05, 'float32', 2);
  const down = tf.randomNormal([256, 128], 0, 0.05, 'float32', 3);
  const image = tf.randomNormal([1, 32, 32, 16], 0, 1, 'float32', 4) as tf.Tensor4D;
  const filter = tf.randomNormal([3, 3, 16, 32], 0, 0.05, 'float32', 5) as tf.Tensor4D;
  const round = async (): Promise<void> => {
    const loss = tf.tidy(() => {
      const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => {
        const hidden = tf.relu(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D));
        const mixed = tf.softmax(tf.matMul(hidden as tf.Tensor2D, c as tf.Tensor2D));
        return tf.sum(tf.square(mixed)) as tf.Scalar;
      })([x, up, down]);
      const convolved = tf.sum(tf.conv2d(image, filter, 1, 'same'));
      return tf.addN([value, convolved, ...grads.map((gradient) => tf.sum(gradient))]);
    });
    await loss.data();
    loss.dispose();
    await backend?.synchronize();
  };
  await round();
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 5 && performance.now() - begin < giveUpAfter) {
    const start = performance.now();
    await round();
    times.push(performance.now() - start);
  }
  tf.dispose([x, up, down, image, filter]);
  return Math.min(...times);
}

/** Billions of multiply-adds times two per second of a square f32 matrix product, best of a few. */
export async function measureMatmul(size = 512): Promise<number> {
  const a = tf.randomNormal([size, size], 0, 1, 'float32', 1) as tf.Tensor2D;
  const b = tf.randomNormal([size, size], 0, 1, 'float32', 2) as tf.Tensor2D;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    // A chain, so that reading one number waits for all of them.
    const corner = tf.tidy(() => tf.slice(tf.matMul(tf.matMul(a, b), b), [0, 0], [1, 1]));
    await corner.data();
    corner.dispose();
    best = Math.min(best, (performance.now() - start) / 2);
  }
  tf.dispose([a, b]);
  return (2 * size ** 3) / (best * 1e6);
}
