/** Reductions by exchange in registers, as on GPUs with subgroups, against the cpu backend. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../ops/index.ts';
import { expectSameAsCpu, normal } from '../testing/compiled.ts';
import { openTestGpu } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import type { PlanOptions } from './index.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Tensors = Readonly<Record<string, tf.Tensor>>;

// A workgroup of 256 lanes has 256 / width numbers left for workgroup memory.
describe.skipIf(!gpu || gpu.subgroup < 4).each([4, gpu?.subgroup ?? 8])('%i lanes exchange', (subgroup) => {
  const compare = async (
    fn: (inputs: Tensors) => Tensors,
    inputs: Tensors,
    options: Partial<PlanOptions> = { software: false },
  ): Promise<void> => {
    const features = new Set(gpu!.features);
    const plan = await expectSameAsCpu(gpu!, fn, inputs, 1e-5, { features, subgroup, ...options });
    const text = plan.kernels.map(({ wgsl }) => wgsl).join('\n');
    expect(text).toContain('enable subgroups;');
    expect(text).toContain('subgroupShuffleXor');
  };

  it.each([5, 16, 33])('sums and whether any, of rows of %i', (columns) =>
    compare(({ x }) => ({ sum: tf.sum(x!, -1), any: tf.any(tf.greater(x!, 2), -1) }), {
      x: normal([7, columns]),
    }),
  );

  it('softmax, three passes over a row', () =>
    compare(({ x }) => ({ y: tf.softmax(x!) }), { x: normal([5, 30], 1) }));

  it('the sum of everything, and of the squares of several tensors', () =>
    compare(
      ({ x, y }) => ({
        mean: tf.mean(x!),
        squares: tf.sum(tf.stack([ops.sumOfSquares(x!), ops.sumOfSquares(y!)])),
      }),
      { x: normal([130, 257], 1), y: normal([65], 2) },
    ));

  // Eight lanes share a row of scores.
  it.skipIf(subgroup < 8)('attention', () => {
    const shape = [1, 2, 19, 8];
    return compare(
      ({ q, k, v }) => ({ y: ops.attention(q!, k!, v!) }),
      { q: normal(shape, 1), k: normal(shape, 2), v: normal(shape, 3) },
      // Software adapters take the tiles where scores fill no buffer: here, always.
      { software: true, limits: { maxStorageBufferBindingSize: 64, maxStorageBuffersPerShaderStage: 8 } },
    );
  });
});
