import './lowerings/index.ts';

export { EngineError } from './engine-error.ts';
export { hasLowering } from './lowering.ts';
export { type PlanOptions, planGraph } from './plan.ts';
export type { PlanHalt } from './segments.ts';
export type { KernelPlan, PlanBinding, PlanKernel, PlanValue, StorageType } from './types.ts';
