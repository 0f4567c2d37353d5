/** What is changed about TensorFlow.js' WebGPU backend; slices are tested with the parameters that they are for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findGpu } from '../choose.ts';
import { type Device, openDevice } from '../device.ts';
import * as tf from '../tf.ts';

const found = await findGpu();
if ('access' in found) found.access.close();
else console.warn(`NOT RUN on webgpu: ${found.missing}`);

describe.skipIf('missing' in found)('openDevice', () => {
  it('takes the place of a backend that is registered already, as in browsers', async () => {
    tf.registerBackend('webgpu', () => {
      throw new Error('TensorFlow.js opens a device of its own');
    });
    const device = await openDevice('webgpu');
    expect((tf.backend() as unknown as { device: GPUDevice }).device).toBe(device.gpu!.device);
    expect([...(await device.read(tf.tidy(() => tf.add(tf.ones([2]), 1))))]).toEqual([2, 2]);
    await device.dispose();
  });
});

describe.skipIf('missing' in found)('matrix products of few results and long sums', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.dispose());

  const depth = 2048;
  const numbers = (rows: number, seed: number): number[] =>
    Array.from({ length: rows * depth }, (_, i) => Math.sin(i * seed));

  it.each([true, false])('are right (transposeB: %s) and the same each time', async (transposeB) => {
    const rows = 16;
    const columns = 32;
    const a = numbers(rows, 1.7);
    const b = numbers(columns, 0.3);
    const x = tf.tensor2d(a, [rows, depth]);
    const w = transposeB ? tf.tensor2d(b, [columns, depth]) : tf.tensor2d(b, [depth, columns]);
    const bias = tf.fill([columns], 10) as tf.Tensor1D;
    const expected: number[] = [];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let k = 0; k < depth; k++)
          sum += a[row * depth + k]! * b[transposeB ? column * depth + k : k * columns + column]!;
        expected.push(sum);
      }
    const tensors = tf.memory().numTensors;
    const results: ArrayLike<number>[] = [];
    for (let round = 0; round < 2; round++) {
      const product = tf.matMul(x, w, false, transposeB);
      results.push(await device.read(product));
      product.dispose();
    }
    const fused = tf.fused.matMul({ a: x, b: w, transposeB, bias, activation: 'linear' });
    const withBias = await device.read(fused);
    fused.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(results[1]).toEqual(results[0]);
    for (const [i, number] of expected.entries()) {
      expect(Math.abs(results[0]![i]! - number), `element ${i}`).toBeLessThan(2e-3);
      expect(Math.abs(withBias[i]! - number - 10), `element ${i} with bias`).toBeLessThan(2e-3);
    }
    tf.dispose([x, w, bias]);
  });
});
