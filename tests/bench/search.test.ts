import { expect, test } from 'vitest';
import { largestThatFits } from '../../bench/search.ts';

test.each([0, 1, 2, 3, 7, 8, 31, 99, 100, 500])('finds %i', async (limit) => {
  const asked: number[] = [];
  const found = await largestThatFits(async (candidate) => {
    asked.push(candidate);
    return candidate <= limit;
  }, 100);
  expect(found).toBe(Math.min(limit, 100));
  expect(new Set(asked).size).toBe(asked.length);
  expect(asked.length).toBeLessThan(16);
  expect(Math.max(...asked)).toBeLessThanOrEqual(100);
});
