/** Pictures through a transformation: copied where pixels map to pixels, resampled where they do not. */
import type { Raster } from '../../core/index.ts';
import { resize } from '../../vision/index.ts';
import { mirrored } from './mirror.ts';
import { inverse, type Transform } from './transform.ts';

/** Pixels from outside the picture are black. With `overwrite` the picture that is given may become the result. */
export function transformRaster(image: Raster, t: Transform, overwrite = false): Raster {
  if (isResize(t)) return resize(image, t.to, 'bilinear');
  if (isMirror(t)) return mirrored(image, overwrite);
  const { xx, xy, yx, yy } = t.map;
  const copies = [xx, xy, yx, yy].every((factor) => factor === 0 || Math.abs(factor) === 1);
  return copies ? copyPixels(image, t) : sampleBilinear(image, t);
}

/** The whole picture becomes the whole result; a crop at the corner (0, 0) keeps its scale of 1. */
function isResize({ map, from, to }: Transform): boolean {
  const shifts = map.xy !== 0 || map.yx !== 0 || map.x0 !== 0 || map.y0 !== 0;
  return !shifts && map.xx === to.width / from.width && map.yy === to.height / from.height;
}

function isMirror({ map, from, to }: Transform): boolean {
  const { xx, xy, x0, yx, yy, y0 } = map;
  const sameSize = from.width === to.width && from.height === to.height;
  return sameSize && xx === -1 && x0 === from.width && yy === 1 && xy === 0 && yx === 0 && y0 === 0;
}

/**
 * Flips, quarter turns, crops, padding: every pixel of the result is a pixel of the source, or black. Its
 * place in the source is the sum of a part that depends on x and a part that depends on y.
 */
function copyPixels({ data, height, width }: Raster, { map, to }: Transform): Raster {
  const back = inverse(map);
  const alongX = offsets(to.width, back.xx, back.yx);
  const alongY = offsets(to.height, back.xy, back.yy);
  const result = new Uint8Array(to.height * to.width * 3);
  /** Positions of one axis of the result in the source: bytes, or outside (-1). */
  function offsets(length: number, toColumn: number, toRow: number): Int32Array {
    const [factor, start, limit, unit] =
      toColumn === 0 ? [toRow, back.y0, height, width * 3] : [toColumn, back.x0, width, 3];
    return Int32Array.from({ length }, (_, i) => {
      const position = Math.floor(factor * (i + 0.5) + start);
      return position >= 0 && position < limit ? position * unit : -1;
    });
  }
  for (let y = 0, o = 0; y < to.height; y++) {
    const row = alongY[y]!;
    for (let x = 0; x < to.width; x++, o += 3) {
      const column = alongX[x]!;
      if (row < 0 || column < 0) continue;
      const p = row + column;
      result[o] = data[p]!;
      result[o + 1] = data[p + 1]!;
      result[o + 2] = data[p + 2]!;
    }
  }
  return { ...to, data: result };
}

/** Between four pixels; the picture goes on with black outside. */
function sampleBilinear(image: Raster, { map, to }: Transform): Raster {
  const { data, height, width } = image;
  const back = inverse(map);
  const line = width * 3;
  const result = new Uint8Array(to.height * to.width * 3);
  for (let y = 0, o = 0; y < to.height; y++) {
    const rowU = back.xy * (y + 0.5) + back.x0 - 0.5;
    const rowV = back.yy * (y + 0.5) + back.y0 - 0.5;
    for (let x = 0; x < to.width; x++, o += 3) {
      const u = back.xx * (x + 0.5) + rowU;
      const v = back.yx * (x + 0.5) + rowV;
      const left = Math.floor(u);
      const top = Math.floor(v);
      const right = u - left;
      const bottom = v - top;
      if (left < 0 || top < 0 || left >= width - 1 || top >= height - 1) {
        if (u > -1 && v > -1 && u < width && v < height)
          sampleEdge(image, left, top, right, bottom, result, o);
        continue;
      }
      const a = (1 - right) * (1 - bottom);
      const b = right * (1 - bottom);
      const c = (1 - right) * bottom;
      const d = right * bottom;
      const p = top * line + left * 3;
      const q = p + line;
      result[o] = a * data[p]! + b * data[p + 3]! + c * data[q]! + d * data[q + 3]! + 0.5;
      result[o + 1] = a * data[p + 1]! + b * data[p + 4]! + c * data[q + 1]! + d * data[q + 4]! + 0.5;
      result[o + 2] = a * data[p + 2]! + b * data[p + 5]! + c * data[q + 2]! + d * data[q + 5]! + 0.5;
    }
  }
  return { ...to, data: result };
}

/** Where some of the four pixels lie outside. */
function sampleEdge(
  { data, height, width }: Raster,
  left: number,
  top: number,
  right: number,
  bottom: number,
  result: Uint8Array,
  o: number,
): void {
  for (let c = 0; c < 3; c++) {
    let sum = 0;
    for (let corner = 0; corner < 4; corner++) {
      const column = left + (corner & 1);
      const row = top + (corner >> 1);
      if (column < 0 || row < 0 || column >= width || row >= height) continue;
      const weight = (corner & 1 ? right : 1 - right) * (corner >> 1 ? bottom : 1 - bottom);
      sum += weight * data[(row * width + column) * 3 + c]!;
    }
    result[o + c] = sum + 0.5;
  }
}
