/**
 * The geometry core: a transformation as an affine map of continuous coordinates and the size of its result.
 *
 * Continuous coordinates put the left edge of the first pixel at 0 and the right edge of the last at the
 * width; boxes and polygons live there. A keypoint is the INDEX of a pixel, as in COCO: its place is the
 * middle of that pixel, so the point is moved by half a pixel, mapped and moved back (a mirror image maps x
 * to width - 1 - x). Masks and label maps are looked up backwards at pixel centres, which is exact for
 * flips, quarter turns, crops and padding.
 */
import type { BoxXywh, Size } from '../../core/index.ts';

/** x' = xx * x + xy * y + x0, y' = yx * x + yy * y + y0. */
export interface Affine {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
}

export interface Transform {
  readonly from: Size;
  /** The size of the result; what lies outside is cut off. */
  readonly to: Size;
  readonly map: Affine;
  /** Left and right change sides: paired keypoints must change places. */
  readonly mirrors: boolean;
}

const sizeOf = ({ height, width }: Size): Size => ({ height, width });
const turned = ({ height, width }: Size): Size => ({ height: width, width: height });

function transform(from: Size, to: Size, map: Partial<Affine>): Transform {
  const affine = { xx: 0, xy: 0, x0: 0, yx: 0, yy: 0, y0: 0, ...map };
  const mirrors = affine.xx * affine.yy - affine.xy * affine.yx < 0;
  return { from: sizeOf(from), to: sizeOf(to), map: affine, mirrors };
}

export const flipHorizontally = (size: Size): Transform =>
  transform(size, size, { xx: -1, x0: size.width, yy: 1 });

export const flipVertically = (size: Size): Transform =>
  transform(size, size, { xx: 1, yy: -1, y0: size.height });

export const transpose = (size: Size): Transform => transform(size, turned(size), { xy: 1, yx: 1 });

/** By quarter turns against the clock: after one, the right edge is the top. */
export function rotateQuarters(size: Size, quarters: number): Transform {
  const { height, width } = size;
  switch (((quarters % 4) + 4) % 4) {
    case 1:
      return transform(size, turned(size), { xy: 1, yx: -1, y0: width });
    case 2:
      return transform(size, size, { xx: -1, x0: width, yy: -1, y0: height });
    case 3:
      return transform(size, turned(size), { xy: -1, x0: height, yx: 1 });
    default:
      return transform(size, size, { xx: 1, yy: 1 });
  }
}

/** The window with its corner at (x, y). */
export const cropTo = (size: Size, window: Size & { readonly x: number; readonly y: number }): Transform =>
  transform(size, window, { xx: 1, x0: 0 - window.x, yy: 1, y0: 0 - window.y });

export function padBy(
  size: Size,
  pad: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number },
): Transform {
  const to = { height: size.height + pad.top + pad.bottom, width: size.width + pad.left + pad.right };
  return transform(size, to, { xx: 1, x0: pad.left, yy: 1, y0: pad.top });
}

export const resizeTo = (size: Size, to: Size): Transform =>
  transform(size, to, { xx: to.width / size.width, yy: to.height / size.height });

/** Around the centre by any angle, against the clock as one sees it; the size stays. */
export function rotateBy(size: Size, degrees: number): Transform {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const cx = size.width / 2;
  const cy = size.height / 2;
  // y grows downwards, so the signs of the sines are the other way round than in a textbook.
  return transform(size, size, {
    xx: cos,
    xy: sin,
    x0: cx - cos * cx - sin * cy,
    yx: -sin,
    yy: cos,
    y0: cy + sin * cx - cos * cy,
  });
}

/** First `a`, then `b`. (No function may be called `then`: a module with one is taken for a promise.) */
export function followedBy(a: Transform, b: Transform): Transform {
  return transform(a.from, b.to, compose(a.map, b.map));
}

function compose(a: Affine, b: Affine): Affine {
  return {
    xx: b.xx * a.xx + b.xy * a.yx,
    xy: b.xx * a.xy + b.xy * a.yy,
    x0: b.xx * a.x0 + b.xy * a.y0 + b.x0,
    yx: b.yx * a.xx + b.yy * a.yx,
    yy: b.yx * a.xy + b.yy * a.yy,
    y0: b.yx * a.x0 + b.yy * a.y0 + b.y0,
  };
}

/** From the result back to the source. */
export function inverse({ xx, xy, x0, yx, yy, y0 }: Affine): Affine {
  const determinant = xx * yy - xy * yx;
  return {
    xx: yy / determinant,
    xy: -xy / determinant,
    x0: (xy * y0 - yy * x0) / determinant,
    yx: -yx / determinant,
    yy: xx / determinant,
    y0: (yx * x0 - xx * y0) / determinant,
  };
}

/** How many times larger an area becomes. */
export const areaScale = ({ map }: Transform): number => Math.abs(map.xx * map.yy - map.xy * map.yx);

/** Whether boxes stay boxes: no rotation but by quarter turns. */
export const keepsAxes = ({ map }: Transform): boolean =>
  (map.xy === 0 && map.yx === 0) || (map.xx === 0 && map.yy === 0);

/** A list x0, y0, x1, y1, … in continuous coordinates, not clipped. */
export function transformPoints(points: ArrayLike<number>, { map }: Transform): number[] {
  const result: number[] = [];
  for (let i = 0; i + 1 < points.length; i += 2) {
    const x = points[i]!;
    const y = points[i + 1]!;
    result.push(map.xx * x + map.xy * y + map.x0, map.yx * x + map.yy * y + map.y0);
  }
  return result;
}

/** The bounds of the transformed corners, not clipped. */
export function transformBox([x, y, width, height]: BoxXywh, t: Transform): BoxXywh {
  return boundsOf(transformPoints([x, y, x + width, y, x + width, y + height, x, y + height], t))!;
}

/** The box of a list of points; undefined for none. */
export function boundsOf(points: readonly number[]): BoxXywh | undefined {
  if (points.length < 2) return undefined;
  let [left, top] = points as [number, number];
  let right = left;
  let bottom = top;
  for (let i = 2; i + 1 < points.length; i += 2) {
    left = Math.min(left, points[i]!);
    right = Math.max(right, points[i]!);
    top = Math.min(top, points[i + 1]!);
    bottom = Math.max(bottom, points[i + 1]!);
  }
  return [left, top, right - left, bottom - top];
}

/** What of a box lies inside; undefined when nothing does. */
export function clipBox([x, y, width, height]: BoxXywh, size: Size): BoxXywh | undefined {
  const left = Math.max(x, 0);
  const top = Math.max(y, 0);
  const right = Math.min(x + width, size.width);
  const bottom = Math.min(y + height, size.height);
  return right > left && bottom > top ? [left, top, right - left, bottom - top] : undefined;
}

/** The part of a polygon inside the image (Sutherland and Hodgman, 1974); empty when there is none. */
export function clipPolygon(polygon: readonly number[], { height, width }: Size): number[] {
  let points = [...polygon];
  const sides: readonly (readonly [axis: 0 | 1, limit: number, sign: 1 | -1])[] = [
    [0, 0, 1],
    [0, width, -1],
    [1, 0, 1],
    [1, height, -1],
  ];
  for (const [axis, limit, sign] of sides) {
    const inside = (i: number): boolean => (points[i + axis]! - limit) * sign >= 0;
    const clipped: number[] = [];
    for (let i = 0; i < points.length; i += 2) {
      const j = (i + 2) % points.length;
      if (inside(i)) clipped.push(points[i]!, points[i + 1]!);
      if (inside(i) === inside(j)) continue;
      const share = (limit - points[i + axis]!) / (points[j + axis]! - points[i + axis]!);
      const other = points[i + 1 - axis]! + share * (points[j + 1 - axis]! - points[i + 1 - axis]!);
      clipped.push(...(axis === 0 ? [limit, other] : [other, limit]));
    }
    points = clipped;
  }
  return Math.abs(polygonArea(points)) > 0 ? points : [];
}

/** The signed area inside an outline. */
export function polygonArea(points: readonly number[]): number {
  let twice = 0;
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    twice += points[i]! * points[j + 1]! - points[j]! * points[i + 1]!;
  }
  return twice / 2;
}

/**
 * Keypoints x, y, visibility: pixel indices. Outside the result the visibility becomes 0; unlabelled points
 * stay 0, 0, 0. A mirror image exchanges `flipPairs` (left and right eye, …).
 */
export function transformKeypoints(
  keypoints: readonly number[],
  t: Transform,
  flipPairs: readonly (readonly [number, number])[] = [],
): number[] {
  const result: number[] = [];
  for (let i = 0; i + 2 < keypoints.length; i += 3) {
    const [x, y, visibility] = keypoints.slice(i, i + 3) as [number, number, number];
    if (visibility === 0) {
      result.push(0, 0, 0);
      continue;
    }
    const [u, v] = transformPoints([x + 0.5, y + 0.5], t) as [number, number];
    const inside = u - 0.5 >= 0 && v - 0.5 >= 0 && u - 0.5 <= t.to.width - 1 && v - 0.5 <= t.to.height - 1;
    result.push(u - 0.5, v - 0.5, inside ? visibility : 0);
  }
  if (t.mirrors) {
    for (const [a, b] of flipPairs) {
      const kept = result.slice(3 * a, 3 * a + 3);
      result.splice(3 * a, 3, ...result.slice(3 * b, 3 * b + 3));
      result.splice(3 * b, 3, ...kept);
    }
  }
  return result;
}

/** A mask or label map, row by row, looked up at pixel centres; outside the source it is 0. */
export function transformMask(mask: Uint8Array, t: Transform): Uint8Array {
  const { from, to } = t;
  const back = inverse(t.map);
  const result = new Uint8Array(to.height * to.width);
  for (let y = 0, o = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++, o++) {
      const u = Math.floor(back.xx * (x + 0.5) + back.xy * (y + 0.5) + back.x0);
      const v = Math.floor(back.yx * (x + 0.5) + back.yy * (y + 0.5) + back.y0);
      if (u >= 0 && v >= 0 && u < from.width && v < from.height) result[o] = mask[v * from.width + u]!;
    }
  }
  return result;
}
