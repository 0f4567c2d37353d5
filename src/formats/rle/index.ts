/**
 * COCO masks: run lengths, their compressed string, polygons and overlaps, bit for bit as pycocotools.
 *
 *     const runs = segmentationToRuns(annotation.segmentation, image);
 *     areaOf(runs); boxOf(runs); decodeMask(runs); runsToRle(runs).counts
 */
import { DataError, type Size } from '../../core/index.ts';
import { polygonsToRuns } from './polygon.ts';
import { checked } from './runs.ts';
import { countsFromString, countsToString } from './string.ts';
import type { Rle, Runs, Segmentation } from './types.ts';

export { iouOfBoxes, iouOfRuns } from './iou.ts';
export { boundsOfPolygons, boxToRuns, polygonsToRuns, polygonToRuns } from './polygon.ts';
export { areaOf, boxOf, decodeMask, encodeMask, mergeRuns } from './runs.ts';
export { countsFromString, countsToString } from './string.ts';
export type { Rle, Runs, Segmentation } from './types.ts';

/** What the 32 bits of a run length hold. */
const longestRun = 0xffffffff;

/** From the JSON form, compressed or not. Throws a DataError when the runs do not cover `size`. */
export function rleToRuns({ size, counts }: Rle): Runs {
  const [height, width] = size;
  if (typeof counts === 'string') return checked({ height, width, counts: countsFromString(counts) });
  const bad = counts.find((count) => !Number.isInteger(count) || count < 0 || count > longestRun);
  if (bad !== undefined) {
    throw new DataError({
      code: 'rle_counts',
      expected: `run lengths that are whole numbers from 0 to ${longestRun}`,
      received: `counts with ${bad}`,
      fix: 'correct the counts of the annotation',
    });
  }
  return checked({ height, width, counts: Uint32Array.from(counts) });
}

/** To the compressed JSON form. */
export function runsToRle({ height, width, counts }: Runs): { size: [number, number]; counts: string } {
  return { size: [height, width], counts: countsToString(counts) };
}

/** Whatever an annotation carries, drawn for an image of `size` (polygons; RLE must have that size). */
export function segmentationToRuns(segmentation: Segmentation, size: Size): Runs {
  if (!('counts' in segmentation)) return polygonsToRuns(segmentation, size);
  const runs = rleToRuns(segmentation);
  if (runs.height !== size.height || runs.width !== size.width) {
    throw new DataError({
      code: 'rle_size',
      expected: `a mask of the image's size, ${size.height} x ${size.width}`,
      received: `${runs.height} x ${runs.width}`,
      fix: 'correct the "size" of the annotation or of the image',
    });
  }
  return runs;
}
