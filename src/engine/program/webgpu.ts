/** Traced steps on WebGPU: planned, compiled, run as one list of dispatches. */
import type { Gpu } from '../backends/gpu.ts';
import { planGraph } from '../compile/index.ts';
import { Execution, type PlannedBytes, plannedBytes, planTarget, tune } from '../execute/index.ts';
import type { Trace } from '../meta/index.ts';
import { announcePlan } from '../profile/index.ts';
import type { PrepareProgram, Program, ProgramOptions } from './types.ts';

export interface PlannedProgram {
  readonly trace: Trace;
  readonly options?: ProgramOptions | undefined;
}

/** What these programs will take together. Forms of kernels that were not measured yet are guessed. */
export function programBytes(gpu: Gpu, programs: readonly PlannedProgram[]): PlannedBytes {
  const plans = programs.map(({ trace: { graph, halts }, options }) =>
    planGraph(graph, { ...planTarget(gpu), halts, ...options }),
  );
  return plannedBytes(plans, gpu.memory.largestBuffer);
}

export function webgpuPrograms(gpu: Gpu): PrepareProgram {
  return async ({ graph, halts }, variables, options = {}): Promise<Program> => {
    await tune(gpu, graph, { precision: options.precision });
    const plan = planGraph(graph, { ...planTarget(gpu), halts, ...options });
    announcePlan(plan, graph);
    const used = [...variables].filter(([name]) => name in plan.parameters || name in plan.updates);
    const execution = await Execution.prepare(plan, gpu, { parameters: Object.fromEntries(used) });
    return {
      dispatches: plan.kernels.length,
      async run(inputs, atHalt, reads) {
        for (const [name, numbers] of Object.entries(inputs)) {
          if (name in plan.inputs) execution.write(name, numbers);
        }
        await execution.run(atHalt, reads);
      },
      read: (names) => execution.readAll(names),
      dispose: () => execution.dispose(),
    };
  };
}
