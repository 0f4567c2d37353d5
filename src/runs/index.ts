/** Whole runs: train, resume, evaluate. */
export { type EvaluateRequest, type EvaluateResult, evaluateModel } from './evaluate.ts';
export { type TrainRequest, train } from './train.ts';
