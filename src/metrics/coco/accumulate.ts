/**
 * From match bits to precision–recall curves: COCOeval's `accumulate`. Per category, area range and limit of
 * detections, the entries of all images are walked by descending score; precision is made non-increasing from
 * the right and read at the recall thresholds. Without ground truth everything stays −1.
 */
import { sortDescending } from '../sort.ts';
import type { Ledger } from './ledger.ts';
import type { CocoParameters } from './parameters.ts';

export interface CocoCurves {
  /** [T, R, K, A, M]. */
  readonly precision: Float64Array;
  /** [T, R, K, A, M]. */
  readonly scores: Float64Array;
  /** [T, K, A, M]. */
  readonly recall: Float64Array;
}

/** `positives` is [K, A]: how many ground truths count. */
export function accumulate(
  ledger: Ledger,
  positives: Float64Array,
  categoryCount: number,
  parameters: CocoParameters,
): CocoCurves {
  const T = parameters.iouThresholds.length;
  const R = parameters.recallThresholds.length;
  const K = categoryCount;
  const A = parameters.areaRanges.length;
  const M = parameters.maxDetections.length;
  const words = Math.ceil(T / 32);
  const precision = new Float64Array(T * R * K * A * M).fill(-1);
  const scores = new Float64Array(T * R * K * A * M).fill(-1);
  const recall = new Float64Array(T * K * A * M).fill(-1);
  const byCategory = ledger.entriesByCategory(K);
  const longest = byCategory.reduce((most, entries) => Math.max(most, entries.length), 0);
  const spare = new Uint32Array(longest);
  const selected = new Uint32Array(longest);
  const recalls = new Float64Array(longest);
  const precisions = new Float64Array(longest);

  for (let k = 0; k < K; k++) {
    const entries = byCategory[k]!;
    sortDescending(ledger.scores, entries, spare, entries.length);
    for (let m = 0; m < M; m++) {
      let count = 0;
      for (const entry of entries) {
        if (ledger.ranks[entry]! < parameters.maxDetections[m]!) selected[count++] = entry;
      }
      for (let a = 0; a < A; a++) {
        const positive = positives[k * A + a]!;
        if (positive === 0) continue;
        for (let t = 0; t < T; t++) {
          const bit = 1 << (t & 31);
          const offset = a * words + (t >>> 5);
          let truePositives = 0;
          let falsePositives = 0;
          for (let i = 0; i < count; i++) {
            const slot = selected[i]! * ledger.stride + offset;
            if ((ledger.ignored[slot]! & bit) === 0) {
              if ((ledger.matched[slot]! & bit) !== 0) truePositives++;
              else falsePositives++;
            }
            recalls[i] = truePositives / positive;
            precisions[i] = truePositives / (falsePositives + truePositives + 2 ** -52);
          }
          recall[((t * K + k) * A + a) * M + m] = count > 0 ? recalls[count - 1]! : 0;
          for (let i = count - 1; i > 0; i--) {
            if (precisions[i]! > precisions[i - 1]!) precisions[i - 1] = precisions[i]!;
          }
          for (let r = 0; r < R; r++) {
            const slot = (((t * R + r) * K + k) * A + a) * M + m;
            const index = firstAtLeast(recalls, count, parameters.recallThresholds[r]!);
            precision[slot] = index < count ? precisions[index]! : 0;
            scores[slot] = index < count ? ledger.scores[selected[index]!]! : 0;
          }
        }
      }
    }
  }
  return { precision, scores, recall };
}

/** numpy's `searchsorted(values, wanted, side='left')` on the first `count` ascending values. */
function firstAtLeast(values: Float64Array, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
