/** Runs kernel plans on WebGPU. */
export {
  type AtHalt,
  Execution,
  type ExecutionDevice,
  type KernelTime,
  type PrepareOptions,
} from './execution.ts';
export { estimate, type MemoryReport } from './memory-plan.ts';
export type { Numbers } from './numbers.ts';
export type { ParameterSource } from './parameters.ts';
export { type PlannedBytes, plannedBytes } from './planned-bytes.ts';
export { type PlanTarget, planTarget } from './target.ts';
export { type TuneOptions, tune } from './tune.ts';
export { type TuningChoices, TuningStore } from './tuning.ts';
