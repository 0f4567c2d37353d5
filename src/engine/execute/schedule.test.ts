import { describe, expect, it } from 'vitest';
import { SubmitSchedule } from './schedule.ts';

/** Submissions of one run on a device where dispatch i takes `costs[i]` milliseconds. */
function run(schedule: SubmitSchedule, costs: readonly number[]): number[] {
  const taken: number[] = [];
  for (let from = 0; from < costs.length; ) {
    const to = schedule.end(from, costs.length);
    const milliseconds = costs.slice(from, to).reduce((sum, cost) => sum + cost, 0);
    schedule.observe(from, to, milliseconds);
    taken.push(milliseconds);
    from = to;
  }
  return taken;
}

describe('SubmitSchedule', () => {
  it('makes a fast step one submission', () => {
    const schedule = new SubmitSchedule(500, false);
    const costs = new Array<number>(500).fill(0.05);
    expect(run(schedule, costs)).toHaveLength(5);
    expect(run(schedule, costs)).toHaveLength(1);
  });

  it('keeps submissions short on a slow device', () => {
    const schedule = new SubmitSchedule(300, true);
    // Some kernels are much slower than others.
    const costs = Array.from({ length: 300 }, (_, i) => (i % 10 === 0 ? 40 : 1));
    for (let i = 0; i < 5; i++) run(schedule, costs);
    const taken = run(schedule, costs);
    expect(Math.max(...taken)).toBeLessThanOrEqual(200);
    expect(taken.length).toBeLessThan(90);
  });

  it('gives a dispatch that is too long a submission of its own', () => {
    const schedule = new SubmitSchedule(3, true);
    const costs = [1, 900, 1];
    for (let i = 0; i < 20; i++) run(schedule, costs);
    expect(schedule.end(0, 3)).toBeLessThan(3);
  });

  it('shares time among submissions whose ends were told together', () => {
    const schedule = new SubmitSchedule(40, true);
    const ends = [8, 16, 24, 32, 40];
    // The host was busy: it learnt of the first four at once.
    const told = [104, 104.1, 104.2, 104.3, 130];
    const submissions = ends.map((to, i) => ({ from: to - 8, to, submitted: i, done: told[i]! }));
    schedule.observeRun(submissions, 4);
    // 100 ms among 32 dispatches, 25.7 among the other 8: all about 3 ms each.
    expect(schedule.end(0, 40)).toBeGreaterThan(30);
    expect(schedule.end(8, 40)).toBeGreaterThan(37);
  });
});
