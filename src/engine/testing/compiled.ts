/** Holds a compiled function against the cpu backend: recorded, planned and run on whatever adapter is there. */
import { expect } from 'vitest';
import type { Gpu } from '../backends/gpu.ts';
import { hasLowering, type KernelPlan, type PlanOptions, planGraph } from '../compile/index.ts';
import { recordGraph } from '../graph/index.ts';
import * as tf from '../tf.ts';
import { runPlan } from './run-plan.ts';

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** Own operations without a lowering are taken apart. */
export const expandUnlowered = (kernel: string): boolean =>
  kernel.startsWith('Ocelli') && !hasLowering(kernel);

/** The plan for a function of these inputs, for a device without features (or the given one). */
export async function planOf(
  fn: (inputs: Tensors) => Tensors,
  inputs: Tensors,
  gpu?: Gpu,
  options: Partial<PlanOptions> = {},
): Promise<KernelPlan> {
  const graph = await recordGraph(fn, inputs, { expand: expandUnlowered });
  return planGraph(graph, { features: new Set(gpu?.features), limits: gpu?.limits ?? {}, ...options });
}

/**
 * Runs `fn` compiled and on the cpu backend (which must be the current one); every output must agree within
 * `tolerance`, relative to the larger of 1 and its largest number. `{ software: false }` takes the
 * kernels of a real GPU whatever the adapter is. Gives the plan.
 */
export async function expectSameAsCpu(
  gpu: Gpu,
  fn: (inputs: Tensors) => Tensors,
  inputs: Tensors,
  tolerance = 2e-6,
  options: Partial<PlanOptions> = {},
): Promise<KernelPlan> {
  const plan = await planOf(fn, inputs, gpu, options);
  const fed = Object.fromEntries(
    await Promise.all(
      Object.keys(plan.inputs).map(async (name) => [name, await inputs[name]!.data()] as const),
    ),
  );
  const received = await runPlan(gpu, plan, { inputs: fed as never });
  const expected = fn(inputs);
  for (const [name, tensor] of Object.entries(expected)) {
    const numbers = [...(await tensor.data())].map(Number);
    const scale = Math.max(1, ...numbers.filter(Number.isFinite).map(Math.abs));
    const got = [...received[name]!].map(Number);
    expect(got.length, name).toBe(numbers.length);
    for (const [i, number] of numbers.entries()) {
      const close =
        Object.is(got[i], number) ||
        (Number.isNaN(number) && Number.isNaN(got[i])) ||
        Math.abs(got[i]! - number) <= tolerance * scale;
      if (!close)
        expect.fail(
          `${name}[${i}] is ${got[i]}, the cpu backend has ${number}\n${plan.kernels.map(({ wgsl }) => wgsl).join('\n\n')}`,
        );
    }
  }
  tf.dispose(Object.values(expected));
  return plan;
}

/** Standard normal numbers, the same in every run. */
export const normal = (shape: readonly number[], seed = 1): tf.Tensor =>
  tf.randomNormal([...shape], 0, 1, 'float32', seed);
