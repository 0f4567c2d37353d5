import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.skipIf(!gpu)('reductions', () => {
  for (const shape of [[1], [3], [17], [1000], [3, 5], [65, 17], [2, 3, 4, 5], [1, 7, 1, 300], [40, 1000]]) {
    it(`reduces [${shape.join(', ')}] along all its axes`, async () => {
      const rank = shape.length;
      const sets = Array.from({ length: 2 ** rank }, (_, bits) =>
        shape.flatMap((_, axis) => ((bits >> axis) & 1 ? [axis] : [])),
      ).filter((axes) => axes.length > 0);
      await expectSameAsCpu(
        gpu!,
        ({ x }) =>
          Object.fromEntries(
            sets.flatMap((axes) => [
              [`sum ${axes}`, tf.sum(x!, axes)],
              [`mean ${axes}`, tf.mean(tf.square(x!), axes, true)],
              [`max ${axes}`, tf.max(x!, axes)],
            ]),
          ),
        { x: normal(shape) },
        1e-5,
      );
    });
  }

  it('combines in every way', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => ({
        min: tf.min(x!, 1),
        prod: tf.prod(x!, 0),
        any: tf.any(tf.greater(x!, 2), 1),
        all: tf.all(tf.less(x!, 2), 1),
        count: tf.sum(tf.cast(tf.greater(x!, 0), 'int32')),
        squares: ops.sumOfSquares(x!),
      }),
      { x: normal([7, 33]) },
      1e-5,
    );
  });
});
