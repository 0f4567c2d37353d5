/** Training: optimisers, schedules, the step, the loop and its checkpoints. */
export {
  type Checkpoint,
  type CheckpointFiles,
  type CheckpointState,
  CheckpointStore,
  type RunIdentity,
} from './checkpoint.ts';
export { clipByNorm, clipByValue, type GradientClip } from './clip.ts';
export { planOfStep } from './compiled/index.ts';
export { WeightAverage } from './ema.ts';
export { type EstimatedBytes, type EstimateRequest, estimateBytes, type StepBytes } from './estimate.ts';
export { evaluate } from './evaluate.ts';
export { EvaluationStep, evaluationSplitWarning } from './evaluation-step.ts';
export { freeze, type GroupSettings, parameterGroups } from './groups.ts';
export { HeldCheckpoint } from './held.ts';
export { train } from './loop.ts';
export * from './optimizers/index.ts';
export { type Monitor, type Progress, positionOf } from './progress.ts';
export { settingsOf } from './recipe.ts';
export * from './schedules/index.ts';
export type { TrainingServices } from './services.ts';
export type { TrainingSettings } from './settings.ts';
export { type HostTensor, type HostTensors, restoreModel } from './snapshot.ts';
export { nextSplit, partsOf } from './split.ts';
export { type StepResult, type StepSettings, splitWarning, TrainingStep } from './step.ts';
export * from './types.ts';
