/**
 * Run lengths ↔ pixels, and set operations on run lengths.
 *
 * COCO keeps masks column by column, alternating zeros and ones and starting with zeros. Areas, unions and
 * overlaps walk the runs and never touch pixels, so they cost as much as the outline is complicated, not as
 * the image is large. Semantics and order of tests are those of pycocotools' `maskApi.c`.
 */
import { type BoxXywh, DataError, type Size } from '../../core/index.ts';
import { sweep } from './sweep.ts';
import type { Runs } from './types.ts';

/** Run lengths of a mask given row by row, any non-zero value is set: `mask[y * width + x]`. */
export function encodeMask(mask: ArrayLike<number>, { height, width }: Size): Runs {
  const counts: number[] = [];
  let inside = false;
  let count = 0;
  for (let x = 0; x < width; x++) {
    for (let i = x, end = height * width; i < end; i += width) {
      if ((mask[i] !== 0) !== inside) {
        counts.push(count);
        count = 0;
        inside = !inside;
      }
      count++;
    }
  }
  counts.push(count);
  return { height, width, counts: Uint32Array.from(counts) };
}

/** The mask row by row, 0 or 1: `mask[y * width + x]`. */
export function decodeMask(runs: Runs): Uint8Array {
  const { height, width, counts } = checked(runs);
  const mask = new Uint8Array(height * width);
  let position = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (i % 2 === 1) {
      let x = Math.floor(position / height);
      let y = position - x * height;
      for (let left = count; left > 0; left--) {
        mask[y * width + x] = 1;
        if (++y === height) {
          y = 0;
          x++;
        }
      }
    }
    position += count;
  }
  return mask;
}

/** Throws a DataError unless the runs cover the image exactly. */
export function checked(runs: Runs): Runs {
  let total = 0;
  for (const count of runs.counts) total += count;
  if (total !== runs.height * runs.width) {
    throw new DataError({
      code: 'rle_length',
      expected: `run lengths that add up to ${runs.height} x ${runs.width} = ${runs.height * runs.width} pixels`,
      received: `${total} pixels in ${runs.counts.length} runs`,
      fix: 'correct the annotation: its "size" and its "counts" belong to different images, or the counts are damaged',
    });
  }
  return runs;
}

/** Set pixels. */
export function areaOf({ counts }: Runs): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!;
  return area;
}

/** The box [x, y, width, height] of the set pixels; zeros for an empty mask. */
export function boxOf({ height, width, counts }: Runs): BoxXywh {
  const pairs = counts.length - (counts.length % 2);
  if (pairs === 0) return [0, 0, 0, 0];
  let left = width;
  let top = height;
  let right = 0;
  let bottom = 0;
  let position = 0;
  let firstColumn = 0;
  for (let i = 0; i < pairs; i++) {
    position += counts[i]!;
    // Even: the first pixel of a run of ones. Odd: its last one.
    const pixel = position - (i % 2);
    const y = pixel % height;
    const x = (pixel - y) / height;
    if (i % 2 === 0) firstColumn = x;
    else if (firstColumn < x) {
      top = 0;
      bottom = height - 1;
    }
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/** The union of masks of one size, or their intersection. */
export function mergeRuns(masks: readonly Runs[], operation: 'union' | 'intersection' = 'union'): Runs {
  const first = masks[0];
  if (!first) return { height: 0, width: 0, counts: new Uint32Array() };
  return masks.slice(1).reduce((merged, mask) => mergeTwo(merged, mask, operation === 'intersection'), first);
}

function mergeTwo(a: Runs, b: Runs, intersect: boolean): Runs {
  if (a.height !== b.height || a.width !== b.width) {
    throw new DataError({
      code: 'rle_size',
      expected: 'masks of one size',
      received: `${a.height} x ${a.width} and ${b.height} x ${b.width}`,
      fix: 'correct the "size" of the RLE annotations of this image',
    });
  }
  const counts: number[] = [];
  let value = false;
  let count = 0;
  sweep(a, b, (length, inA, inB) => {
    const now = intersect ? inA && inB : inA || inB;
    if (now !== value) {
      counts.push(count);
      value = now;
      count = 0;
    }
    count += length;
  });
  counts.push(count);
  return { height: a.height, width: a.width, counts: Uint32Array.from(counts) };
}
