import { describe, expect, it } from 'vitest';
import { planRun } from './plan.ts';

/** The steps after which a run of `batches` per epoch evaluates. */
function evaluations(settings: Parameters<typeof planRun>[0], batches: number): number[] {
  const plan = planRun(settings, batches);
  const steps: number[] = [];
  for (let step = 1; step <= plan.totalSteps; step++) {
    const ofEpoch = ((step - 1) % plan.stepsPerEpoch) + 1;
    const cursor = Math.min(batches, ofEpoch * plan.accumulate);
    if (plan.evaluatesAfter(step, cursor)) steps.push(step);
  }
  return steps;
}

describe('the plan of a run', () => {
  it('evaluates after each epoch unless told otherwise', () => {
    expect(evaluations({ maxEpochs: 3, accumulate: 1 }, 10)).toEqual([10, 20, 30]);
  });

  it('evaluates after shares of an epoch, its end among them', () => {
    expect(evaluations({ maxEpochs: 2, accumulate: 1, valCheckInterval: 0.25 }, 10)).toEqual([
      2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
    ]);
    expect(evaluations({ maxEpochs: 1, accumulate: 1, valCheckInterval: 0.4 }, 10)).toEqual([4, 10]);
    expect(evaluations({ maxEpochs: 1, accumulate: 1, valCheckInterval: 0.01 }, 3)).toEqual([1, 2, 3]);
  });

  it('evaluates every so many steps and at the end', () => {
    expect(evaluations({ maxEpochs: 2, accumulate: 1, valCheckInterval: 8 }, 10)).toEqual([8, 16, 20]);
  });

  it('makes steps of several batches; the last of an epoch takes what is left', () => {
    const plan = planRun({ maxEpochs: 2, accumulate: 4 }, 10);
    expect([plan.stepsPerEpoch, plan.totalSteps]).toEqual([3, 6]);
    expect(evaluations({ maxEpochs: 2, accumulate: 4 }, 10)).toEqual([3, 6]);
  });

  it('ends after max_steps, with an evaluation', () => {
    expect(evaluations({ maxEpochs: 5, maxSteps: 13, accumulate: 1 }, 10)).toEqual([10, 13]);
  });

  it('refuses an interval that is neither a share nor a number of steps', () => {
    expect(() => planRun({ maxEpochs: 1, accumulate: 1, valCheckInterval: 2.5 }, 10)).toThrow(
      /whole number of steps/,
    );
  });
});
