/**
 * What a classifier gets wrong: which classes it takes for which, how sure it is when it is wrong, and the images
 * that it is most wrong about. With several labels per image every label is a question of its own.
 */
import {
  argmaxRows,
  averagePrecision,
  type ClassCounts,
  columnOf,
  confusionMatrix,
  countsOf,
  type LabelMatrix,
  labelCounts,
  type PrecisionRecallF1,
  precisionRecallF1,
  rocAuc,
  type ScoreMatrix,
} from '../classification/index.ts';

export interface ClassificationOutcome {
  /** Probabilities [samples × classes]. */
  readonly scores: ScoreMatrix;
  /** 0 or 1, [samples × classes]. */
  readonly truth: LabelMatrix;
  readonly multiLabel: boolean;
  /** With several labels: a label is predicted above this probability (0.5). */
  readonly threshold?: number;
}

export interface ClassificationClass extends ClassCounts, PrecisionRecallF1 {
  readonly label: number;
  readonly support: number;
  /** One against the rest; null where the class has no positives (or no negatives). */
  readonly auc: number | null;
  readonly averagePrecision: number | null;
}

/** One wrong image. */
export interface WrongImage {
  /** The row of the matrices. */
  readonly row: number;
  readonly truth: readonly number[];
  readonly predicted: readonly number[];
  /** How sure the model was of its worst mistake, 0 … 1. */
  readonly confidence: number;
}

export interface ClassificationErrors {
  readonly right: number;
  readonly wrong: number;
  /** The mean confidence of right and of wrong predictions; null without any. */
  readonly confidenceRight: number | null;
  readonly confidenceWrong: number | null;
  readonly perClass: readonly ClassificationClass[];
  /** Labels taken for others, most frequent first; empty with several labels. */
  readonly confusions: readonly {
    readonly truth: number;
    readonly predicted: number;
    readonly count: number;
  }[];
  /** [classes × classes], rows are the truth; undefined with several labels. */
  readonly confusionMatrix?: Float64Array;
  /** Most confidently wrong first. */
  readonly wrongImages: readonly WrongImage[];
}

export function classificationErrors(outcome: ClassificationOutcome): ClassificationErrors {
  const { scores, truth, multiLabel } = outcome;
  const { samples, classes } = scores;
  const threshold = outcome.threshold ?? 0.5;
  const best = argmaxRows(scores);
  const predicted = new Uint8Array(samples * classes);
  for (let i = 0; i < predicted.length; i++) {
    const row = Math.floor(i / classes);
    predicted[i] = (multiLabel ? scores.data[i]! > threshold : best[row] === i % classes) ? 1 : 0;
  }
  const rows = Array.from({ length: samples }, (_, row) => judge(outcome, predicted, row));
  const wrongImages = rows.filter((row) => row.wrong).sort((a, b) => b.confidence - a.confidence);
  const right = rows.filter((row) => !row.wrong);
  const labels = Int32Array.from(rows, (row) => row.truth[0] ?? 0);
  const matrix = multiLabel ? undefined : confusionMatrix(labels, best, classes);
  const counts = matrix
    ? countsOf(matrix, classes)
    : labelCounts(truth, { samples, classes, data: predicted });
  return {
    right: right.length,
    wrong: wrongImages.length,
    confidenceRight: mean(right.map((row) => row.confidence)),
    confidenceWrong: mean(wrongImages.map((row) => row.confidence)),
    perClass: counts.map((row, label) => {
      const column = columnOf(scores, label);
      const positive = columnOf(truth, label);
      return {
        label,
        support: row.truePositives + row.falseNegatives,
        ...row,
        ...precisionRecallF1(row),
        auc: rocAuc(column, positive) ?? null,
        averagePrecision: averagePrecision(column, positive) ?? null,
      };
    }),
    confusions: matrix ? confusedPairs(matrix, classes) : [],
    ...(matrix ? { confusionMatrix: matrix } : {}),
    wrongImages: wrongImages.map(({ wrong: _, ...row }) => row),
  };
}

/** A row's labels and confidence: of the prediction, or with several labels of the worst mistake or weakest answer. */
function judge(
  { scores, truth, multiLabel }: ClassificationOutcome,
  predicted: Uint8Array,
  row: number,
): WrongImage & { wrong: boolean } {
  const { classes, data } = scores;
  const labels = Array.from({ length: classes }, (_, c) => c);
  const at = (c: number): number => row * classes + c;
  const isTrue = labels.filter((c) => truth.data[at(c)] !== 0);
  const isPredicted = labels.filter((c) => predicted[at(c)] !== 0);
  const mistakes = labels.filter((c) => (truth.data[at(c)] !== 0) !== (predicted[at(c)] !== 0));
  const wrong = mistakes.length > 0;
  const sureness = (c: number): number => (predicted[at(c)] ? data[at(c)]! : 1 - data[at(c)]!);
  const confidence = multiLabel
    ? wrong
      ? Math.max(...mistakes.map(sureness))
      : Math.min(...labels.map(sureness))
    : data[at(isPredicted[0]!)]!;
  return { row, truth: isTrue, predicted: isPredicted, confidence, wrong };
}

function confusedPairs(matrix: Float64Array, classes: number) {
  const pairs: { truth: number; predicted: number; count: number }[] = [];
  for (let truth = 0; truth < classes; truth++) {
    for (let predicted = 0; predicted < classes; predicted++) {
      const count = matrix[truth * classes + predicted]!;
      if (truth !== predicted && count > 0) pairs.push({ truth, predicted, count });
    }
  }
  return pairs.sort((a, b) => b.count - a.count);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
