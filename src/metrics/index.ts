/** Metrics on typed arrays, without tensors: what training, evaluation, the report and the widget share. */
export * from './classification/index.ts';
export * from './coco/index.ts';
export * from './errors/index.ts';
