/** The operations that models, losses and optimisers use beside those of TensorFlow.js. */
export {
  type Activation,
  activation,
  gelu,
  geluTanh,
  hardSwish,
  quickGelu,
  relu,
  sigmoid,
  silu,
} from './activation.ts';
export { type AttentionOptions, attention } from './attention.ts';
export { type BatchNormResult, batchNorm, frozenBatchNorm } from './batch-norm.ts';
export { type Conv2dOptions, conv2d } from './conv2d.ts';
export {
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  softCrossEntropy,
  softmaxCrossEntropy,
} from './cross-entropy.ts';
export { dropout, dropPath } from './dropout.ts';
export { type InterpolateMode, type InterpolateOptions, interpolate } from './interpolate.ts';
export { layerNorm } from './layer-norm.ts';
export { linear } from './linear.ts';
export { type AdamStepInputs, type AdamStepOptions, adamStep, sumOfSquares } from './optimizer-step.ts';
export { adaptiveAveragePool2d, averagePool2d, maxPool2d, type PoolOptions } from './pool.ts';
export { logSoftmax, softmax } from './softmax.ts';
