import { describe, expect, it } from 'vitest';
import type { PlanValue } from '../compile/types.ts';
import { bytesOf, decode, encode } from './numbers.ts';

const value = (size: number, dtype: PlanValue['dtype'], storage: PlanValue['storage']): PlanValue => ({
  id: 0,
  shape: [size],
  dtype,
  storage,
});

describe('numbers in device memory', () => {
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
