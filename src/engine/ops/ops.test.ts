/** Every operation on every backend that is here: gradients by finite differences, the same numbers everywhere. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findGpu } from '../choose.ts';
import { type Device, openDevice } from '../device.ts';
import { cases } from '../testing/cases.ts';
import { finiteDifferenceError, type OpResult, relativeError, runCase } from '../testing/op-cases.ts';
import * as tf from '../tf.ts';

const references = new Map<string, OpResult>();
const gpu = await findGpu();
if ('access' in gpu) gpu.access.close();
else console.warn(`NOT RUN on webgpu: ${gpu.missing}`);

describe('cpu', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());
  it.each(cases)('$name: gradients agree with finite differences', async (opCase) => {
    const result = await runCase(opCase);
    references.set(opCase.name, result);
    expect(finiteDifferenceError(opCase, result)).toBeLessThan(0.01);
  });
});

for (const backend of ['wasm', 'webgpu'] as const) {
  describe.skipIf(backend === 'webgpu' && 'missing' in gpu)(backend, () => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice(backend);
    });
    afterAll(() => device.dispose());
    it('einsum and segment sums agree with products and sums', async () => {
      const a = tf.randomNormal([2, 5, 3, 4], 0, 1, 'float32', 1);
      const b = tf.randomNormal([2, 7, 3, 4], 0, 1, 'float32', 2);
      const product = tf.matMul(tf.transpose(a, [0, 2, 1, 3]), tf.transpose(b, [0, 2, 1, 3]), false, true);
      const viaEinsum = await device.read(tf.einsum('bqhc,bkhc->bhqk', a, b));
      expect(relativeError(viaEinsum, await device.read(product))).toBeLessThan(2e-5);
      const summed = await device.read(tf.einsum('bqhc->hq', a));
      expect(relativeError(summed, await device.read(tf.transpose(tf.sum(a, [0, 3]))))).toBeLessThan(2e-5);
      const rows = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      const segments = tf.unsortedSegmentSum(rows, tf.tensor1d([2, 0, 2], 'int32'), 4);
      expect([...(await device.read(segments))]).toEqual([3, 4, 0, 0, 6, 8, 0, 0]);
    });
    it.each(cases)('$name: the same numbers as on cpu', async (opCase) => {
      const expected = references.get(opCase.name)!;
      const actual = await device.guard(runCase(opCase));
      expect(actual.shape).toEqual(expected.shape);
      expect(relativeError(actual.output, expected.output)).toBeLessThan(2e-5);
      actual.gradients.forEach((gradient, i) => {
        expect(relativeError(gradient, expected.gradients[i]!)).toBeLessThan(5e-5);
      });
    });
  });
}
