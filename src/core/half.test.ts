import { expect, test } from 'vitest';
import { fromHalf, toHalf } from './half.ts';

test('all 65,536 halves survive both ways', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const number = fromHalf(bits);
    if (Number.isNaN(number)) expect(toHalf(number) & 0x7c00).toBe(0x7c00);
    else if (toHalf(number) !== bits) throw new Error(`${bits} became ${toHalf(number)}`);
  }
});

test('numbers round to the nearest half, ties to even', () => {
  expect(toHalf(1 + 2 ** -11)).toBe(toHalf(1));
  expect(toHalf(1 + 3 * 2 ** -11)).toBe(toHalf(1 + 2 * 2 ** -10));
  expect(fromHalf(toHalf(2049))).toBe(2048);
  expect(fromHalf(toHalf(2051))).toBe(2052);
  expect(fromHalf(toHalf(65519))).toBe(65504);
  expect(fromHalf(toHalf(65520))).toBe(Number.POSITIVE_INFINITY);
  expect(fromHalf(toHalf(2 ** -25))).toBe(0);
  expect(fromHalf(toHalf(1.5 * 2 ** -25))).toBe(2 ** -24);
  expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
  expect(toHalf(-0)).toBe(0x8000);
});
