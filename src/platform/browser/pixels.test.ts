import { expect, test } from 'vitest';
import { bgrToRgb, toRgb } from './pixels.ts';

const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 89 + 7) % 256);

test.each([
  ['four pixels at once', bytes],
  ['not a multiple of four pixels', bytes.subarray(0, 4 * 3)],
  ["not at a word's boundary", bytes.subarray(1, 1 + 4 * 8)],
])('RGBA and BGRX become RGB: %s', (_, pixels) => {
  const four = (p: number): number[] => [...pixels.subarray(p * 4, p * 4 + 4)];
  const all = Array.from({ length: pixels.length / 4 }, (_, p) => four(p));
  expect([...toRgb(pixels)]).toEqual(all.flatMap((pixel) => pixel.slice(0, 3)));
  expect([...bgrToRgb(pixels)]).toEqual(all.flatMap(([blue, green, red]) => [red, green, blue]));
});
