/**
 * Labels as distributions: [batch, classes] with a one (several with multi-label), so that mixup can blend them,
 * and a weight per row that is 0 for rows which only fill up the batch.
 */
import { DataError } from '../../core/index.ts';
import type { Batch } from '../../data/index.ts';
import type { HostArrays } from '../types.ts';

/** `labels` float32 [batch, classes], `weight` float32 [batch]. */
export function classificationTargets(
  batch: Pick<Batch, 'samples' | 'count'>,
  classes: number,
  { multiLabel = false }: { readonly multiLabel?: boolean } = {},
): HostArrays {
  const rows = batch.samples.length;
  const labels = new Float32Array(rows * classes);
  batch.samples.forEach(({ labels: own, imageId }, row) => {
    if (row >= batch.count) return;
    const fits = multiLabel || own.length === 1;
    if (!fits || own.some((label) => !(label >= 0 && label < classes))) {
      throw new DataError({
        code: 'classification_label',
        expected: `${multiLabel ? 'labels' : 'one label'} from 0 to ${classes - 1} for image ${imageId}`,
        received: own.length === 0 ? 'none' : own.join(', '),
        fix: multiLabel ? 'check the annotations' : 'check the annotations, or set data.multi_label: true',
      });
    }
    for (const label of own) labels[row * classes + label] = 1;
  });
  return {
    labels: { shape: [rows, classes], data: labels },
    weight: {
      shape: [rows],
      data: Float32Array.from({ length: rows }, (_, row) => Number(row < batch.count)),
    },
  };
}
