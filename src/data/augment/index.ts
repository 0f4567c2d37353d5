/**
 * Augmentations: a recipe's settings become a plan, and a plan acts on a picture with its boxes, polygons,
 * masks and keypoints together, before the processor sees it.
 *
 *     const plan = parseAugmentations({ horizontal_flip: true, rotation: 10 });
 *     const sample = augment({ image, annotations }, plan, augmentationRandom(seed, epoch, index));
 */
export { type FlipPairs, minimumVisible, transformAnnotation, transformAnnotations } from './annotations.ts';
export { type AugmentOptions, applyTransform, augment, augmentationRandom } from './augment.ts';
export { type ColorChange, changeColors } from './color.ts';
export { type Augmentation, augmentationNames, parseAugmentations } from './settings.ts';
export * from './transform.ts';
export { transformRaster } from './warp.ts';
