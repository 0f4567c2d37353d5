/** Whole runs: train, resume, evaluate. */
export type { LiveRun, RunControl, StepPosition } from './control.ts';
export { type EvaluateRequest, type EvaluateResult, evaluateModel } from './evaluate.ts';
export { estimateMemory, type MemoryReport, type MemoryRequest } from './memory-report.ts';
export { type TrainRequest, train } from './train.ts';
