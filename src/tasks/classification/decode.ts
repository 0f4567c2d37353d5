/**
 * Logits to probabilities: softmax over the classes, or, where an image may have several labels, a sigmoid
 * for each class on its own.
 */
import { ShapeError } from '../../core/index.ts';
import type { ClassificationPrediction, HostOutputs } from '../types.ts';

/** `outputs.logits` [images, classes] to one prediction per image, its scores in the order of the labels. */
export function decodeClassification(
  outputs: HostOutputs,
  { multiLabel = false }: { readonly multiLabel?: boolean } = {},
): ClassificationPrediction[] {
  const { logits } = outputs;
  const [images, classes] = logits?.shape ?? [];
  if (logits?.shape.length !== 2 || images === undefined || classes === undefined) {
    throw new ShapeError({
      code: 'classification_outputs',
      expected: 'logits [images, classes]',
      received: `logits [${logits?.shape ?? 'none'}]`,
      fix: 'pass the outputs of a classification model unchanged',
    });
  }
  return Array.from({ length: images }, (_, image) => {
    const row = logits.data.subarray(image * classes, (image + 1) * classes);
    return { scores: multiLabel ? row.map(sigmoid) : softmax(row) };
  });
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function softmax(row: Float32Array): Float32Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of row) highest = Math.max(highest, value);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - highest);
  return row.map((value) => Math.exp(value - highest) / sum);
}

/** Labels in descending order of their scores, at most `count`; of equal scores the lower label first. */
export function topLabels({ scores }: ClassificationPrediction, count = scores.length): number[] {
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, count);
}
