/** Detections and ground truth as pictures: a box per object, its class and score on a label. */
import type { BoxXyxy, ClassMap, Raster } from '../../core/index.ts';
import type { Annotation } from '../../data/index.ts';
import { classColor, drawBoxes } from '../../vision/index.ts';
import type { DetectionPrediction } from '../types.ts';

export interface DrawDetectionOptions {
  /** Detections above this are drawn (0.5). */
  readonly threshold?: number;
  /** At most so many, the best ones (20). */
  readonly maxBoxes?: number;
}

/** What the model found. Small pictures come back enlarged. */
export async function drawDetections(
  image: Raster,
  { scores, labels, boxes }: DetectionPrediction,
  classes: ClassMap,
  { threshold = 0.5, maxBoxes = 20 }: DrawDetectionOptions = {},
): Promise<Raster> {
  const best = [...scores.keys()]
    .filter((i) => scores[i]! > threshold)
    .sort((a, b) => scores[b]! - scores[a]!)
    .slice(0, maxBoxes);
  return drawBoxes(
    image,
    best.map((i) => ({
      box: [...boxes.subarray(i * 4, i * 4 + 4)] as unknown as BoxXyxy,
      color: classColor(labels[i]!),
      text: `${nameOf(labels[i]!, classes)} ${(scores[i]! * 100).toFixed(0)}`,
    })),
  );
}

/** What is there: the annotations of the picture, crowds marked as such. */
export async function drawAnnotations(
  image: Raster,
  annotations: readonly Annotation[],
  classes: ClassMap,
): Promise<Raster> {
  return drawBoxes(
    image,
    annotations.map(({ bbox: [x, y, width, height], categoryId, iscrowd }) => {
      const label = classes.labelOf(categoryId);
      const name = label === undefined ? `category ${categoryId}` : nameOf(label, classes);
      return {
        box: [x, y, x + width, y + height],
        color: classColor(label ?? categoryId),
        text: iscrowd ? `${name} (crowd)` : name,
      };
    }),
  );
}

const nameOf = (label: number, classes: ClassMap): string =>
  classes.categoryOf(label)?.name ?? `class ${label}`;
