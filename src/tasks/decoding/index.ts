/**
 * The part of the tasks that needs no tensors: outputs of a model that were read back become predictions. Pages that
 * run an exported model import this face, and with it nothing of TensorFlow.js.
 */
export { decodeClassification, topLabels } from '../classification/decode.ts';
export { decodeDetections } from '../detection/decode.ts';
export { requireFiniteOutputs } from '../finite.ts';
export type { ClassificationPrediction, DetectionPrediction, HostOutputs } from '../types.ts';
