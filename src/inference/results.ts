/**
 * Predictions as files: COCO's results format (what pycocotools' `loadRes` reads, with the file's and the
 * class's name beside), and pictures with the predictions drawn over them.
 */
import type { ClassMap, Raster } from '../core/index.ts';
import { cocoResults, drawClassification, drawDetections, topLabels } from '../tasks/index.ts';
import type { FilePrediction, Prediction } from './types.ts';

export interface ResultRow {
  readonly image_id: number;
  readonly file_name: string;
  readonly category_id: number;
  readonly category_name: string;
  readonly score: number;
  /** Left, top, width, height in pixels; for detections. */
  readonly bbox?: readonly [number, number, number, number];
}

/** How many classes of a picture are listed. */
const listedClasses = 5;

/**
 * The image ids of COCO results: the numbers in the files' names where all are numbers and none comes twice (as in
 * COCO's own files), else 1, 2, 3, …
 */
export function imageIds(paths: readonly string[]): number[] {
  const stems = paths.map((path) => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, ''));
  const numbers = stems.map(Number);
  const usable = stems.every((stem, i) => /^\d+$/.test(stem) && Number.isSafeInteger(numbers[i]));
  return usable && new Set(numbers).size === numbers.length ? numbers : paths.map((_, i) => i + 1);
}

/** The rows of one picture; none for one that could not be read. */
export function resultRows(file: FilePrediction, classes: ClassMap): ResultRow[] {
  if ('error' in file) return [];
  const { imageId, path, prediction } = file;
  const image = { image_id: imageId, file_name: path };
  const nameOf = (label: number): { category_id: number; category_name: string } => {
    const category = classes.categoryOf(label);
    return { category_id: category?.id ?? label, category_name: category?.name ?? `class ${label}` };
  };
  if (prediction.task === 'classification') {
    const { value } = prediction;
    return topLabels(value, listedClasses).map((label) => ({
      ...image,
      ...nameOf(label),
      score: value.scores[label]!,
    }));
  }
  return cocoResults(imageId, prediction.value, classes).map(({ bbox, score }, i) => ({
    ...image,
    ...nameOf(prediction.value.labels[i]!),
    bbox: bbox as unknown as NonNullable<ResultRow['bbox']>,
    score,
  }));
}

export interface DrawOptions {
  /** Detections above this are drawn (0.5). */
  readonly threshold?: number;
}

/** The picture with what the model said about it. */
export function drawPrediction(
  image: Raster,
  prediction: Prediction,
  classes: ClassMap,
  options: DrawOptions = {},
): Promise<Raster> {
  if (prediction.task === 'classification') return drawClassification(image, prediction.value, classes);
  return drawDetections(image, prediction.value, classes, options);
}
