/** Numbers as the page says them. */
import { expect, test } from 'vitest';
import { bytesOf, durationOf, lengthOf, metricName, numberOf } from './format.ts';

test('one is no plural', () => {
  expect(lengthOf({ training: { max_epochs: 1 } })).toBe('1 epoch');
  expect(lengthOf({ training: { max_epochs: 1200, max_steps: null } })).toBe('1,200 epochs');
  expect(lengthOf({ training: { max_epochs: 3, max_steps: 1 } })).toBe('at most 1 step');
  expect(lengthOf({ training: { max_epochs: 3, max_steps: 5000 } })).toBe('at most 5,000 steps');
});

test('a unit is never full: 1000 kB are 1.0 MB, 60 s are a minute', () => {
  expect(bytesOf(999)).toBe('999 B');
  expect(bytesOf(999_600)).toBe('1.0 MB');
  expect(bytesOf(99_960)).toBe('100 kB');
  expect(bytesOf(1_400_000)).toBe('1.4 MB');
  expect(durationOf(59_600)).toBe('1 min');
  expect(durationOf(3_599_700)).toBe('1 h 0 min');
  expect(numberOf(999.9)).toBe('1,000');
  expect(numberOf(0.00021)).toBe('0.00021');
});

test('metrics are named as people write them', () => {
  const names = [
    'val_map',
    'test_map_50',
    'val_mar_100',
    'val_f1',
    'val_auc',
    'val_accuracy_top5',
    'train_loss',
  ];
  expect(names.map(metricName)).toEqual([
    ...['mAP', 'mAP 50', 'mAR 100', 'F1', 'AUC', 'accuracy top5', 'loss'],
  ]);
});
