/** Curves stay small, keep the course of their values, and forget what a resumed run does again. */
import { expect, test } from 'vitest';
import type { RunEvent } from '../core/index.ts';
import { Curve, emptyCurves, takeEvent, topOfShares } from './curves.ts';

test('a long curve is thinned to means, in order', () => {
  const curve = new Curve();
  for (let step = 1; step <= 100_000; step++) curve.add(step, step);
  expect(curve.points.length).toBeGreaterThan(400);
  expect(curve.points.length).toBeLessThanOrEqual(1000);
  curve.points.forEach(([step, value], i) => {
    expect(step).toBeGreaterThan(curve.points[i - 1]?.[0] ?? 0);
    expect(Math.abs(step - value)).toBeLessThan(500);
  });
});

test('a step that is done again after a resume stands once', () => {
  const curves = emptyCurves();
  const step = (number: number, loss: number): RunEvent =>
    ({
      type: 'step',
      step: number,
      epoch: 0,
      loss,
      parts: { loss_ce: loss / 2 },
      learning_rate: 1,
      grad_norm: 1,
      ms: 10,
      images_per_second: 5,
      gpu_bytes: 1,
      total_steps: 9,
      time: '',
    }) as RunEvent;
  for (const number of [1, 2, 3, 4]) takeEvent(curves, step(number, number));
  takeEvent(curves, { type: 'resumed', from: 'last', exact: true, step: 2, epoch: 0, time: '' });
  takeEvent(curves, step(3, 30));
  expect(curves.loss.points).toEqual([
    [1, 1],
    [2, 2],
    [3, 30],
  ]);
  expect(curves.parts.get('loss_ce')?.points.at(-1)).toEqual([3, 15]);
  expect(curves.recentMs()).toBe(10);
});

test('steps behind a checkpoint leave nothing in a thinned curve', () => {
  const curve = new Curve();
  for (let step = 1; step <= 2001; step++) curve.add(step, 1);
  curve.add(2002, 1000);
  curve.cut(2000);
  for (let step = 2001; step <= 2100; step++) curve.add(step, 1);
  expect(curve.points.map(([, value]) => value).every((value) => value === 1)).toBe(true);
});

test('the axis of a share ends at 1 for high values and for none, and is free for others', () => {
  expect([0, 0.02, 0.5, 0.51, 1, 3].map(topOfShares)).toEqual([1, undefined, undefined, 1, 1, undefined]);
});
