import { expect, test } from 'vitest';
import type { ProcessedBatch } from '../../vision/index.ts';
import { inputsOf, type Port } from './outputs.ts';

const batch = (pixelMask?: Uint8Array): ProcessedBatch => ({
  pixelValues: new Float32Array(3 * 2 * 4),
  shape: [1, 3, 2, 4],
  sizes: [{ height: 2, width: 3 }],
  originalSizes: [{ height: 20, width: 30 }],
  ...(pixelMask ? { pixelMask } : {}),
});
const mask = (dtype: string, shape: Port['shape']): Port => ({ name: 'pixel_mask', dtype, shape });
/** The fourth column is padding. */
const padded = Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 0);

test('a mask has the size of the batch, or the one that a file of the hub has fixed', () => {
  const values: Port = { name: 'pixel_values', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] };
  const free = inputsOf(batch(padded), [values, mask('int64', ['batch', 'height', 'width'])]);
  expect(free.map(({ name, shape }) => [name, shape])).toEqual([
    ['pixel_values', [1, 3, 2, 4]],
    ['pixel_mask', [1, 2, 4]],
  ]);
  expect(free[1]!.array).toEqual({ dtype: 'int64', data: BigInt64Array.from(padded, BigInt) });

  const [fixed] = inputsOf(batch(padded), [mask('int64', ['batch_size', 4, 8])]);
  expect(fixed!.shape).toEqual([1, 4, 8]);
  const row = [1n, 1n, 1n, 1n, 1n, 1n, 0n, 0n];
  expect([...(fixed!.array.data as BigInt64Array)]).toEqual([...row, ...row, ...row, ...row]);
});

test('without a mask of the processor everything is picture', () => {
  const [given] = inputsOf(batch(), [mask('bool', ['batch', 4, 4])]);
  expect(given).toEqual({
    name: 'pixel_mask',
    shape: [1, 4, 4],
    array: { dtype: 'bool', data: new Uint8Array(16).fill(1) },
  });
});
