/** Pictures through a transformation: copied where pixels map to pixels, resampled where they do not. */
import type { Raster } from '../../core/index.ts';
import { resize } from '../../vision/index.ts';
import { inverse, type Transform } from './transform.ts';

/** Pixels from outside the picture are black. */
export function transformRaster(image: Raster, t: Transform): Raster {
  if (isResize(t)) return resize(image, t.to, 'bilinear');
  const { xx, xy, yx, yy } = t.map;
  const copies = [xx, xy, yx, yy].every((factor) => factor === 0 || Math.abs(factor) === 1);
  return copies ? copyPixels(image, t) : sampleBilinear(image, t);
}

/** The whole picture becomes the whole result; a crop at the corner (0, 0) keeps its scale of 1. */
function isResize({ map, from, to }: Transform): boolean {
  const shifts = map.xy !== 0 || map.yx !== 0 || map.x0 !== 0 || map.y0 !== 0;
  return !shifts && map.xx === to.width / from.width && map.yy === to.height / from.height;
}

/** Flips, quarter turns, crops, padding: every pixel of the result is a pixel of the source, or black. */
function copyPixels({ data, height, width }: Raster, { map, to }: Transform): Raster {
  const back = inverse(map);
  const result = new Uint8Array(to.height * to.width * 3);
  for (let y = 0, o = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++, o += 3) {
      const u = Math.floor(back.xx * (x + 0.5) + back.xy * (y + 0.5) + back.x0);
      const v = Math.floor(back.yx * (x + 0.5) + back.yy * (y + 0.5) + back.y0);
      if (u < 0 || v < 0 || u >= width || v >= height) continue;
      const p = (v * width + u) * 3;
      result[o] = data[p]!;
      result[o + 1] = data[p + 1]!;
      result[o + 2] = data[p + 2]!;
    }
  }
  return { ...to, data: result };
}

/** Between four pixels; the picture goes on with black outside. */
function sampleBilinear({ data, height, width }: Raster, { map, to }: Transform): Raster {
  const back = inverse(map);
  const result = new Uint8Array(to.height * to.width * 3);
  for (let y = 0, o = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++, o += 3) {
      const u = back.xx * (x + 0.5) + back.xy * (y + 0.5) + back.x0 - 0.5;
      const v = back.yx * (x + 0.5) + back.yy * (y + 0.5) + back.y0 - 0.5;
      if (u <= -1 || v <= -1 || u >= width || v >= height) continue;
      const left = Math.floor(u);
      const top = Math.floor(v);
      const right = u - left;
      const bottom = v - top;
      for (let corner = 0; corner < 4; corner++) {
        const column = left + (corner & 1);
        const row = top + (corner >> 1);
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        const weight = (corner & 1 ? right : 1 - right) * (corner >> 1 ? bottom : 1 - bottom);
        const p = (row * width + column) * 3;
        for (let c = 0; c < 3; c++) sums[c]! += weight * data[p + c]!;
      }
      for (let c = 0; c < 3; c++) {
        result[o + c] = sums[c]! + 0.5;
        sums[c] = 0;
      }
    }
  }
  return { ...to, data: result };
}

const sums = new Float64Array(3);
