import { expect, test } from 'vitest';
import { largestDifference } from './onnx-runtime.ts';

const outputs = (...numbers: number[]) => ({
  logits: { shape: [numbers.length], data: Float32Array.from(numbers) },
});

test('differences are relative to the largest number, at least to 1', () => {
  expect(largestDifference(outputs(0.5, 0.25), outputs(0.5, 0.75))).toBe(0.5);
  expect(largestDifference(outputs(99, 1), outputs(100, 1))).toBeCloseTo(0.01);
});

test('what does not compare is no small difference', () => {
  expect(largestDifference(outputs(1), outputs(1, 2))).toBeNaN();
  expect(largestDifference({}, outputs(1))).toBeNaN();
  expect(largestDifference(outputs(Number.NaN), outputs(1))).toBeNaN();
});
