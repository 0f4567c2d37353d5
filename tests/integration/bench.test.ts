/** The bench's smallest cases, run as a user runs them: rows that programs can read, and wrong use that is told. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { BenchRow } from '../../bench/case.ts';
import { lookForGpu } from '../../src/engine/index.ts';

const run = promisify(execFile);
const { adapter } = await lookForGpu();

async function bench(...words: string[]): Promise<{ rows: BenchRow[]; text: string }> {
  const { stdout, stderr } = await run(
    process.execPath,
    ['scripts/run.mjs', 'bench/main.ts', ...words, '--json'],
    { maxBuffer: 2 ** 24 },
  );
  const rows = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BenchRow);
  return { rows, text: stderr };
}

test('unknown cases, peers and numbers are refused with exit code 2', async () => {
  for (const words of [['step/huge'], ['step/small', '--peers', 'xla'], ['endurance', '--steps', '0']]) {
    await expect(bench(...words)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Expected'),
    });
  }
});

describe.skipIf(!adapter)('on WebGPU', () => {
  test('a step has all metrics, beside its peer, and what the goals say', { timeout: 300_000 }, async () => {
    const { rows } = await bench('step/small', '--rounds', '1', '--peers', 'tfjs');
    const metrics = ['step_ms', 'enqueue_ms', 'dispatches', 'submits', 'gpu_mb', 'compile_ms'];
    for (const metric of metrics) {
      const [own, peer] = rows.filter((row) => row.metric === metric);
      expect(own).toMatchObject({ case: 'step/small' });
      expect(own!.peer).toBeUndefined();
      expect(own!.value).toBeGreaterThan(0);
      expect(peer).toMatchObject({ peer: 'TensorFlow.js, eager' });
      expect(peer!.ratio).toBeCloseTo(peer!.value / own!.value);
    }
    const dispatches = rows.find((row) => row.metric === 'dispatches')!;
    expect(dispatches.goals).toContainEqual(expect.stringContaining('goal ≤ 170: met'));
  });

  test('a kernel has times and shares of the peak on both sides', { timeout: 300_000 }, async () => {
    const { rows } = await bench('kernel/gelu', '--rounds', '1');
    const of = (metric: string): BenchRow[] => rows.filter((row) => row.metric === metric);
    for (const metric of ['ms', 'gflops', 'gbytes_per_second', 'share_of_peak']) {
      expect(of(metric)).toHaveLength(2);
      for (const { value } of of(metric)) expect(value).toBeGreaterThan(0);
    }
    expect(of('dispatches').map(({ value, peer }) => [value, peer])).toEqual([
      [1, undefined],
      [5, 'TensorFlow.js'],
    ]);
  });
});
