/** Images of several sizes in one batch: zeros on the right and at the bottom, after normalisation. */
import { ShapeError, type Size } from '../core/index.ts';
import { padLabels } from './labels.ts';
import type { ProcessedBatch, ProcessedImage } from './types.ts';

export interface PadOptions {
  /** The size of the batch; left out: the largest height and the largest width. */
  readonly size?: Size;
  /** Whether to make the mask: 1 = image, 0 = padding. */
  readonly pixelMask?: boolean;
}

/** Throws a ShapeError when an image is larger than the size that was asked for. */
export function padImages(images: readonly ProcessedImage[], options: PadOptions = {}): ProcessedBatch {
  const sizes = images.map(({ size }) => size);
  const size = options.size ?? largestSize(sizes);
  const { height, width } = size;
  const large = sizes.find((one) => one.height > height || one.width > width);
  if (large || images.length === 0) {
    throw new ShapeError({
      code: 'padding_too_small',
      expected: `at least one image, and none larger than ${height} x ${width}`,
      received: large ? `an image of ${large.height} x ${large.width}` : 'no image',
      fix: 'enlarge pad_size, or reduce size in preprocessor_config.json',
    });
  }
  const plane = height * width;
  const pixelValues = new Float32Array(images.length * 3 * plane);
  images.forEach((image, i) => {
    copyInto(pixelValues, i * 3 * plane, image, size);
  });
  const labels = images.flatMap((image) => (image.labels ? [padLabels(image.labels, size)] : []));
  return {
    pixelValues,
    shape: [images.length, 3, height, width],
    sizes,
    originalSizes: images.map(({ originalSize }) => originalSize),
    ...(options.pixelMask ? { pixelMask: pixelMask(sizes, size) } : {}),
    ...(labels.length === images.length ? { labels } : {}),
  };
}

export function largestSize(sizes: readonly Size[]): Size {
  return {
    height: Math.max(0, ...sizes.map((size) => size.height)),
    width: Math.max(0, ...sizes.map((size) => size.width)),
  };
}

/** 1 = image, 0 = padding; uint8 [images, height, width]. */
export function pixelMask(sizes: readonly Size[], { height, width }: Size): Uint8Array {
  const mask = new Uint8Array(sizes.length * height * width);
  sizes.forEach((size, i) => {
    for (let y = 0; y < size.height; y++) {
      const row = (i * height + y) * width;
      mask.fill(1, row, row + size.width);
    }
  });
  return mask;
}

/**
 * Masks [images, height, width] in another size, the nearest as PyTorch chooses it. Exporters of the hub wrote the size of
 * `pixel_mask` down as 64 × 64; the models stretch it over their features whatever it is.
 */
export function stretchMask(mask: Uint8Array, from: Size, to: Size): Uint8Array {
  if (from.height === to.height && from.width === to.width) return mask;
  const images = mask.length / (from.height * from.width);
  const result = new Uint8Array(images * to.height * to.width);
  for (let i = 0, at = 0; i < images; i++) {
    for (let y = 0; y < to.height; y++) {
      const row = (i * from.height + Math.floor((y * from.height) / to.height)) * from.width;
      for (let x = 0; x < to.width; x++) result[at++] = mask[row + Math.floor((x * from.width) / to.width)]!;
    }
  }
  return result;
}

function copyInto(
  target: Float32Array,
  offset: number,
  image: ProcessedImage,
  { height, width }: Size,
): void {
  const { pixelValues, size } = image;
  if (size.height === height && size.width === width) {
    target.set(pixelValues, offset);
    return;
  }
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < size.height; y++) {
      const from = (channel * size.height + y) * size.width;
      const to = offset + (channel * height + y) * width;
      target.set(pixelValues.subarray(from, from + size.width), to);
    }
  }
}
