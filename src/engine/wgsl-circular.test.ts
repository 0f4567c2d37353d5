import { describe, expect, it } from 'vitest';
import { openDevice } from './device.ts';
import { lookForGpu } from './gpu-present.ts';
import * as tf from './tf.ts';

describe.skipIf(!(await lookForGpu()).adapter)('sine and cosine on WebGPU', () => {
  it('replace those of TensorFlow.js, which are as coarse as the adapter likes', async () => {
    const device = await openDevice('webgpu');
    try {
      const angles = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) * 0.15);
      const x = tf.tensor(angles);
      for (const [tensor, exact] of [
        [tf.sin(x), Math.sin],
        [tf.cos(x), Math.cos],
      ] as const) {
        const values = await device.read(tensor);
        const worst = Math.max(...values.map((value, i) => Math.abs(value - exact(angles[i]!))));
        expect(worst).toBeLessThan(1.5e-7);
      }
    } finally {
      await device.dispose();
    }
  });
});
