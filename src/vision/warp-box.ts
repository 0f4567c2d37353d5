/**
 * The crop that VitPose takes around a person's box: widened to the shape of the target and by a quarter, and
 * mapped so that corner pixels map to the centres of corner pixels (UDP: Huang et al., "The Devil Is in the
 * Details", 2020). Precision and order of operations are those of numpy and scipy's `affine_transform`.
 */
import { type BoxXywh, DataError, type Raster, type Size } from '../core/index.ts';

const { fround } = Math;

/** The scale of a box is stored in units of so many pixels; it cancels, but for its rounding. */
export interface WarpBoxOptions {
  readonly normalizeFactor: number;
}

const padding = 1.25;
/** The matrix is made for scales in units of 200 pixels, whatever the processor's factor says. */
const matrixUnit = 200;

/** The box's surroundings as an image of `size`. Outside the picture it is black. */
export function warpBox(
  image: Raster,
  box: BoxXywh,
  size: Size,
  { normalizeFactor }: WarpBoxOptions,
): Raster {
  const [x, y, boxWidth, boxHeight] = box;
  if (!(boxWidth > 0 && boxHeight > 0)) {
    throw new DataError({
      code: 'empty_box',
      expected: 'a box with a width and a height above 0',
      received: `[${box.join(', ')}]`,
      fix: 'remove the box or correct it',
    });
  }
  const ratio = size.width / size.height;
  const width = boxWidth < ratio * boxHeight ? boxHeight * ratio : boxWidth;
  const height = boxWidth > ratio * boxHeight ? boxWidth / ratio : boxHeight;
  const columns = axis(x + boxWidth * 0.5, fround(width / normalizeFactor), size.width);
  const rows = axis(y + boxHeight * 0.5, fround(height / normalizeFactor), size.height);
  return sample(image, size, columns, rows);
}

/** Where an output position lies in the source: position × step + start. */
interface Axis {
  readonly step: number;
  readonly start: number;
}

function axis(center: number, scale: number, output: number): Axis {
  const reach = fround(fround(scale * padding) * matrixUnit);
  const factor = (output - 1) / reach;
  const middle = fround(fround(-0.5 * fround(fround(center) * 2)) + fround(0.5 * reach));
  const forward = { step: fround(factor), start: fround(factor * middle) };
  return { step: 1 / forward.step, start: -forward.start / forward.step };
}

/** Bilinear; a position outside the first and last pixel centre is 0, without a transition. */
function sample({ data, height, width }: Raster, size: Size, columns: Axis, rows: Axis): Raster {
  const result = new Uint8Array(size.height * size.width * 3);
  for (let y = 0, o = 0; y < size.height; y++) {
    const v = y * rows.step + rows.start;
    for (let x = 0; x < size.width; x++, o += 3) {
      const u = x * columns.step + columns.start;
      if (u < 0 || v < 0 || u > width - 1 || v > height - 1) continue;
      const left = Math.floor(u);
      const top = Math.floor(v);
      // Weights add up to 1 by subtraction, as scipy makes them.
      const leftWeight = 1 - (u - left);
      const topWeight = 1 - (v - top);
      const rightWeight = 1 - leftWeight;
      const bottomWeight = 1 - topWeight;
      const next = left + 1 < width ? 3 : 0;
      const p = (top * width + left) * 3;
      const q = top + 1 < height ? p + width * 3 : p;
      for (let c = 0; c < 3; c++) {
        const upper = data[p + c]! * topWeight * leftWeight + data[p + next + c]! * topWeight * rightWeight;
        const lower = data[q + c]! * bottomWeight * leftWeight;
        result[o + c] = upper + lower + data[q + next + c]! * bottomWeight * rightWeight + 0.5;
      }
    }
  }
  return { height: size.height, width: size.width, data: result };
}
