import { expect, test } from 'vitest';
import { spreadOver } from './spread.ts';

test('of the sample pictures, whose classes come in turn, every class is shown', () => {
  for (const total of [960, 200, 480, 100]) {
    expect(new Set(spreadOver(total, 8).map((at) => at % 5)).size, `of ${total}`).toBe(5);
  }
});

test('positions are distinct, in range, and of several classes however they are ordered', () => {
  expect(spreadOver(3, 8).toSorted()).toEqual([0, 1, 2]);
  expect(spreadOver(0, 8)).toEqual([]);
  for (const total of [8, 40, 200, 1000]) {
    const positions = spreadOver(total, 8);
    expect(new Set(positions).size).toBe(8);
    expect(Math.max(...positions)).toBeLessThan(total);
    for (const classes of [2, 4, 5]) {
      expect(new Set(positions.map((at) => at % classes)).size).toBeGreaterThan(1);
      expect(new Set(positions.map((at) => Math.floor((at * classes) / total))).size).toBeGreaterThan(1);
    }
  }
});
