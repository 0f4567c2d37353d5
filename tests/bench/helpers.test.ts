/** What the bench computes from its measurements: medians, goals, agreement, tables. */
import { describe, expect, test } from 'vitest';
import { BenchReport, type BenchRow, interleaved, median } from '../../bench/case.ts';
import { permute } from '../../bench/networks/weights.ts';
import { disagreement } from '../../bench/step/agreement.ts';
import { judge, verdictText } from '../../bench/step/goals.ts';
import { jaxName } from '../../bench/step/jax.ts';
import { halfName } from '../../bench/step/ocelli.ts';
import { plainName } from '../../bench/step/plain.ts';
import { torchName } from '../../bench/step/torch.ts';

test('a median is the middle, or the mean of the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 100, 2])).toBe(3);
});

test('contenders take turns, the order reversed every other round', async () => {
  const order: string[] = [];
  const contender = (name: string) => async () => {
    order.push(name);
    return order.length;
  };
  const results = await interleaved(3, { a: contender('a'), b: contender('b') });
  expect(order.join('')).toBe('abbaab');
  expect(results).toEqual({ a: [1, 4, 5], b: [2, 3, 6] });
});

test('a ratio above 1 means that Ocelli is better, for times and for rates', () => {
  const rows: BenchRow[] = [];
  const report = new BenchReport(
    'x',
    (row) => rows.push(row),
    () => {},
  );
  report.ours('ms', 5, 'ms', ['goal']);
  report.peer('p', 'ms', 20, 'ms');
  report.ours('gflops', 5, 'GFLOP/s');
  report.peer('p', 'gflops', 20, 'GFLOP/s');
  expect(rows.map(({ ratio }) => ratio)).toEqual([undefined, 4, undefined, 0.25]);
  expect(rows[0]!.goals).toEqual(['goal']);
  expect(() => report.peer('p', 'unknown', 1, 'ms')).toThrow('before');
});

describe('goals', () => {
  const peers = new Map([
    [plainName, { step_ms: 100, enqueue_ms: 100, compile_ms: 1000, gpu_mb: 10 }],
    [jaxName, { step_ms: 40, enqueue_ms: 20, dispatches: 300 }],
  ]);
  const told = (metric: Parameters<typeof judge>[1], value: number, network: 'vit' | 'detr' = 'vit') =>
    judge(network, metric, { [metric]: value }, peers).map(verdictText);

  test('compare with the peers of the run', () => {
    expect(told('step_ms', 50)).toEqual([
      `goal faster than ${plainName}: met (0.50 of the limit)`,
      `goal faster than ${jaxName}: not met, 1.3× the limit`,
    ]);
    expect(told('enqueue_ms', 5)[0]).toBe(`goal ≤ 1/20 of ${plainName}: met (1.0 of the limit)`);
    expect(told('gpu_mb', 6)).toEqual([`goal ≤ half of ${plainName}: not met, 1.2× the limit`]);
  });

  test('or with a number, where the network has one', () => {
    expect(told('dispatches', 200)).toEqual([
      'goal ≤ 330: met (0.61 of the limit)',
      `goal ≤ half of ${jaxName}: not met, 1.3× the limit`,
    ]);
    expect(judge('detr', 'dispatches', { dispatches: 200 }, new Map())).toEqual([]);
    expect(told('us_per_dispatch', 12)).toEqual(['goal ≤ 10 µs: not met, 1.2× the limit']);
  });

  test('hold half precision against half precision', () => {
    const half = new Map([
      [halfName, { step_ms: 30 }],
      [torchName('cuda', 'autocast'), { step_ms: 10 }],
    ]);
    expect(judge('vit', 'step_ms', { step_ms: 50 }, half)).toEqual([
      { goal: 'fp16 ≤ 2× PyTorch autocast', met: false, factor: 1.5 },
    ]);
  });

  test('say nothing about a peer that was not there', () => {
    expect(judge('vit', 'step_ms', { step_ms: 1 }, new Map())).toEqual([]);
    expect(judge('vit', 'step_ms', {}, peers)).toEqual([]);
  });
});

describe('agreement', () => {
  const reference = { first: 1.5, second: 1.4 };

  test('of the first loss and of the move that an update makes', () => {
    expect(disagreement({ first: 1.5001, second: 1.402 }, reference)).toBeUndefined();
    expect(disagreement({ first: 1.51, second: 1.4 }, reference)).toContain('the first loss is 1.51');
    expect(disagreement({ first: 1.5, second: 1.45 }, reference)).toContain('after one update');
  });

  test('counts a loss that is no number as another', () => {
    expect(disagreement({ first: Number.NaN }, reference)).toBeDefined();
    expect(disagreement({ first: 1.5, second: Number.NaN }, reference)).toBeDefined();
  });

  test('allows half precision three digits', () => {
    expect(disagreement({ first: 1.51, half: true }, reference)).toBeUndefined();
    expect(disagreement({ first: 1.53, half: true }, reference)).toBeDefined();
  });
});

test('weights are permuted as a transposition does', () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => i);
  const moved = permute({ shape: [2, 3, 4], data }, [2, 0, 1]);
  expect(moved.shape).toEqual([4, 2, 3]);
  for (let a = 0; a < 2; a++)
    for (let b = 0; b < 3; b++)
      for (let c = 0; c < 4; c++) expect(moved.data[c * 6 + a * 3 + b]).toBe(data[a * 12 + b * 4 + c]);
});
