/** The sum of the squares of many tensors: what the norm of all gradients is made of. */
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

const norm = (tensors: readonly tf.Tensor[]): tf.Tensor =>
  tf.sqrt(tf.sum(tf.stack(tensors.map(ops.sumOfSquares))));

const labelsOf = (plan: { readonly kernels: readonly { readonly label: string }[] }): string[] =>
  plan.kernels.map(({ label }) => label).filter((label) => label.startsWith('SumOfSquares'));

describe.skipIf(!gpu)('the sum of all squares', () => {
  for (const software of [true, false]) {
    const where = software ? 'on the processor' : 'on a GPU';

    it(`is one sum over tensors of any size, ${where}`, async () => {
      const sizes = [[1], [3], [17, 5], [64, 64], [2, 3, 5], [4], [1000], [7, 7], [33], [129]];
      const inputs = Object.fromEntries(sizes.map((shape, i) => [`x${i}`, normal(shape, i + 1)]));
      const plan = await expectSameAsCpu(gpu!, (all) => ({ norm: norm(Object.values(all)) }), inputs, 1e-6, {
        software,
      });
      expect(labelsOf(plan)).toContain('SumOfSquares × 10 (pieces)');
    });

    it(`counts a gradient that several parameters share once for each of them, ${where}`, async () => {
      const plan = await expectSameAsCpu(
        gpu!,
        ({ x, a, b, c }) => {
          const tape = new Tape();
          const loss = tf.mean(tf.square(tf.mul(tf.add(tf.add(x!, a!), b!), c!)));
          const [ofA, ofB, ofC] = tape.gradients(loss, [a!, b!, c!]) as tf.Tensor[];
          const total = tf.clone(norm([ofA!, ofB!, ofC!, ofA!]));
          const single = tf.clone(norm([ofA!, ofC!]));
          tape.dispose([total, single]);
          return { total, single };
        },
        { x: normal([9, 20], 1), a: normal([9, 20], 2), b: normal([9, 20], 3), c: normal([9, 20], 4) },
        1e-6,
        { software },
      );
      expect(labelsOf(plan)).toContain('SumOfSquares × 4 (pieces)');
    });
  }
});
