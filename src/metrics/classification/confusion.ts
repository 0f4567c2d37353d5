/**
 * Precision, recall, F1 and what else follows from counting predicted against true classes, with scikit-learn's
 * conventions: a ratio with nothing below the line is 0, macro means run over all classes, also absent ones,
 * unless asked otherwise (torchmetrics leaves out a class without truth and without predictions).
 */

export interface PrecisionRecallF1 {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Counts of one class against the rest. */
export interface ClassCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** [classes × classes] counts, rows are the truth, columns the prediction. */
export function confusionMatrix(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): Float64Array {
  const matrix = new Float64Array(classes * classes);
  for (let i = 0; i < truth.length; i++) matrix[truth[i]! * classes + predicted[i]!]! += 1;
  return matrix;
}

/** The counts of every class of a confusion matrix. */
export function countsOf(matrix: Float64Array, classes: number): ClassCounts[] {
  return Array.from({ length: classes }, (_, c) => {
    const truePositives = matrix[c * classes + c]!;
    let predicted = 0;
    let actual = 0;
    for (let other = 0; other < classes; other++) {
      predicted += matrix[other * classes + c]!;
      actual += matrix[c * classes + other]!;
    }
    return {
      truePositives,
      falsePositives: predicted - truePositives,
      falseNegatives: actual - truePositives,
    };
  });
}

export function precisionRecallF1(counts: ClassCounts): PrecisionRecallF1 {
  const { truePositives: hits, falsePositives, falseNegatives } = counts;
  return {
    precision: ratio(hits, hits + falsePositives),
    recall: ratio(hits, hits + falseNegatives),
    f1: ratio(2 * hits, 2 * hits + falsePositives + falseNegatives),
  };
}

export type Averaging = 'macro' | 'micro' | 'weighted';

export interface AverageOptions {
  /** Leave classes without truth and without predictions out of the macro mean. */
  readonly presentOnly?: boolean;
}

/** Macro: the mean over classes; micro: of the summed counts; weighted: the mean weighted by true samples. */
export function averaged(
  counts: readonly ClassCounts[],
  averaging: Averaging,
  { presentOnly = false }: AverageOptions = {},
): PrecisionRecallF1 {
  if (averaging === 'micro') {
    const total = (key: keyof ClassCounts): number => counts.reduce((sum, row) => sum + row[key], 0);
    return precisionRecallF1({
      truePositives: total('truePositives'),
      falsePositives: total('falsePositives'),
      falseNegatives: total('falseNegatives'),
    });
  }
  const rows = counts.filter(
    (row) => !presentOnly || row.truePositives + row.falsePositives + row.falseNegatives > 0,
  );
  const weights = rows.map((row) => (averaging === 'weighted' ? row.truePositives + row.falseNegatives : 1));
  const values = rows.map(precisionRecallF1);
  return {
    precision: weightedMean(
      values.map((value) => value.precision),
      weights,
    ),
    recall: weightedMean(
      values.map((value) => value.recall),
      weights,
    ),
    f1: weightedMean(
      values.map((value) => value.f1),
      weights,
    ),
  };
}

/** Σ weight × value / Σ weight; 0 without weight. */
function weightedMean(values: readonly number[], weights: readonly number[]): number {
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]! * weights[i]!;
    weight += weights[i]!;
  }
  return ratio(sum, weight);
}

/** The mean recall over the classes that have true samples. */
export function balancedAccuracy(counts: readonly ClassCounts[]): number {
  const present = counts.filter((row) => row.truePositives + row.falseNegatives > 0);
  return weightedMean(
    present.map((row) => precisionRecallF1(row).recall),
    present.map(() => 1),
  );
}

/** Cohen's κ: agreement beyond what the marginals alone would give. 1 is perfect, 0 is chance. */
export function cohenKappa(matrix: Float64Array, classes: number): number {
  const { total, diagonal, rows, columns } = marginals(matrix, classes);
  const chance = rows.reduce((sum, row, c) => sum + row * columns[c]!, 0) / total;
  return (diagonal - chance) / (total - chance);
}

/** Matthews' correlation coefficient for any number of classes (Gorodkin's R_K), −1 … 1; 0 where undefined. */
export function matthewsCorrelation(matrix: Float64Array, classes: number): number {
  const { total, diagonal, rows, columns } = marginals(matrix, classes);
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, c) => sum + value * b[c]!, 0);
  const covariance = diagonal * total - dot(rows, columns);
  const truth = total * total - dot(rows, rows);
  const predicted = total * total - dot(columns, columns);
  return ratio(covariance, Math.sqrt(truth * predicted));
}

function marginals(matrix: Float64Array, classes: number) {
  const rows = new Array<number>(classes).fill(0);
  const columns = new Array<number>(classes).fill(0);
  let diagonal = 0;
  let total = 0;
  for (let t = 0; t < classes; t++) {
    for (let p = 0; p < classes; p++) {
      const count = matrix[t * classes + p]!;
      rows[t]! += count;
      columns[p]! += count;
      total += count;
      if (t === p) diagonal += count;
    }
  }
  return { rows, columns, diagonal, total };
}

function ratio(above: number, below: number): number {
  return below === 0 ? 0 : above / below;
}
