/**
 * Polygons to run lengths, as pycocotools draws them.
 *
 * The outline is walked on a grid five times finer than the pixels; where it passes from one fine column to
 * the next in the middle of a pixel column, that crossing opens or closes a run. A rule by pixel centres or
 * even-odd filling gives other pixels at the border, and other areas, than every published COCO number.
 */
import { type BoxXywh, DataError, type Size } from '../../core/index.ts';
import { mergeRuns } from './runs.ts';
import type { Runs } from './types.ts';

const scale = 5;

/** One polygon x0, y0, x1, y1, … (at least three corners) in pixels; corners may lie outside the image. */
export function polygonToRuns(polygon: ArrayLike<number>, size: Size): Runs {
  if (polygon.length < 6 || polygon.length % 2 !== 0) {
    throw new DataError({
      code: 'polygon_too_short',
      expected: 'a polygon of at least three corners: an even number of coordinates, six or more',
      received: `${polygon.length} numbers`,
      fix: 'remove the polygon or complete it',
    });
  }
  return fill(polygon, size);
}

/** The union of the parts of one object. */
export function polygonsToRuns(polygons: readonly ArrayLike<number>[], size: Size): Runs {
  if (polygons.length === 0) {
    throw new DataError({
      code: 'polygon_missing',
      expected: 'a segmentation with at least one polygon',
      received: 'an empty list',
      fix: 'remove the segmentation or give it a polygon',
    });
  }
  return mergeRuns(polygons.map((polygon) => polygonToRuns(polygon, size)));
}

/** A box as the rectangle's polygon. */
export function boxToRuns([x, y, width, height]: BoxXywh, size: Size): Runs {
  return fill([x, y, x, y + height, x + width, y + height, x + width, y], size);
}

function fill(polygon: ArrayLike<number>, { height, width }: Size): Runs {
  const { us, vs } = walkOutline(polygon);
  const crossings: number[] = [];
  for (let j = 1; j < us.length; j++) {
    const u = us[j]!;
    const before = us[j - 1]!;
    if (u === before) continue;
    const x = ((u < before ? u : u - 1) + 0.5) / scale - 0.5;
    if (Math.floor(x) !== x || x < 0 || x > width - 1) continue;
    const y = (Math.min(vs[j]!, vs[j - 1]!) + 0.5) / scale - 0.5;
    crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  crossings.push(height * width);
  crossings.sort((a, b) => a - b);
  return { height, width, counts: runsBetween(crossings) };
}

/** The outline's points on the fine grid, corner to corner. Coordinates are cut towards zero, as a C cast. */
function walkOutline(polygon: ArrayLike<number>): { us: number[]; vs: number[] } {
  const corners = polygon.length / 2;
  const us: number[] = [];
  const vs: number[] = [];
  const fine = (index: number): number => Math.trunc(scale * polygon[index]! + 0.5);
  for (let j = 0; j < corners; j++) {
    const next = (j + 1) % corners;
    let xs = fine(2 * j);
    let ys = fine(2 * j + 1);
    let xe = fine(2 * next);
    let ye = fine(2 * next + 1);
    const dx = Math.abs(xe - xs);
    const dy = Math.abs(ye - ys);
    // Both directions of an edge give the same points: it is always computed from its lower end.
    const flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) [xs, xe, ys, ye] = [xe, xs, ye, ys];
    if (dx >= dy) {
      const slope = dx === 0 ? 0 : (ye - ys) / dx;
      for (let d = 0; d <= dx; d++) {
        const t = flip ? dx - d : d;
        us.push(t + xs);
        vs.push(Math.trunc(ys + slope * t + 0.5));
      }
    } else {
      const slope = (xe - xs) / dy;
      for (let d = 0; d <= dy; d++) {
        const t = flip ? dy - d : d;
        vs.push(t + ys);
        us.push(Math.trunc(xs + slope * t + 0.5));
      }
    }
  }
  return { us, vs };
}

/** Differences of sorted positions; two crossings at one place cancel each other. */
function runsBetween(positions: readonly number[]): Uint32Array {
  const differences = positions.map((position, i) => position - (i > 0 ? positions[i - 1]! : 0));
  const counts: number[] = [differences[0]!];
  for (let j = 1; j < differences.length; ) {
    if (differences[j]! > 0) counts.push(differences[j++]!);
    else {
      j++;
      if (j < differences.length) counts[counts.length - 1]! += differences[j++]!;
    }
  }
  return Uint32Array.from(counts);
}
