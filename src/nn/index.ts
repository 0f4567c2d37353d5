/** Layers whose parameter names and shapes are those of torch and Hugging Face. */
export { Conv2d, type Conv2dOptions } from './conv.ts';
export { ConvTranspose2d, type ConvTranspose2dOptions } from './conv-transpose.ts';
export {
  type AttendOptions,
  attend,
  dropout,
  expandBatch,
  toChannelsFirst,
  toChannelsLast,
  toTokens,
} from './functional.ts';
export * from './init.ts';
export { Embedding, Linear, type LinearOptions, Mlp } from './linear.ts';
export * from './module.ts';
export { BatchNorm2d, type BatchNormOptions, FrozenBatchNorm2d, LayerNorm } from './norm.ts';
