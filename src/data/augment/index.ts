/**
 * Augmentations: a plan acts on a picture with its boxes, polygons, masks and keypoints together, before the
 * processor sees it.
 *
 *     const plan: Augmentation[] = [{ type: 'horizontal_flip', p: 0.5 }, { type: 'rotation', degrees: 10, p: 0.5 }];
 *     const sample = augment({ image, annotations }, plan, augmentationRandom(seed, epoch, index));
 */
export { type FlipPairs, transformAnnotation } from './annotations.ts';
export { type AugmentOptions, applyTransform, augment, augmentationRandom } from './augment.ts';
export { type ColorChange, changeColors } from './color.ts';
export * from './transform.ts';
