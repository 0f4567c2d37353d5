import { describe, expect, it } from 'vitest';
import type { PlanValue } from '../compile/types.ts';
import { bytesOf, decode, encode, fromHalf, toHalf } from './numbers.ts';

const value = (size: number, dtype: PlanValue['dtype'], storage: PlanValue['storage']): PlanValue => ({
  id: 0,
  shape: [size],
  dtype,
  storage,
});

describe('numbers in device memory', () => {
  it('rounds to half precision as IEEE 754 says', () => {
    // Every half is itself.
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x10000; bits++) {
      const number = fromHalf(bits);
      if (!Number.isNaN(number) && toHalf(number) !== bits) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    // Halfway between two halves: to the even one. 2049 lies between 2048 and 2050.
    expect(fromHalf(toHalf(2049))).toBe(2048);
    expect(fromHalf(toHalf(2051))).toBe(2052);
    expect(fromHalf(toHalf(65519))).toBe(65504);
    expect(fromHalf(toHalf(65520))).toBe(Number.POSITIVE_INFINITY);
    expect(fromHalf(toHalf(2 ** -25))).toBe(0);
    expect(fromHalf(toHalf(1.5 * 2 ** -25))).toBe(2 ** -24);
    expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
    expect(toHalf(-0)).toBe(0x8000);
  });

  it('goes there and back', () => {
    const cases = [
      [value(3, 'float32', 'f32'), Float32Array.of(1, -2.5, 3)],
      [value(3, 'float32', 'f16'), Float32Array.of(1, -2.5, 3)],
      [value(3, 'int32', 'i32'), Int32Array.of(1, -2, 3)],
      [value(3, 'bool', 'u32'), Uint8Array.of(1, 0, 1)],
    ] as const;
    for (const [description, numbers] of cases) {
      const memory = encode(numbers, description);
      expect(memory.byteLength).toBe(bytesOf(description));
      expect(decode(memory.slice().buffer, 0, description)).toEqual(numbers);
      expect(decode(encode([...numbers], description).slice().buffer, 0, description)).toEqual(numbers);
    }
    expect(bytesOf(value(0, 'float32', 'f32'))).toBe(4);
  });
});
