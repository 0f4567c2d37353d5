import { describe, expect, it } from 'vitest';
import { DataError, derive, type Random } from '../../core/index.ts';
import {
  areaOf,
  boxOf,
  countsFromString,
  countsToString,
  decodeMask,
  encodeMask,
  iouOfRuns,
  mergeRuns,
  polygonToRuns,
  rleToRuns,
  runsToRle,
  segmentationToRuns,
} from './index.ts';

const random = derive(3, 'rle.test');

/** Blobs and specks: long runs and short ones. */
function someMask(height: number, width: number, source: Random): Uint8Array {
  const density = source.next() ** 2;
  return Uint8Array.from({ length: height * width }, (_, i) =>
    source.next() < density || (i % width < width / 2 && density > 0.5) ? 1 : 0,
  );
}

describe('run lengths', () => {
  it('come back from pixels, strings and JSON unchanged', () => {
    for (let round = 0; round < 60; round++) {
      const size = { height: 1 + random.integer(30), width: 1 + random.integer(30) };
      const mask = someMask(size.height, size.width, random);
      const runs = encodeMask(mask, size);
      expect(decodeMask(runs)).toEqual(mask);
      expect(countsFromString(countsToString(runs.counts))).toEqual(runs.counts);
      expect(rleToRuns(runsToRle(runs))).toEqual(runs);
      expect(rleToRuns({ size: [size.height, size.width], counts: [...runs.counts] })).toEqual(runs);
      expect(areaOf(runs)).toBe(mask.reduce((a, b) => a + b, 0));
    }
  });

  it('keep counts of millions of pixels', () => {
    const counts = Uint32Array.of(99_999_999, 1, 3, 400_000_000, 2, 7);
    expect(countsFromString(countsToString(counts))).toEqual(counts);
  });

  it('merge and overlap as their pixels do', () => {
    for (let round = 0; round < 40; round++) {
      const size = { height: 1 + random.integer(20), width: 1 + random.integer(20) };
      const [a, b] = [someMask(size.height, size.width, random), someMask(size.height, size.width, random)];
      const [ra, rb] = [encodeMask(a!, size), encodeMask(b!, size)];
      const both = a!.map((value, i) => value & b![i]!);
      const any = a!.map((value, i) => value | b![i]!);
      expect(decodeMask(mergeRuns([ra, rb]))).toEqual(any);
      expect(decodeMask(mergeRuns([ra, rb], 'intersection'))).toEqual(both);
      const sum = (mask: Uint8Array): number => mask.reduce((x, y) => x + y, 0);
      const expected = sum(both) === 0 ? 0 : sum(both) / sum(any);
      expect(iouOfRuns([ra], [rb])[0]).toBe(expected);
      expect(iouOfRuns([ra], [rb], [true])[0]).toBe(sum(both) === 0 ? 0 : sum(both) / sum(a!));
    }
  });

  it('fill a rectangle to its edges', () => {
    const runs = polygonToRuns([2, 3, 9, 3, 9, 8, 2, 8], { height: 12, width: 14 });
    expect(boxOf(runs)).toEqual([2, 3, 7, 5]);
    expect(areaOf(runs)).toBe(35);
  });
});

describe('damaged masks', () => {
  const cases: readonly (readonly [string, () => unknown, string])[] = [
    ['runs of another image', () => rleToRuns({ size: [2, 2], counts: [3] }), 'rle_length'],
    ['negative counts', () => rleToRuns({ size: [2, 2], counts: [-1, 5] }), 'rle_counts'],
    ['counts beyond 32 bits', () => rleToRuns({ size: [2, 2], counts: [2 ** 32 + 4] }), 'rle_counts'],
    ['a string cut in the middle of a number', () => countsFromString('PeQ3'.slice(0, 3)), 'rle_string'],
    ['letters that no encoder writes', () => countsFromString('ab !'), 'rle_string'],
    [
      'a mask of another size than its image',
      () => segmentationToRuns({ size: [2, 2], counts: [4] }, { height: 3, width: 3 }),
      'rle_size',
    ],
    [
      'a polygon of two corners',
      () => polygonToRuns([1, 1, 5, 5], { height: 9, width: 9 }),
      'polygon_too_short',
    ],
    [
      'a polygon beyond the horizon',
      () => polygonToRuns([0, 0, 5, 5, 1e12, 5], { height: 9, width: 9 }),
      'polygon_out_of_range',
    ],
    [
      'a polygon that is not of numbers',
      () => polygonToRuns([0, 0, 5, Number.NaN, 1, 5], { height: 9, width: 9 }),
      'polygon_out_of_range',
    ],
    ['no polygon at all', () => segmentationToRuns([], { height: 9, width: 9 }), 'polygon_missing'],
  ];
  it.each(cases)('%s', (_, run, code) => {
    expect(run).toThrow(DataError);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
