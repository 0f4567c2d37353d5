/** Attention compiled, by products and by tiles, forward and backward, against the cpu backend. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { Tape } from '../../tape.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** y and the gradients of Σ y·w by the named inputs. */
const withGradients =
  (names: readonly string[], fn: (inputs: Tensors) => tf.Tensor) =>
  (inputs: Tensors): Record<string, tf.Tensor> => {
    const tape = new Tape();
    const y = fn(inputs);
    const weights = Float32Array.from({ length: y.size }, (_, i) => Math.sin(i + 1));
    const loss = tf.sum(tf.mul(y, tf.tensor(weights, y.shape)));
    const found = tape.gradients(
      loss,
      names.map((name) => inputs[name]!),
    );
    const result = {
      y: tf.clone(y),
      ...Object.fromEntries(names.map((name, i) => [`d${name}`, found[i]!])),
    };
    tape.dispose(result);
    return result;
  };

const lowest = -3.4e38;
const padding = (): tf.Tensor =>
  tf.tensor4d([0, 0, 0, lowest, lowest, 0, 0, 0, 0, 0, 0, 0, 0, lowest], [2, 1, 1, 7]);

/** Software adapters take the tiles where scores fill no buffer: here, always. */
const tiles = {
  software: true,
  limits: { maxStorageBufferBindingSize: 64, maxStorageBuffersPerShaderStage: 8 },
};

describe.skipIf(!gpu)('attention', () => {
  it('reads heads out of tokens without a copy, forward and backward', async () => {
    const heads = (x: tf.Tensor): tf.Tensor => tf.transpose(tf.reshape(x, [2, 17, 3, 8]), [0, 2, 1, 3]);
    const plan = await expectSameAsCpu(
      gpu!,
      withGradients(['q', 'k', 'v'], ({ q, k, v }) =>
        tf.reshape(tf.transpose(ops.attention(heads(q!), heads(k!), heads(v!)), [0, 2, 1, 3]), [2, 17, 24]),
      ),
      { q: normal([2, 17, 24], 1), k: normal([2, 17, 24], 2), v: normal([2, 17, 24], 3) },
      1e-5,
      { software: true },
    );
    expect(plan.kernels.length).toBeLessThanOrEqual(12);
  });

  it('adds a padding mask; one query, another width of values', async () => {
    await expectSameAsCpu(
      gpu!,
      withGradients(['q', 'k', 'v'], ({ q, k, v, mask }) => ops.attention(q!, k!, v!, { mask: mask! })),
      { q: normal([2, 3, 1, 8], 1), k: normal([2, 3, 7, 8], 2), v: normal([2, 3, 7, 5], 3), mask: padding() },
      1e-5,
      { software: true },
    );
  });

  it('by tiles: several blocks of queries and keys, odd sizes, a learned mask', {
    timeout: 300_000,
  }, async () => {
    const plan = await expectSameAsCpu(
      gpu!,
      withGradients(['q', 'k', 'v', 'mask'], ({ q, k, v, mask }) =>
        ops.attention(q!, k!, v!, { mask: mask!, learnedMask: true, scale: 0.7 }),
      ),
      {
        q: normal([2, 2, 19, 9], 1),
        k: normal([2, 2, 37, 9], 2),
        v: normal([2, 2, 37, 6], 3),
        mask: normal([1, 2, 19, 37], 4),
      },
      1e-5,
      tiles,
    );
    // Nothing as large as the scores, of both images, is in memory.
    const largest = Math.max(
      ...[...plan.values.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1)),
    );
    expect(largest).toBeLessThan(2 * 2 * 19 * 37);
  });
});
