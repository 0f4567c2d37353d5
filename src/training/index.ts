/** Training: optimisers, schedules, the step, the loop and its checkpoints. */
export { clipByNorm, clipByValue, clipFactor, totalNorm } from './clip.ts';
export { WeightAverage } from './ema.ts';
export { evaluate } from './evaluate.ts';
export { freeze, type GroupSettings, parameterGroups } from './groups.ts';
export * from './optimizers/index.ts';
export * from './schedules/index.ts';
export { type StepResult, type StepSettings, TrainingStep } from './step.ts';
export * from './types.ts';
