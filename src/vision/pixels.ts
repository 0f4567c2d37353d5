/** Crop, rescale and normalise: what happens to pixels after the resize. */
import type { Raster, Size } from '../core/index.ts';

/**
 * The middle of an image. Where the crop is larger than the image, the missing pixels are 0: black before
 * normalisation. Odd differences round down, also below zero.
 */
export function centerCrop(image: Raster, size: Size): Raster {
  const top = Math.floor((image.height - size.height) / 2);
  const left = Math.floor((image.width - size.width) / 2);
  if (top === 0 && left === 0 && image.height === size.height && image.width === size.width) return image;
  return crop(image, { top, left, ...size });
}

/** A window of an image; pixels outside the image are 0. */
export function crop(
  image: Raster,
  { top, left, height, width }: Size & { readonly top: number; readonly left: number },
): Raster {
  const data = new Uint8Array(height * width * 3);
  const firstColumn = Math.max(left, 0);
  const lastColumn = Math.min(left + width, image.width);
  if (lastColumn > firstColumn) {
    for (let y = Math.max(top, 0); y < Math.min(top + height, image.height); y++) {
      const row = y * image.width;
      data.set(
        image.data.subarray((row + firstColumn) * 3, (row + lastColumn) * 3),
        ((y - top) * width + firstColumn - left) * 3,
      );
    }
  }
  return { height, width, data };
}

export interface Normalization {
  /** 1 / 255 as a rule; undefined: pixels keep their values 0 … 255. */
  readonly rescaleFactor?: number;
  /** Per channel; undefined: not normalised. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/**
 * What each of the 256 pixel values becomes, per channel: [3 × 256]. Three roundings to float32 as numpy
 * makes them: after rescaling, after subtracting the mean, after dividing by the deviation.
 */
export function normalizationTable({ rescaleFactor, mean, std }: Normalization): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    for (let value = 0; value < 256; value++) {
      let result = Math.fround(rescaleFactor === undefined ? value : value * rescaleFactor);
      if (mean && std) {
        const centered = Math.fround(result - Math.fround(mean[channel]!));
        result = Math.fround(centered / Math.fround(std[channel]!));
      }
      table[channel * 256 + value] = result;
    }
  }
  return table;
}

/** Channels apart and through the table: float32 [3, height, width], in `memory` where that is large enough. */
export function applyTable(
  { data, height, width }: Raster,
  table: Float32Array,
  memory?: Float32Array,
): Float32Array {
  const plane = height * width;
  const enough = memory !== undefined && memory.length >= 3 * plane;
  const result = enough ? memory.subarray(0, 3 * plane) : new Float32Array(3 * plane);
  // One array each for reading and writing: six views cost the loop twice the time.
  for (let i = 0, p = 0; i < plane; i++, p += 3) {
    result[i] = table[data[p]!]!;
    result[plane + i] = table[256 + data[p + 1]!]!;
    result[2 * plane + i] = table[512 + data[p + 2]!]!;
  }
  return result;
}
