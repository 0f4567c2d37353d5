import { expect, test } from 'vitest';
import { overlayNames } from './overlay-names.ts';

const names = (...paths: string[]): string[] => [...overlayNames(paths).values()];

test('overlays lie flat for the pictures of one folder', () => {
  expect(names('photos/a.png', 'photos/b.jpg')).toEqual(['a_pred.jpg', 'b_pred.jpg']);
  expect(names('/photos/a.tar.png')).toEqual(['a.tar_pred.jpg']);
  expect(names()).toEqual([]);
});

test('pictures of several folders keep what tells them apart', () => {
  expect(names('in/left/1.png', 'in/right/1.png', './in/2.png')).toEqual([
    'left/1_pred.jpg',
    'right/1_pred.jpg',
    '2_pred.jpg',
  ]);
  expect(names('../elsewhere/1.png', '1.png').every((name) => !name.includes('..'))).toBe(true);
});

test('one stem with several endings keeps the endings', () => {
  expect(names('a.png', 'a.jpg', 'b.png')).toEqual(['a.png_pred.jpg', 'a.jpg_pred.jpg', 'b_pred.jpg']);
});
