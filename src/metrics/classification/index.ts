/** Metrics of one label or several: confusion, curves, calibration, as scikit-learn and torchmetrics compute them. */
export {
  type BinEdges,
  type CalibrationBin,
  calibrationBins,
  calibrationError,
} from './calibration.ts';
export {
  type Averaging,
  averaged,
  balancedAccuracy,
  type ClassCounts,
  cohenKappa,
  confusionMatrix,
  countsOf,
  matthewsCorrelation,
  type PrecisionRecallF1,
  precisionRecallF1,
} from './confusion.ts';
export {
  averagePrecision,
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RocCurve,
  rocAuc,
  rocCurve,
} from './curves.ts';
export {
  hammingLoss,
  type LabelMatrix,
  labelCounts,
  labelsAbove,
  samplesAverage,
  subsetAccuracy,
} from './multilabel.ts';
export { requireNumbers } from './numbers.ts';
export {
  argmaxRows,
  averagePrecisionPerClass,
  brierScore,
  columnOf,
  logLoss,
  meanOverClasses,
  type PerClass,
  rankedClasses,
  rocAucOneVsOne,
  rocAucPerClass,
  type ScoreMatrix,
  softmaxRows,
  topKAccuracy,
} from './ranking.ts';
