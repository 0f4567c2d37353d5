/**
 * COCO annotations to the labels that DETR and YOLOS are trained with, in the order and the precision of
 * Hugging Face's processors: float32 after every step, so that targets are the same to the last bit.
 */
import { DataError, type Size } from '../core/index.ts';
import { decodeMask, segmentationToRuns } from '../formats/rle/index.ts';
import { resizeNearest } from './nearest.ts';
import type { CocoImageAnnotations, DetectionLabels, PreprocessOptions } from './types.ts';

const { fround } = Math;

/** Labels of an image that was resized from `original` to `size`. */
export function detectionLabels(
  { image_id, annotations }: CocoImageAnnotations,
  original: Size,
  size: Size,
  convert: boolean,
  options: PreprocessOptions = {},
): DetectionLabels {
  const positions = [...annotations.keys()].filter((i) => !annotations[i]!.iscrowd);
  const clipped = positions.map((i) => clippedCorners(annotations[i]!.bbox, original));
  const inside = clipped.map(([x0, y0, x1, y1]) => y1 > y0 && x1 > x0);
  const kept = positions.filter((_, i) => inside[i]);
  const ratioY = size.height / original.height;
  const ratioX = size.width / original.width;
  const corners = new Float32Array(clipped.filter((_, i) => inside[i]).flat());
  for (let i = 0; i < corners.length; i++) corners[i] = corners[i]! * fround(i % 2 === 0 ? ratioX : ratioY);
  const areaRatio = fround(ratioX * ratioY);
  const keypoints = keptKeypoints(
    positions.map((i) => annotations[i]!.keypoints),
    inside,
  );
  return {
    imageId: image_id,
    classLabels: Int32Array.from(kept, (i) => annotations[i]!.category_id),
    boxes: convert ? centerRelative(corners, size) : corners,
    boxFormat: convert ? 'center_relative' : 'corners',
    corners,
    kept: Int32Array.from(kept),
    area: Float32Array.from(
      kept,
      (i) => fround(annotations[i]!.area ?? boxArea(annotations[i]!.bbox)) * areaRatio,
    ),
    iscrowd: new Uint8Array(kept.length),
    size,
    originalSize: original,
    ...(options.masks ? { masks: resizedMasks(annotations, kept, original, size) } : {}),
    ...(keypoints ? { keypoints } : {}),
  };
}

const boxArea = ([, , width, height]: readonly [number, number, number, number]): number => width * height;

/** x, y, width, height to corners inside the image, in float32. */
function clippedCorners(
  [x, y, width, height]: readonly [number, number, number, number],
  size: Size,
): [number, number, number, number] {
  const x0 = fround(x);
  const y0 = fround(y);
  const clip = (value: number, high: number): number => Math.min(Math.max(value, 0), high);
  return [
    clip(x0, size.width),
    clip(y0, size.height),
    clip(fround(fround(width) + x0), size.width),
    clip(fround(fround(height) + y0), size.height),
  ];
}

function centerRelative(corners: Float32Array, { height, width }: Size): Float32Array {
  const boxes = new Float32Array(corners.length);
  for (let i = 0; i < corners.length; i += 4) {
    const [x0, y0, x1, y1] = corners.subarray(i, i + 4) as unknown as [number, number, number, number];
    boxes[i] = fround(fround(x0 + x1) / 2) / width;
    boxes[i + 1] = fround(fround(y0 + y1) / 2) / height;
    boxes[i + 2] = fround(x1 - x0) / width;
    boxes[i + 3] = fround(y1 - y0) / height;
  }
  return boxes;
}

/** Looked at only if the first annotation has them; filtered and laid out, never scaled. */
function keptKeypoints(
  keypoints: readonly (readonly number[] | undefined)[],
  inside: readonly boolean[],
): Float32Array | undefined {
  if (!keypoints[0]) return undefined;
  const missing = keypoints.findIndex((points) => points?.length !== keypoints[0]!.length);
  if (missing >= 0) {
    throw new DataError({
      code: 'keypoints_uneven',
      expected: `${keypoints[0].length / 3} keypoints for every object of the image, as for the first`,
      received: `${(keypoints[missing]?.length ?? 0) / 3} for object ${missing + 1}`,
      fix: 'complete the keypoints (0, 0, 0 for an unlabelled point) or remove them from the image',
    });
  }
  return Float32Array.from(keypoints.filter((_, i) => inside[i]).flatMap((points) => points ?? []));
}

function resizedMasks(
  annotations: CocoImageAnnotations['annotations'],
  kept: readonly number[],
  original: Size,
  size: Size,
): Uint8Array {
  const plane = size.height * size.width;
  const masks = new Uint8Array(kept.length * plane);
  kept.forEach((position, i) => {
    const { segmentation } = annotations[position]!;
    if (!segmentation) {
      throw new DataError({
        code: 'segmentation_missing',
        expected: 'a segmentation for every object',
        received: `none for object ${position + 1}`,
        fix: 'complete the annotation or remove the object',
      });
    }
    const mask = decodeMask(segmentationToRuns(segmentation, original));
    masks.set(resizeNearest(mask, original, 1, size), i * plane);
  });
  return masks;
}

/** The labels after padding: boxes relative to the padded size, masks with zeros right and below. */
export function padLabels(labels: DetectionLabels, padded: Size): DetectionLabels {
  const { size, boxFormat } = labels;
  if (size.height === padded.height && size.width === padded.width) return labels;
  let { boxes, masks } = labels;
  if (boxFormat === 'center_relative') {
    // In double precision and back: numpy multiplies in place by a float64 array.
    const ratios = [size.width / padded.width, size.height / padded.height];
    boxes = boxes.map((value, i) => value * ratios[i % 2]!);
  }
  if (masks) masks = padMasks(masks, size, padded);
  return { ...labels, boxes, size: padded, ...(masks ? { masks } : {}) };
}

function padMasks(masks: Uint8Array, from: Size, to: Size): Uint8Array {
  const count = masks.length / (from.height * from.width);
  const result = new Uint8Array(count * to.height * to.width);
  for (let row = 0; row < count * from.height; row++) {
    const mask = Math.floor(row / from.height);
    const y = row % from.height;
    const source = row * from.width;
    result.set(masks.subarray(source, source + from.width), (mask * to.height + y) * to.width);
  }
  return result;
}
