/**
 * Runs a plan of augmentations over a picture and its objects.
 *
 * Pure: the same plan, seed, epoch and index give the same result on every thread, so an interrupted run that
 * goes on sees the same pictures. Every augmentation draws from the one generator of its sample, in order.
 */
import type { Augmentation, ColorRanges, Range } from '../../config/index.ts';
import { derive, type Random, type Raster } from '../../core/index.ts';
import type { AnnotatedImage } from '../types.ts';
import { type FlipPairs, transformAnnotations } from './annotations.ts';
import { changeColors, channelSums } from './color.ts';
import { cropTo, flipHorizontally, flipVertically, resizeTo, rotateBy, type Transform } from './transform.ts';
import { transformRaster } from './warp.ts';

export interface AugmentOptions {
  /** Pairs of keypoints that change places in a mirror image. */
  readonly flipPairs?: FlipPairs;
  /** The picture that is given is not needed any more: saves memory traffic. */
  readonly overwrite?: boolean;
}

/** The generator of one sample in one epoch. */
export const augmentationRandom = (seed: number, epoch: number, index: number): Random =>
  derive(seed, 'augment', epoch, index);

/** A new picture with its objects; the one that was given is not changed, unless `overwrite` allows it. */
export function augment(
  sample: AnnotatedImage,
  plan: readonly Augmentation[],
  random: Random,
  options: AugmentOptions = {},
): AnnotatedImage {
  return plan.reduce(
    (current, augmentation) =>
      random.next() < augmentation.p ? applyOne(current, augmentation, random, options) : current,
    sample,
  );
}

function applyOne(
  sample: AnnotatedImage,
  augmentation: Augmentation,
  random: Random,
  options: AugmentOptions,
): AnnotatedImage {
  const { image } = sample;
  switch (augmentation.type) {
    case 'horizontal_flip':
      return applyTransform(sample, flipHorizontally(image), options);
    case 'vertical_flip':
      return applyTransform(sample, flipVertically(image), options);
    case 'rotation': {
      const degrees = random.uniform(-augmentation.degrees, augmentation.degrees);
      return applyTransform(sample, rotateBy(image, degrees), options);
    }
    case 'random_crop':
      return applyTransform(sample, randomCrop(image, augmentation.area, random), options);
    case 'random_resize': {
      const scale = random.uniform(...augmentation.scale);
      const side = (length: number): number => Math.max(1, Math.round(length * scale));
      return applyTransform(
        sample,
        resizeTo(image, { height: side(image.height), width: side(image.width) }),
        options,
      );
    }
    case 'color_jitter':
    case 'brightness_contrast':
    case 'hue_saturation':
      return { ...sample, image: jitter(image, augmentation, random) };
    case 'random_erasing':
      return { ...sample, image: erase(image, augmentation, random) };
  }
}

/** A picture and its objects through one transformation. */
export function applyTransform(
  { image, annotations }: AnnotatedImage,
  transform: Transform,
  options: AugmentOptions = {},
): AnnotatedImage {
  return {
    image: transformRaster(image, transform, options.overwrite),
    annotations: transformAnnotations(annotations, transform, options.flipPairs),
  };
}

/** Rounded up, so that the share that is kept never falls below the range. */
function randomCrop(image: Raster, area: Range, random: Random): Transform {
  const share = random.uniform(...area);
  const shareOfWidth = random.uniform(share, 1);
  const width = Math.min(image.width, Math.ceil(image.width * shareOfWidth));
  const height = Math.min(image.height, Math.ceil((image.height * share) / shareOfWidth));
  const x = random.integer(image.width - width + 1);
  const y = random.integer(image.height - height + 1);
  return cropTo(image, { x, y, width, height });
}

function jitter(
  image: Raster,
  { brightness, contrast, saturation, hue }: ColorRanges,
  random: Random,
): Raster {
  return changeColors(image, {
    brightness: random.uniform(1 - brightness, 1 + brightness),
    contrast: random.uniform(1 - contrast, 1 + contrast),
    saturation: random.uniform(1 - saturation, 1 + saturation),
    hue: random.uniform(-hue, hue),
  });
}

/** Random erasing (Zhong et al. 2017), filled with the picture's mean colour; objects stay as they are. */
function erase(image: Raster, { area, ratio }: { area: Range; ratio: Range }, random: Random): Raster {
  const pixels = random.uniform(...area) * image.height * image.width;
  // Tall and wide rectangles are equally likely.
  const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
  const height = Math.min(image.height, Math.max(1, Math.round(Math.sqrt(pixels * aspect))));
  const width = Math.min(image.width, Math.max(1, Math.round(Math.sqrt(pixels / aspect))));
  const top = random.integer(image.height - height + 1);
  const left = random.integer(image.width - width + 1);
  const data = image.data.slice();
  const line = new Uint8Array(width * 3);
  const color = channelSums(data).map((sum) => sum / (data.length / 3) + 0.5);
  for (let x = 0; x < width; x++) line.set(color, x * 3);
  for (let y = top; y < top + height; y++) data.set(line, (y * image.width + left) * 3);
  return { ...image, data };
}
