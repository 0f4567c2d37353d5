/**
 * ROC and precision–recall curves of one class against the rest, and their areas, as scikit-learn computes
 * them: equal scores are one point of the curve, the ROC area is taken by trapezoids, average precision is
 * Σ (Rₙ − Rₙ₋₁) Pₙ without interpolation.
 */
import { descendingOrder } from '../sort.ts';
import { requireNumbers } from './numbers.ts';

/** Points with rising false positive rate; the first is (0, 0) at threshold +∞. */
export interface RocCurve {
  readonly falsePositiveRate: Float64Array;
  readonly truePositiveRate: Float64Array;
  readonly thresholds: Float64Array;
}

/** Points with rising threshold and falling recall; precision and recall have one more: (1, 0). */
export interface PrecisionRecallCurve {
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly thresholds: Float64Array;
}

/** True and false positives at every distinct score, best first. */
interface Cumulative {
  readonly thresholds: number[];
  readonly truePositives: number[];
  readonly falsePositives: number[];
}

function cumulative(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): Cumulative {
  requireNumbers(scores);
  const order = descendingOrder(scores);
  const result: Cumulative = { thresholds: [], truePositives: [], falsePositives: [] };
  let hits = 0;
  for (let i = 0; i < order.length; i++) {
    if (positive[order[i]!]) hits++;
    const score = scores[order[i]!]!;
    if (i + 1 < order.length && scores[order[i + 1]!] === score) continue;
    result.thresholds.push(score);
    result.truePositives.push(hits);
    result.falsePositives.push(i + 1 - hits);
  }
  return result;
}

/** `positive[i]` says whether sample i is of the class. NaN rates where there is no positive (or negative). */
export function rocCurve(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): RocCurve {
  const { thresholds, truePositives, falsePositives } = cumulative(scores, positive);
  const positives = truePositives.at(-1) ?? 0;
  const negatives = falsePositives.at(-1) ?? 0;
  return {
    falsePositiveRate: Float64Array.from([0, ...falsePositives.map((count) => count / negatives)]),
    truePositiveRate: Float64Array.from([0, ...truePositives.map((count) => count / positives)]),
    thresholds: Float64Array.from([Number.POSITIVE_INFINITY, ...thresholds]),
  };
}

export function precisionRecallCurve(
  scores: ArrayLike<number>,
  positive: ArrayLike<number | boolean>,
): PrecisionRecallCurve {
  const { thresholds, truePositives, falsePositives } = cumulative(scores, positive);
  const positives = truePositives.at(-1) ?? 0;
  const precision = truePositives.map((hits, i) => hits / (hits + falsePositives[i]!));
  // Without positives every recall is 1, as scikit-learn has it.
  const recall = truePositives.map((hits) => (positives === 0 ? 1 : hits / positives));
  return {
    precision: Float64Array.from([...precision.reverse(), 1]),
    recall: Float64Array.from([...recall.reverse(), 0]),
    thresholds: Float64Array.from(thresholds.toReversed()),
  };
}

/** The area under the ROC curve; undefined where the class has no positives or no negatives. */
export function rocAuc(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number | undefined {
  const { truePositives, falsePositives } = cumulative(scores, positive);
  const positives = truePositives.at(-1) ?? 0;
  const negatives = falsePositives.at(-1) ?? 0;
  if (positives === 0 || negatives === 0) return undefined;
  let area = 0;
  for (let i = 0; i < truePositives.length; i++) {
    const width = falsePositives[i]! - (falsePositives[i - 1] ?? 0);
    area += (width * (truePositives[i]! + (truePositives[i - 1] ?? 0))) / 2;
  }
  return area / positives / negatives;
}

/** Average precision; undefined where the class has no positives. */
export function averagePrecision(
  scores: ArrayLike<number>,
  positive: ArrayLike<number | boolean>,
): number | undefined {
  const { truePositives, falsePositives } = cumulative(scores, positive);
  const positives = truePositives.at(-1) ?? 0;
  if (positives === 0) return undefined;
  let sum = 0;
  for (let i = 0; i < truePositives.length; i++) {
    const gained = truePositives[i]! - (truePositives[i - 1] ?? 0);
    sum += (gained / positives) * (truePositives[i]! / (truePositives[i]! + falsePositives[i]!));
  }
  return sum;
}
