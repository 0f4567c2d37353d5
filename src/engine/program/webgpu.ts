/** Traced steps on WebGPU: planned, compiled, run as one list of dispatches. */
import type { Gpu } from '../backends/gpu.ts';
import { planGraph } from '../compile/index.ts';
import { Execution } from '../execute/index.ts';
import type { PrepareProgram, Program } from './types.ts';

export function webgpuPrograms(gpu: Gpu): PrepareProgram {
  return async ({ graph, halts }, variables): Promise<Program> => {
    const { features, limits, software } = gpu;
    const plan = planGraph(graph, { features: new Set(features), limits, software, halts });
    const execution = await Execution.prepare(plan, gpu, { parameters: Object.fromEntries(variables) });
    return {
      async run(inputs, atHalt) {
        for (const [name, numbers] of Object.entries(inputs)) {
          if (name in plan.inputs) execution.write(name, numbers);
        }
        await execution.run(atHalt);
      },
      read: (names) => execution.readAll(names),
      dispose: () => execution.dispose(),
    };
  };
}
