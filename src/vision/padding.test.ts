import { expect, test } from 'vitest';
import { stretchMask } from './padding.ts';

test('a mask is stretched to the nearest pixels, each picture for itself', () => {
  const mask = Uint8Array.of(1, 1, 1, 0, /* the second picture */ 1, 0, 0, 0);
  const stretched = stretchMask(mask, { height: 2, width: 2 }, { height: 3, width: 4 });
  expect([...stretched]).toEqual([
    ...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
    ...[1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
  ]);
  expect(stretchMask(mask, { height: 2, width: 2 }, { height: 2, width: 2 })).toBe(mask);
});
