/** Batch norm compiled, forward and backward, against the cpu backend: also where the mean is far from zero. */
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ops from '../../ops/index.ts';
import { expectSameAsCpu, normal } from '../../testing/compiled.ts';
import { openTestGpu } from '../../testing/run-plan.ts';
import * as tf from '../../tf.ts';

const gpu = await openTestGpu();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.skipIf(!gpu)('batch norm', () => {
  it.each([
    ['one by one', 5, true],
    ['four channels at once', 8, true],
    ['a workgroup per channel', 8, false],
  ] as const)('takes statistics %s', async (_, channels, software) => {
    const plan = await expectSameAsCpu(
      gpu!,
      ({ x, weight, bias }) => {
        const { y, mean, variance } = ops.batchNorm(x!, weight!, bias!, 1e-5);
        return { y: tf.relu(y), mean, variance };
      },
      {
        // 567 pixels: several pieces, the last one shorter.
        x: tf.add(normal([3, 9, 21, channels], 1), 30),
        weight: normal([channels], 2),
        bias: normal([channels], 3),
      },
      2e-5,
      { software },
    );
    expect(plan.kernels.length).toBeLessThanOrEqual(4);
  });
});
