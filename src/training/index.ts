/** Training: optimisers, schedules, the step, the loop and its checkpoints. */
export { clipByNorm, clipByValue, clipFactor, totalNorm } from './clip.ts';
export { WeightAverage } from './ema.ts';
export * from './optimizers/index.ts';
export * from './schedules/index.ts';
export * from './types.ts';
