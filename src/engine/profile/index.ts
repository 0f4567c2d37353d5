/** Measuring the device: what is asked of it, how long its kernels take, what it could do at most. */

export type { KernelPlan } from '../compile/types.ts';
export { type ExplainOptions, engineering, explainPlan } from './explain.ts';
export { explainGraph } from './explain-graph.ts';
export { type KernelTime, type StepProfile, stepProfile } from './kernel-times.ts';
export { GpuMeter, type MeterBytes, type MeterCounts } from './meter.ts';
export { type AdapterPeak, measurePeak } from './peak.ts';
export { announcePlan, watchPlans } from './plans.ts';
export { GpuTimeline, type TimedPass } from './timeline.ts';
