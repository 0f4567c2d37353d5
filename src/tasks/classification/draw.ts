/** A picture with the probabilities of its best classes as bars below it. */
import type { ClassMap, Raster } from '../../core/index.ts';
import { classColor, drawBars } from '../../vision/index.ts';
import type { ClassificationPrediction } from '../types.ts';
import { topLabels } from './decode.ts';

export interface DrawClassificationOptions {
  /** How many classes are shown, the best ones (5). */
  readonly top?: number;
  /** The labels that are right, where they are known: drawn bold. */
  readonly truth?: readonly number[];
}

/** Small pictures come back enlarged. */
export async function drawClassification(
  image: Raster,
  prediction: ClassificationPrediction,
  classes: ClassMap,
  { top = 5, truth = [] }: DrawClassificationOptions = {},
): Promise<Raster> {
  return drawBars(
    image,
    topLabels(prediction, top).map((label) => ({
      text: classes.categoryOf(label)?.name ?? `class ${label}`,
      value: prediction.scores[label]!,
      color: classColor(label),
      strong: truth.includes(label),
    })),
  );
}
