/** Traced steps made ready to run. */
import { environmentVariable } from '#platform';
import type { Gpu } from '../backends/gpu.ts';
import type { PrepareProgram, ProgramOptions } from './types.ts';
import { webgpuPrograms } from './webgpu.ts';

export { CompiledFunction, type HostTensor, type HostTensors, probeOf, specsOf } from './function.ts';
export { compiling, NotCompiled } from './not-compiled.ts';
export { replayProgram } from './replay.ts';
export type { AtHalt, HostData, PrepareProgram, Program, ProgramOptions } from './types.ts';
export { type PlannedProgram, programBytes } from './webgpu.ts';

/** How steps are compiled on this device; undefined where they run kernel by kernel: without WebGPU, or with `OCELLI_EAGER=1`. */
export function programsOf(gpu: Gpu | undefined): PrepareProgram | undefined {
  const eager = environmentVariable('OCELLI_EAGER');
  return gpu && (eager === undefined || eager === '0') ? webgpuPrograms(gpu) : undefined;
}

/** Prepares programs with these options, beside those that are asked for. */
export function withOptions(
  prepare: PrepareProgram | undefined,
  options: ProgramOptions,
): PrepareProgram | undefined {
  return prepare && ((trace, variables, asked) => prepare(trace, variables, { ...options, ...asked }));
}
