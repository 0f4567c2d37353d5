import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.skipIf(!gpu)('views', () => {
  it('moves axes, cuts, turns and repeats', async () => {
    const x = normal([3, 5, 7, 2]) as tf.Tensor4D;
    await expectSameAsCpu(
      gpu!,
      ({ x }) => {
        const x4 = x as tf.Tensor4D;
        return {
          reshaped: tf.reshape(tf.transpose(x4, [3, 1, 0, 2]), [10, 21]),
          expanded: tf.expandDims(tf.squeeze(tf.slice(x4, [1, 0, 2, 0], [1, 5, 3, 2])), 1),
          strided: tf.stridedSlice(x4, [0, 4, 1, 0], [3, 0, 7, 2], [1, -2, 3, 1]),
          shrunk: tf.stridedSlice(x4, [0, 1, 0, 0], [3, 2, 7, 2], [1, 1, 1, 1], 0, 0, 0, 0, 2),
          reversed: tf.reverse(x4, [1, 3]),
          tiled: tf.tile(x4, [2, 1, 1, 3]),
          broadcast: tf.broadcastTo(tf.slice(x4, [0, 1, 0, 1], [3, 1, 7, 1]), [3, 4, 7, 2]),
          second: tf.split(x4, [1, 4, 2], 2)[1]!,
          last: tf.unstack(x4, 1)[4]!,
        };
      },
      { x },
    );
  });

  it('pads, by numbers and by reflection', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x }) => ({
        padded: tf.pad(
          x!,
          [
            [1, 2],
            [0, 3],
          ],
          -1.5,
        ),
        reflected: tf.mirrorPad(
          x!,
          [
            [2, 1],
            [0, 4],
          ],
          'reflect',
        ),
        symmetric: tf.mirrorPad(
          x!,
          [
            [3, 2],
            [1, 5],
          ],
          'symmetric',
        ),
      }),
      { x: normal([3, 5]) },
    );
  });

  it('puts together few and many', async () => {
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, y }) => {
        const parts = Array.from({ length: 17 }, (_, i) => tf.mul(x!, i));
        return {
          two: tf.concat([x!, tf.exp(y!)], 1),
          stacked: tf.stack([tf.transpose(x!), tf.transpose(tf.neg(x!))], 1),
          many: tf.concat(parts, 0),
          manyStacked: tf.stack(parts, 2),
          sum: tf.addN(parts),
        };
      },
      { x: normal([3, 5]), y: normal([3, 4], 2) },
      undefined,
      { limits: { ...gpu!.limits, maxStorageBuffersPerShaderStage: 8 } },
    );
    expect(plan.kernels.every(({ bindings }) => bindings.length <= 8)).toBe(true);
  });

  it('gathers, and makes numbers from places', async () => {
    await expectSameAsCpu(
      gpu!,
      ({ x, i }) => ({
        rows: tf.gather(x!, i!, 0),
        columns: tf.gather(x!, i as tf.Tensor1D, 1),
        oneHot: tf.cast(tf.oneHot(i as tf.Tensor1D, 4), 'float32'),
        zeros: tf.zerosLike(x!),
        ones: tf.add(x!, tf.onesLike(x!)),
        range: tf.mul(tf.range(0, 5, 1), tf.slice(tf.reshape(x!, [-1]), [3], [5])),
      }),
      { x: normal([3, 5]), i: tf.tensor1d([2, 0, 1, 1], 'int32') },
    );
  });

  it('follows odd sizes and more workgroups than one dimension holds', async () => {
    for (const size of [1, 3, 17, 65, 1000]) {
      await expectSameAsCpu(gpu!, ({ x }) => ({ y: tf.transpose(tf.add(x!, 1)) }), { x: normal([2, size]) });
    }
  });
});
