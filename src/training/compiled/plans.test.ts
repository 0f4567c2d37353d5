/** Which of the plans that a run made are a step: what a profile lays beside the times of its kernels. */
import { expect, test } from 'vitest';
import type { KernelPlan } from '../../engine/profile/index.ts';
import { planOfStep } from './plans.ts';

const plan = (inputs: readonly string[], ...labels: string[]): KernelPlan =>
  ({
    inputs: Object.fromEntries(inputs.map((name, id) => [name, id])),
    kernels: labels.map((label) => ({ label })),
  }) as unknown as KernelPlan;
const labelsOf = (step: Pick<KernelPlan, 'kernels'> | undefined): string[] | undefined =>
  step?.kernels.map(({ label }) => label);

const images = ['pixel_values', 'scalars'];
const part = plan(images, 'forward', 'backward', 'add to sums');
const smaller = plan(images, 'forward', 'add to sums');
const apply = plan(['scalars'], 'move weights');

test('a step of one program is the largest of its signatures', () => {
  expect(labelsOf(planOfStep([smaller, part], 1))).toEqual(['forward', 'backward', 'add to sums']);
});

test('a step of several parts is as many of them, and what follows the last', () => {
  const step = ['forward', 'backward', 'add to sums', 'forward', 'backward', 'add to sums', 'move weights'];
  expect(labelsOf(planOfStep([part, apply], 2))).toEqual(step);
  // The last batch of an epoch came, with a signature of its own, after the first step.
  expect(labelsOf(planOfStep([part, apply, smaller], 2))).toEqual(step);
});

test('without plans there is no step', () => {
  expect(planOfStep([], 1)).toBeUndefined();
  expect(planOfStep([], 2)).toBeUndefined();
});
