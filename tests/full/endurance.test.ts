/** Ten thousand compiled steps: bytes on the device and tensors stay what they were after the first hundred. */
import { expect, it } from 'vitest';
import { findGpu } from '../../src/engine/choose.ts';
import { Execution } from '../../src/engine/execute/index.ts';
import { openDevice, tf } from '../../src/engine/index.ts';
import { momentumPlan } from '../../src/engine/testing/hand-plan.ts';

const found = await findGpu();
if ('access' in found) found.access.close();
else console.warn(`NOT RUN on webgpu: ${found.missing}`);

const steps = 10_000;

it.skipIf('missing' in found)(
  `takes no more memory after ${steps} steps`,
  async () => {
    const device = await openDevice('webgpu');
    const size = 1000;
    const parameters = tf.tidy(() => ({
      weight: tf.variable(tf.zeros([size])),
      momentum: tf.variable(tf.zeros([size])),
    }));
    const execution = await Execution.prepare(momentumPlan(size), device, { parameters });
    const gradient = new Float32Array(size);
    const late: Promise<ArrayLike<number>>[] = [];
    let before: ReturnType<typeof device.memory> | undefined;
    let heapBefore = 0;
    for (let step = 0; step < steps; step++) {
      gradient.fill(Math.sin(step));
      execution.write('gradient', gradient);
      await execution.run();
      late.push(execution.read('norm'));
      if (late.length > 4) await late.shift();
      // Averages are kept, weights are read: eager work between the steps.
      if (step % 500 === 0) await device.read(parameters.weight);
      if (step === 100) {
        before = device.memory();
        heapBefore = process.memoryUsage().rss;
      }
    }
    await Promise.all(late);
    expect(device.memory()).toEqual(before);
    const growth = (process.memoryUsage().rss - heapBefore) / 2 ** 20;
    console.log(
      `${steps} steps: ${before!.bytes} bytes, ${before!.tensors} tensors; process grew by ${growth.toFixed(0)} MiB`,
    );
    execution.dispose();
    tf.dispose(parameters);
    await device.dispose();
  },
  600_000,
);
