import { expect, test } from 'vitest';
import { mirrored } from './mirror.ts';
import { flipHorizontally } from './transform.ts';
import { transformRaster } from './warp.ts';

/** Pixel by pixel, as it is meant. */
function expected(data: Uint8Array, height: number, width: number): Uint8Array {
  const at = (i: number): number => {
    const [y, x, c] = [Math.floor(i / (3 * width)), Math.floor(i / 3) % width, i % 3];
    return data[(y * width + width - 1 - x) * 3 + c]!;
  };
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => at(i));
}

test.each([
  [3, 8, 0],
  [2, 4, 0],
  [3, 7, 0],
  [2, 1, 0],
  [2, 8, 1],
  [2, 12, 0],
  [2, 12, 3],
])('mirrors %i × %i pixels at byte %i', (height, width, offset) => {
  const length = height * width * 3;
  const data = Uint8Array.from({ length: length + offset }, (_, i) => (i * 89 + 200) % 256).subarray(offset);
  const image = { height, width, data };
  expect(mirrored(image)).toEqual({ height, width, data: expected(data, height, width) });
  const before = data.slice();
  expect(transformRaster(image, flipHorizontally(image)).data).toEqual(expected(data, height, width));
  expect(data).toEqual(before);
  const inPlace = mirrored({ height, width, data }, true);
  expect(inPlace.data).toBe(data);
  expect(inPlace.data).toEqual(expected(before, height, width));
});
