export { CocoEvaluator, type CocoEvaluatorOptions } from './evaluator.ts';
export {
  type CocoFileOptions,
  type CocoResult,
  type CocoTruthAnnotation,
  type CocoTruthFile,
  evaluateCoco,
} from './files.ts';
export { type AreaRange, type CocoParameters, cocoParameters, type IouType, linspace } from './parameters.ts';
export type {
  CategoryResult,
  CocoEvaluation,
  DetectionColumns,
  ImageMatches,
  TruthColumns,
} from './types.ts';
