/**
 * A batch in parts that fit into memory. Each part is a batch of its own with its share of the rows; gradients of
 * parts are averaged by images, so the weights move as by the whole batch (batch norms and mixing see the part).
 */
import type { Batch } from '../data/index.ts';

/** The next larger number of equal parts that `rows` rows can be split into; undefined: none, rows are single. */
export function nextSplit(rows: number, parts: number): number | undefined {
  for (let more = parts + 1; more <= rows; more++) if (rows % more === 0) return more;
  return undefined;
}

/** In how few equal parts `rows` rows are computed when `most` are at once. */
export function partsOf(rows: number, most: number): number {
  let parts = Math.ceil(rows / Math.max(1, most));
  while (rows % parts !== 0) parts++;
  return parts;
}

/** `parts` batches of equal shape; those without a real image are left out. */
export function splitBatch(batch: Batch, parts: number): Batch[] {
  const [rows, channels, height, width] = batch.shape;
  if (parts === 1) return [batch];
  if (rows % parts !== 0) throw new Error(`${rows} rows can't be split into ${parts} equal parts`);
  const length = rows / parts;
  const area = height * width;
  const split: Batch[] = [];
  for (let from = 0; from < Math.min(rows, batch.count); from += length) {
    const to = from + length;
    split.push({
      ...batch,
      indices: batch.indices.slice(from, to),
      imageIds: batch.imageIds.slice(from, to),
      pixelValues: batch.pixelValues.subarray(from * channels * area, to * channels * area),
      pixelMask: batch.pixelMask.subarray(from * area, to * area),
      shape: [length, channels, height, width],
      count: Math.min(length, batch.count - from),
      samples: batch.samples.slice(from, to),
    });
  }
  return split;
}
