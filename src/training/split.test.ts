/** Parts of a batch: whose rows are whose, and which of them are real. */
import { expect, it } from 'vitest';
import type { Batch } from '../data/index.ts';
import { nextSplit, splitBatch } from './split.ts';

const channels = 3;
const [rows, height, width] = [6, 2, 5];
const area = height * width;

/** Numbers that say which row they belong to; the first `count` rows are real. */
function batchOf(count: number): Batch {
  const each = Array.from({ length: count }, (_, row) => row);
  const whole = { height, width };
  return {
    position: 4,
    indices: each,
    imageIds: each.map((row) => `image ${row}`),
    pixelValues: Float32Array.from({ length: rows * channels * area }, (_, i) =>
      Math.floor(i / (channels * area)),
    ),
    pixelMask: Uint8Array.from({ length: rows * area }, (_, i) => Math.floor(i / area)),
    shape: [rows, channels, height, width],
    count,
    samples: each.map((index) => ({
      index,
      imageId: index,
      size: whole,
      originalSize: whole,
      boxes: [],
      boxLabels: [],
      labels: [index],
    })),
  };
}

it('leaves every row, its mask and its truth together', () => {
  const parts = splitBatch(batchOf(6), 3);
  expect(parts).toHaveLength(3);
  for (const [i, part] of parts.entries()) {
    const its = [2 * i, 2 * i + 1];
    expect(part).toMatchObject({ position: 4, shape: [2, channels, height, width], count: 2, indices: its });
    expect(part.imageIds).toEqual(its.map((row) => `image ${row}`));
    expect(part.samples.map(({ index }) => index)).toEqual(its);
    expect([...part.pixelValues]).toEqual(its.flatMap((row) => new Array(channels * area).fill(row)));
    expect([...part.pixelMask]).toEqual(its.flatMap((row) => new Array(area).fill(row)));
  }
});

it('counts what is real in the last part, and leaves out parts without', () => {
  expect(splitBatch(batchOf(5), 3).map(({ count }) => count)).toEqual([2, 2, 1]);
  const [first, second, ...none] = splitBatch(batchOf(3), 3);
  expect([first!.count, second!.count, none]).toEqual([2, 1, []]);
  expect(second!.samples).toHaveLength(1);
  // The shape stays, whatever is real.
  expect(second!.shape).toEqual([2, channels, height, width]);
  const whole = batchOf(5);
  expect(splitBatch(whole, 1)).toEqual([whole]);
});

it('makes equal parts, up to single rows', () => {
  expect([1, 2, 3, 6].map((parts) => nextSplit(6, parts))).toEqual([2, 3, 6, undefined]);
  expect(nextSplit(7, 1)).toBe(7);
  expect(() => splitBatch(batchOf(6), 4)).toThrow('equal parts');
});
