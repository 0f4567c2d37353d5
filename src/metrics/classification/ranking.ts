/**
 * Metrics of a matrix of scores, [samples × classes]: top-k accuracy, one-against-rest and one-against-one AUC,
 * average precision, log loss, Brier score. A class without positives (or negatives) has no AUC and is left out.
 */
import { descendingOrder } from '../sort.ts';
import { averagePrecision, rocAuc } from './curves.ts';
import { requireNumbers } from './numbers.ts';

/** A matrix of scores: logits or probabilities, row by row. Metrics refuse NaN in it. */
export interface ScoreMatrix {
  readonly samples: number;
  readonly classes: number;
  readonly data: ArrayLike<number>;
}

/** Softmax of every row. */
export function softmaxRows({ samples, classes, data }: ScoreMatrix): Float64Array {
  const result = new Float64Array(samples * classes);
  for (let row = 0; row < samples; row++) {
    const base = row * classes;
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, data[base + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      result[base + c] = Math.exp(data[base + c]! - largest);
      sum += result[base + c]!;
    }
    for (let c = 0; c < classes; c++) result[base + c]! /= sum;
  }
  return result;
}

/** The class of the highest score per row; of equal ones the first. */
export function argmaxRows({ samples, classes, data }: ScoreMatrix): Int32Array {
  requireNumbers(data);
  const result = new Int32Array(samples);
  for (let row = 0; row < samples; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (data[row * classes + c]! > data[row * classes + best]!) best = c;
    }
    result[row] = best;
  }
  return result;
}

/**
 * The share of rows whose true class is among the `k` highest scores. Of equal scores the lower class comes first;
 * scikit-learn takes the higher one (`ties: 'higher'`).
 */
export function topKAccuracy(
  scores: ScoreMatrix,
  truth: ArrayLike<number>,
  k: number,
  ties: 'lower' | 'higher' = 'lower',
): number {
  const { samples, classes, data } = scores;
  requireNumbers(data);
  let hits = 0;
  for (let row = 0; row < samples; row++) {
    const target = truth[row]!;
    const score = data[row * classes + target]!;
    let better = 0;
    for (let c = 0; c < classes; c++) {
      const other = data[row * classes + c]!;
      const winsTie = ties === 'lower' ? c < target : c > target;
      if (other > score || (other === score && winsTie)) better++;
    }
    if (better < k) hits++;
  }
  return hits / samples;
}

export function columnOf({ samples, classes, data }: ScoreMatrix, c: number): Float64Array {
  return Float64Array.from({ length: samples }, (_, row) => data[row * classes + c]!);
}

/** A value per class, by class index; classes for which it does not exist are absent. */
export type PerClass = ReadonlyMap<number, number>;

/** One against rest, per class. */
export function rocAucPerClass(scores: ScoreMatrix, truth: ArrayLike<number>): PerClass {
  return perClass(scores, truth, rocAuc);
}

export function averagePrecisionPerClass(scores: ScoreMatrix, truth: ArrayLike<number>): PerClass {
  return perClass(scores, truth, averagePrecision);
}

function perClass(
  scores: ScoreMatrix,
  truth: ArrayLike<number>,
  measure: (column: Float64Array, positive: Uint8Array) => number | undefined,
): PerClass {
  const values = new Map<number, number>();
  for (let c = 0; c < scores.classes; c++) {
    const positive = Uint8Array.from({ length: scores.samples }, (_, row) => (truth[row] === c ? 1 : 0));
    const value = measure(columnOf(scores, c), positive);
    if (value !== undefined) values.set(c, value);
  }
  return values;
}

/** The mean over the classes that have a value, weighted by `weights[class]` where given; undefined without any. */
export function meanOverClasses(values: PerClass, weights?: ArrayLike<number>): number | undefined {
  let sum = 0;
  let weight = 0;
  for (const [c, value] of values) {
    sum += value * (weights?.[c] ?? 1);
    weight += weights?.[c] ?? 1;
  }
  return weight === 0 ? undefined : sum / weight;
}

/**
 * The mean AUC over all pairs of classes, each measured both ways on the samples of the two (Hand & Till 2001);
 * pairs with an absent class are left out. Undefined without any pair.
 */
export function rocAucOneVsOne(scores: ScoreMatrix, truth: ArrayLike<number>): number | undefined {
  const rowsOf = Array.from({ length: scores.classes }, (): number[] => []);
  for (let row = 0; row < scores.samples; row++) rowsOf[truth[row]!]!.push(row);
  let sum = 0;
  let pairs = 0;
  for (let a = 0; a < scores.classes; a++) {
    for (let b = a + 1; b < scores.classes; b++) {
      const rows = [...rowsOf[a]!, ...rowsOf[b]!];
      const oneWay = (c: number): number | undefined =>
        rocAuc(
          rows.map((row) => scores.data[row * scores.classes + c]!),
          rows.map((row) => truth[row] === c),
        );
      const first = oneWay(a);
      const second = oneWay(b);
      if (first === undefined || second === undefined) continue;
      sum += (first + second) / 2;
      pairs++;
    }
  }
  return pairs === 0 ? undefined : sum / pairs;
}

/**
 * The mean of −ln p(true class). A probability that underflowed to 0 counts as the smallest normal double
 * (−ln ≈ 708), so that one hopeless sample does not make the mean infinite; nothing else is clipped.
 */
export function logLoss(probabilities: ScoreMatrix, truth: ArrayLike<number>): number {
  requireNumbers(probabilities.data);
  let sum = 0;
  for (let row = 0; row < probabilities.samples; row++) {
    const probability = probabilities.data[row * probabilities.classes + truth[row]!]!;
    sum -= Math.log(Math.max(probability, 2 ** -1022));
  }
  return sum / probabilities.samples;
}

/** The mean squared distance between probabilities and the one-hot truth, summed over classes: 0 … 2. */
export function brierScore(probabilities: ScoreMatrix, truth: ArrayLike<number>): number {
  requireNumbers(probabilities.data);
  let sum = 0;
  for (let row = 0; row < probabilities.samples; row++) {
    for (let c = 0; c < probabilities.classes; c++) {
      const wanted = truth[row] === c ? 1 : 0;
      sum += (probabilities.data[row * probabilities.classes + c]! - wanted) ** 2;
    }
  }
  return sum / probabilities.samples;
}

/** Classes of a row by descending score; of equal ones the lower first. */
export function rankedClasses(scores: ScoreMatrix, row: number): Uint32Array {
  const { classes, data } = scores;
  return descendingOrder(Float64Array.from({ length: classes }, (_, c) => data[row * classes + c]!));
}
