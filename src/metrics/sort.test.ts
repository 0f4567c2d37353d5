import { expect, it } from 'vitest';
import { derive } from '../core/index.ts';
import { descendingOrder } from './sort.ts';

it.each([0, 1, 2, 15, 16, 17, 33, 100, 1000])('sorts %i values stably', (count) => {
  const random = derive(count, 'sort');
  const values = Float64Array.from({ length: count }, () => random.integer(20) / 20);
  const expected = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
  expect([...descendingOrder(values)]).toEqual(expected);
});
