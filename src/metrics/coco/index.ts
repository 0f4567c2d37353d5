/** COCO's evaluation of boxes, masks and keypoints, number for number as pycocotools. */
export { CocoEvaluator, type CocoEvaluatorOptions } from './evaluator.ts';
export {
  type CocoFileOptions,
  type CocoResult,
  type CocoTruthAnnotation,
  type CocoTruthFile,
  evaluateCoco,
} from './files.ts';
export type { AreaRange, CocoParameters, IouType } from './parameters.ts';
export type {
  CategoryResult,
  CocoEvaluation,
  DetectionColumns,
  ImageMatches,
  TruthColumns,
} from './types.ts';
