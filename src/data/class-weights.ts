/** Weights of the classes in the loss, against imbalance. */
import { ConfigError } from '../core/index.ts';
import type { Dataset } from './types.ts';

/**
 * float32 [classes]. `balanced` is scikit-learn's n / (classes · count), so that the weights of the samples
 * are 1 on average; counted are images for classification, objects without crowds otherwise. A class that
 * never occurs gets 1.
 */
export function classWeights(
  dataset: Pick<Dataset, 'records' | 'classes'>,
  weights: 'balanced' | readonly number[],
): Float32Array {
  const { classes } = dataset;
  if (weights !== 'balanced') {
    if (
      weights.length === classes.size &&
      weights.every((weight) => Number.isFinite(weight) && weight >= 0)
    ) {
      return Float32Array.from(weights);
    }
    throw new ConfigError({
      code: 'class_weights_wrong',
      expected: `data.class_weights: balanced, or ${classes.size} numbers from 0 for ${classes.names.join(', ')}`,
      received: `${weights.length} numbers: ${weights.join(', ')}`,
      fix: 'give one number per class, in the order of the category ids',
    });
  }
  const counts = classCounts(dataset);
  const present = counts.filter((count) => count > 0).length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => (count > 0 ? total / (present * count) : 1));
}

/** Examples per label: images for classification, objects without crowds otherwise. */
export function classCounts({ records, classes }: Pick<Dataset, 'records' | 'classes'>): number[] {
  const counts = new Array<number>(classes.size).fill(0);
  const byImage = records.some(({ labels }) => labels.length > 0);
  for (const { labels, annotations } of records) {
    if (byImage) for (const label of labels) counts[label]!++;
    else {
      for (const { categoryId, iscrowd } of annotations) {
        const label = classes.labelOf(categoryId);
        if (label !== undefined && !iscrowd) counts[label]!++;
      }
    }
  }
  return counts;
}
