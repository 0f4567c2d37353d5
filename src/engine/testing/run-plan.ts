/**
 * Runs kernel plans in tests: opens an adapter (lavapipe where there is no GPU) once per test file, or says why
 * there is none.
 *
 *   const gpu = await openTestGpu();
 *   describe.skipIf(!gpu)('…', () => {
 *     it('…', async () => {
 *       const { y } = await runPlan(gpu!, plan, { inputs: { x: [1, 2] }, parameters: { w: [3, 4] } });
 */
import { afterAll } from 'vitest';
import { type Gpu, openGpuDevice } from '../backends/gpu.ts';
import { findGpu } from '../choose.ts';
import type { KernelPlan } from '../compile/types.ts';
import { type AtHalt, Execution, type Numbers } from '../execute/index.ts';
import type { GraphData } from '../graph/index.ts';

/** A device of its own beside TensorFlow.js' backend, closed after the tests of the file. */
export async function openTestGpu(): Promise<Gpu | undefined> {
  const found = await findGpu();
  if ('missing' in found) {
    console.warn(`NOT RUN on webgpu: ${found.missing}`);
    return undefined;
  }
  const gpu = await openGpuDevice(found.access, found.adapter);
  afterAll(() => gpu.close());
  return gpu;
}

export interface PlanFeeds {
  readonly inputs?: Readonly<Record<string, Numbers>>;
  readonly parameters?: Readonly<Record<string, Numbers>>;
  readonly atHalt?: AtHalt;
}

/** Runs a plan once. Gives the outputs and, under their names, the parameters that it updates. */
export async function runPlan(
  gpu: Gpu,
  plan: KernelPlan,
  { inputs = {}, parameters = {}, atHalt }: PlanFeeds = {},
): Promise<Record<string, GraphData>> {
  const execution = await Execution.prepare(plan, gpu, { parameters });
  try {
    for (const [name, numbers] of Object.entries(inputs)) execution.write(name, numbers);
    await execution.run(atHalt);
    const names = [...new Set([...Object.keys(plan.outputs), ...Object.keys(plan.updates)])];
    const results = await execution.readAll(names);
    // Reads wait for all work, so that a kernel that fails late fails its own test.
    gpu.failures.check();
    return results;
  } finally {
    execution.dispose();
  }
}
