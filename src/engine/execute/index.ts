/** Runs kernel plans on WebGPU. */
export { type AtHalt, Execution, type ExecutionDevice, type PrepareOptions } from './execution.ts';
export type { Numbers } from './numbers.ts';
