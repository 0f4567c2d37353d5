/** Tasks: what a model is trained for, from targets to drawing. */
export { topLabels } from './classification/decode.ts';
export { drawClassification } from './classification/draw.ts';
export { type ClassificationLossOptions, classificationLoss } from './classification/loss.ts';
export * from './classification/metrics.ts';
export { classificationTargets } from './classification/targets.ts';
export { type Assignment, assign } from './detection/assignment.ts';
export { drawAnnotations, drawDetections } from './detection/draw.ts';
export { detectionLoss } from './detection/loss.ts';
export {
  type DetectionLabels,
  type MatchingWeights,
  match,
  matchingCosts,
  type QueryOutputs,
} from './detection/matching.ts';
export * from './detection/metrics.ts';
export { detectionOptions } from './detection/options.ts';
export { detectionTargets, outputLayers } from './detection/targets.ts';
export { requireFiniteOutputs } from './finite.ts';
export { heatmapLoss } from './keypoint_detection/loss.ts';
export {
  createTask,
  type Predictions,
  registerTask,
  requireTask,
  type TaskOptions,
} from './registry.ts';
export * from './types.ts';
