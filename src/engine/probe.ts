/**
 * Measurements of a device: a small mixture of training work to choose by, and the arithmetic that a matrix
 * product reaches, for `ocelli doctor`.
 */
import * as tf from './tf.ts';

/**
 * Milliseconds that one round of training-like work takes on the current backend: the products of linear
 * layers, as they are in the forward and the backward pass, and a convolution. The first round, in which an
 * adapter compiles its kernels, is not counted; of the others that fit into `budget` milliseconds the fastest
 * counts. Undefined when none did.
 */
export async function timeTrainingWork(budget: number): Promise<number | undefined> {
  const begin = performance.now();
  const spent = (): number => performance.now() - begin;
  const numbers = (size: number): Float32Array => new Float32Array(size).fill(0.01);
  const x = tf.tensor(numbers(512 * 256), [512, 256]);
  const weight = tf.tensor(numbers(256 * 256), [256, 256]);
  const image = tf.tensor(numbers(32 * 32 * 32), [1, 32, 32, 32]) as tf.Tensor4D;
  const filter = tf.tensor(numbers(9 * 32 * 32), [3, 3, 32, 32]) as tf.Tensor4D;
  const steps: readonly (() => tf.Tensor)[] = [
    () => tf.matMul(x, weight),
    () => tf.matMul(x, weight, false, true),
    () => tf.matMul(x, x, true, false),
    () => tf.conv2d(image, filter, 1, 'same'),
  ];
  const round = async (): Promise<boolean> => {
    for (const step of steps) {
      const result = tf.tidy(step);
      // Reading is the one way to wait for the work itself on every backend.
      await result.data();
      result.dispose();
      if (spent() > budget) return false;
    }
    return true;
  };
  let best: number | undefined;
  let fits = await round();
  while (fits) {
    const start = spent();
    fits = await round();
    if (fits) best = Math.min(best ?? Number.POSITIVE_INFINITY, spent() - start);
  }
  tf.dispose([x, weight, image, filter]);
  return best;
}

/** Billions of floating-point operations per second of a square f32 matrix product, the best of a few. */
export async function measureMatmul(size = 512): Promise<number> {
  const a = tf.fill([size, size], 0.5) as tf.Tensor2D;
  const b = tf.fill([size, size], 0.01) as tf.Tensor2D;
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
