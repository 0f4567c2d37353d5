/** The best run by a metric. */
import { expect, test } from 'vitest';
import { bestOf } from './best.ts';

const same = ['classification', 'classification', 'classification'];

test('losses and errors are best when low, everything else when high', () => {
  expect(bestOf('val_loss', [0.5, undefined, 0.2], same)).toBe(2);
  expect(bestOf('val_accuracy', [0.5, 0.9, 0.2], same)).toBe(1);
  expect(bestOf('val_accuracy', [0.5, 0.5, undefined], same)).toBeUndefined();
});

test('runs of two tasks are not held against each other', () => {
  const tasks = ['detection', 'classification', 'classification'];
  expect(bestOf('val_loss', [6.1, 0.5, 0.2], tasks)).toBeUndefined();
  expect(bestOf('val_accuracy', [undefined, 0.5, 0.2], tasks)).toBe(1);
});
