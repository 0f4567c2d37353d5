/** Predictions: a model folder becomes a function from pictures to what is in them. */
export { findPictures } from './inputs.ts';
export { type PredictFilesOptions, predictFiles } from './predict-files.ts';
export { createPredictor, type PredictorOptions, predictorOf } from './predictor.ts';
export {
  type DrawOptions,
  drawPrediction,
  type ResultRow,
  resultRows,
} from './results.ts';
export type { FilePrediction, Prediction, PredictOptions, Predictor } from './types.ts';
