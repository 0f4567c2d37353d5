import { expect, test } from 'vitest';
import { counted, grouped } from './counted.ts';

test('a noun agrees with its number', () => {
  expect([0, 1, 2, 1234].map((count) => counted(count, 'image'))).toEqual([
    '0 images',
    '1 image',
    '2 images',
    '1,234 images',
  ]);
  expect([1, 2].map((count) => counted(count, 'class', 'classes'))).toEqual(['1 class', '2 classes']);
});

test('long numbers are grouped', () => {
  expect([0, 999, -4321, 1234567].map(grouped)).toEqual(['0', '999', '-4,321', '1,234,567']);
});
