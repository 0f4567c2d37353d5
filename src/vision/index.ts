/**
 * From pixels to what a model takes, and back to pictures: Hugging Face's image processors, Pillow's resize,
 * a small drawing kit. Typed arrays only, no tensors.
 *
 *     const processor = createProcessor(preprocessorConfig);
 *     const image = processor.preprocess(raster, annotations);
 *     const batch = processor.collate([image, other]);      // padded, with pixel mask and labels
 */
export * from './draw/index.ts';
export { largestSize, pixelMask, stretchMask } from './padding.ts';
export { type ProcessorKind, registerProcessor } from './processors/kinds.ts';
export { createProcessor } from './processors/pipeline.ts';
export type { Settings, SizeRule } from './processors/settings.ts';
export { resize, resizeBytes } from './resize.ts';
export * from './sizes.ts';
export { type Filter, filtersByCode } from './taps.ts';
export type * from './types.ts';
