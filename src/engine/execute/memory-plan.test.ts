/** Who may lie where whom was: lifetimes of a plan written by hand. */
import { describe, expect, it } from 'vitest';
import type { KernelPlan } from '../compile/index.ts';
import { emptyPlan, pointwise, vector } from '../testing/hand-plan.ts';
import { planMemory } from './memory-plan.ts';

/** Numbers of each value. */
const size = 64;

/** Whether two temporaries have numbers in common. */
function overlap({ packed, bytes }: ReturnType<typeof planMemory>, one: number, other: number): boolean {
  const [a, b] = [packed.places.get(one)!, packed.places.get(other)!];
  return (
    a.slab === b.slab && a.offset < b.offset + bytes.get(other)! && b.offset < a.offset + bytes.get(one)!
  );
}

describe('the memory of a plan', () => {
  it('keeps the new value of a parameter until it is copied, after the last kernel', () => {
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map([0, 1, 2, 3, 4, 5].map((id) => vector(id, size))),
      kernels: [
        pointwise('Weight', size, [0, 1], 2, 'a[i] - b[i]'),
        pointwise('First', size, [0], 3, 'a[i] + 1.0'),
        pointwise('Second', size, [3], 4, 'a[i] + 1.0'),
        pointwise('Third', size, [4], 5, 'a[i] + 1.0'),
      ],
      inputs: { x: 0 },
      parameters: { weight: 1 },
      updates: { weight: 2 },
      outputs: { y: 5 },
    };
    const memory = planMemory(plan);
    expect(memory.roles.get(2)).toBe('temporary');
    for (const later of [3, 4]) expect(overlap(memory, 2, later), `2 and ${later}`).toBe(false);
  });

  it('keeps a value until the last of its readers, and gives its place away then', () => {
    const plan: KernelPlan = {
      ...emptyPlan,
      values: new Map([0, 1, 2, 3, 4, 5, 6].map((id) => vector(id, size))),
      kernels: [
        pointwise('Kept', size, [0], 1, 'a[i] + 1.0'),
        pointwise('Between', size, [0], 2, 'a[i] + 2.0'),
        pointwise('Next', size, [2], 3, 'a[i] + 3.0'),
        pointwise('Reads both', size, [1, 3], 4, 'a[i] + b[i]'),
        pointwise('Later', size, [4], 5, 'a[i] + 4.0'),
        pointwise('Last', size, [5], 6, 'a[i] + 5.0'),
      ],
      inputs: { x: 0 },
      outputs: { y: 6 },
    };
    const memory = planMemory(plan);
    for (const [one, other] of [
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 3],
      [3, 4],
    ] as const)
      expect(overlap(memory, one, other), `${one} and ${other}`).toBe(false);
    expect(overlap(memory, 1, 5)).toBe(true);
  });
});
