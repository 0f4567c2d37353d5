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
const middle = 2;

/** Far outside any image; the walk along such an outline would not end in reasonable time. */
const farthest = 1e6;

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

/** The box around all corners; in a loop, because an outline may have more of them than a call takes arguments. */
export function boundsOfPolygons(polygons: readonly ArrayLike<number>[]): BoxXywh {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polygon of polygons) {
    for (let i = 0; i < polygon.length; i += 2) {
      left = Math.min(left, polygon[i]!);
      right = Math.max(right, polygon[i]!);
      top = Math.min(top, polygon[i + 1]!);
      bottom = Math.max(bottom, polygon[i + 1]!);
    }
  }
  return [left, top, right - left, bottom - top];
}

/** A box as the rectangle's polygon. */
export function boxToRuns([x, y, width, height]: BoxXywh, size: Size): Runs {
  return fill([x, y, x, y + height, x + width, y + height, x + width, y], size);
}

function fill(polygon: ArrayLike<number>, { height, width }: Size): Runs {
  for (let i = 0; i < polygon.length; i++) {
    if (Math.abs(polygon[i]!) <= farthest) continue;
    throw new DataError({
      code: 'polygon_out_of_range',
      expected: `coordinates in pixels, at most ${farthest} from the image`,
      received: `${polygon[i]}`,
      fix: 'correct the polygon or the box',
    });
  }
  const crossings: number[] = [];
  let lastU = Number.NaN;
  let lastV = 0;
  walkOutline(polygon, (u, v) => {
    const before = lastU;
    const top = Math.min(v, lastV);
    lastU = u;
    lastV = v;
    if (u === before || Number.isNaN(before)) return;
    // The fine column left of the step; the middle of pixel column x is fine column 5 x + 2.
    const column = (u < before ? u : u - 1) - middle;
    if (column % scale !== 0) return;
    const x = column / scale;
    if (x < 0 || x > width - 1) return;
    const y = (top + 0.5) / scale - 0.5;
    crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  });
  crossings.push(height * width);
  return { height, width, counts: runsBetween(Float64Array.from(crossings).sort()) };
}

/** Visits the outline's points on the fine grid, corner to corner. Coordinates are cut towards zero, as a C cast. */
function walkOutline(polygon: ArrayLike<number>, visit: (u: number, v: number) => void): void {
  const corners = polygon.length / 2;
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
        visit(t + xs, Math.trunc(ys + slope * t + 0.5));
      }
    } else {
      const slope = (xe - xs) / dy;
      for (let d = 0; d <= dy; d++) {
        const t = flip ? dy - d : d;
        visit(Math.trunc(xs + slope * t + 0.5), t + ys);
      }
    }
  }
}

/** Differences of sorted positions; two crossings at one place cancel each other. */
function runsBetween(positions: Float64Array): Uint32Array {
  const difference = (i: number): number => positions[i]! - positions[i - 1]!;
  const counts: number[] = [positions[0]!];
  for (let i = 1; i < positions.length; i++) {
    if (difference(i) > 0) counts.push(difference(i));
    else if (++i < positions.length) counts[counts.length - 1]! += difference(i);
  }
  return Uint32Array.from(counts);
}
