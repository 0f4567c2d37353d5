/**
 * Classification metrics as scikit-learn computes them, under the names of the command line: `accuracy` (top-1;
 * with several labels: all of them right), `accuracy_top5`, `precision`, `recall`, `f1` (macro; `_micro`,
 * `_weighted` beside), `auc` (one against rest, macro). A class without positives or without negatives has no
 * AUC and is left out of its mean.
 */
import { type ClassMap, DataError, type Metrics } from '../../core/index.ts';
import type { ImageRecord } from '../../data/index.ts';
import {
  type Averaging,
  argmaxRows,
  averaged,
  type ClassCounts,
  columnOf,
  confusionMatrix,
  countsOf,
  type LabelMatrix,
  labelCounts,
  meanOverClasses,
  type PerClass,
  requireNumbers,
  rocAuc,
  rocAucPerClass,
  type ScoreMatrix,
  subsetAccuracy,
  topKAccuracy,
} from '../../metrics/index.ts';
import type { ClassificationPrediction, Evaluator } from '../types.ts';

/** Above this probability a label is predicted, with several labels per image. */
const labelThreshold = 0.5;

export interface ClassificationMetricsOptions {
  readonly multiLabel?: boolean;
}

const averages: readonly (readonly [suffix: string, averaging: Averaging])[] = [
  ['', 'macro'],
  ['_micro', 'micro'],
  ['_weighted', 'weighted'],
];

/** What `training.monitor_metric` may name (after the split's prefix). */
export function classificationMetricNames(
  classes: ClassMap,
  { multiLabel = false }: ClassificationMetricsOptions = {},
): string[] {
  return [
    'accuracy',
    ...(hasTop5(classes, multiLabel) ? ['accuracy_top5'] : []),
    ...averages.flatMap(([suffix]) => [`precision${suffix}`, `recall${suffix}`, `f1${suffix}`]),
    'auc',
  ];
}

/** Among five classes or fewer every prediction would be right. */
function hasTop5(classes: ClassMap, multiLabel: boolean): boolean {
  return !multiLabel && classes.size > 5;
}

/** Scores and truth of everything evaluated so far, for the report. */
export interface ClassificationResults {
  /** Probabilities [samples × classes], in the data set's label order. */
  readonly scores: ScoreMatrix;
  /** With one label per image: the label. */
  readonly labels: Int32Array;
  /** 0 or 1, [samples × classes]. */
  readonly labelMatrix: LabelMatrix;
  readonly imageIds: readonly (number | string)[];
}

export interface ClassificationEvaluator extends Evaluator<ClassificationPrediction> {
  results(): ClassificationResults;
}

/**
 * An evaluator for images of a data set with `classes`. Predictions speak of `modelClasses` (the same unless
 * given); their classes are found by name, and a class that the model does not know has score 0.
 */
export function classificationEvaluator(
  classes: ClassMap,
  { multiLabel = false }: ClassificationMetricsOptions = {},
  modelClasses: ClassMap = classes,
): ClassificationEvaluator {
  const modelLabels = classes.names.map((name) => modelClasses.labelOfName(name));
  const imageIds: (number | string)[] = [];
  const truth: (readonly number[])[] = [];
  let scores = new Float32Array(64 * classes.size);

  const results = (): ClassificationResults => {
    const samples = truth.length;
    const labelMatrix = new Uint8Array(samples * classes.size);
    truth.forEach((labels, row) => {
      for (const label of labels) labelMatrix[row * classes.size + label] = 1;
    });
    return {
      scores: { samples, classes: classes.size, data: scores.subarray(0, samples * classes.size) },
      labels: Int32Array.from(truth, (labels) => labels[0] ?? -1),
      labelMatrix: { samples, classes: classes.size, data: labelMatrix },
      imageIds,
    };
  };

  return {
    update(record, prediction) {
      checkRecord(record, classes, multiLabel);
      requireNumbers(prediction.scores, `image ${record.id}`);
      if (scores.length < (truth.length + 1) * classes.size) {
        const larger = new Float32Array(2 * scores.length);
        larger.set(scores);
        scores = larger;
      }
      modelLabels.forEach((modelLabel, label) => {
        scores[truth.length * classes.size + label] =
          modelLabel === undefined ? 0 : prediction.scores[modelLabel]!;
      });
      truth.push(record.labels);
      imageIds.push(record.id);
    },
    compute: () => (truth.length === 0 ? {} : classificationMetrics(results(), classes, { multiLabel })),
    results,
  };
}

/** The numbers by our names; what does not exist is left out. */
function classificationMetrics(
  { scores, labels, labelMatrix }: ClassificationResults,
  classes: ClassMap,
  { multiLabel = false }: ClassificationMetricsOptions = {},
): Metrics {
  const metrics: Record<string, number> = {};
  let counts: ClassCounts[];
  let auc: PerClass;
  if (multiLabel) {
    const predicted: LabelMatrix = {
      ...scores,
      data: Uint8Array.from(scores.data, (score) => (score > labelThreshold ? 1 : 0)),
    };
    counts = labelCounts(labelMatrix, predicted);
    auc = new Map(
      counts.flatMap((_, c) => {
        const value = rocAuc(columnOf(scores, c), columnOf(labelMatrix, c));
        return value === undefined ? [] : [[c, value] as const];
      }),
    );
    metrics.accuracy = subsetAccuracy(labelMatrix, predicted);
  } else {
    counts = countsOf(confusionMatrix(labels, argmaxRows(scores), classes.size), classes.size);
    auc = rocAucPerClass(scores, labels);
    metrics.accuracy = topKAccuracy(scores, labels, 1);
    if (hasTop5(classes, multiLabel)) metrics.accuracy_top5 = topKAccuracy(scores, labels, 5);
  }
  for (const [suffix, averaging] of averages) {
    for (const [name, value] of Object.entries(averaged(counts, averaging))) {
      metrics[`${name}${suffix}`] = value;
    }
  }
  const meanAuc = meanOverClasses(auc);
  if (meanAuc !== undefined) metrics.auc = meanAuc;
  return metrics;
}

function checkRecord(record: ImageRecord, classes: ClassMap, multiLabel: boolean): void {
  const known = record.labels.every((label) => Number.isInteger(label) && label >= 0 && label < classes.size);
  if (known && (multiLabel || record.labels.length === 1)) return;
  throw new DataError({
    code: 'labels_of_image',
    expected: multiLabel
      ? `labels from 0 to ${classes.size - 1} for image ${record.id}`
      : `one label from 0 to ${classes.size - 1} for image ${record.id}`,
    received: record.labels.length === 0 ? 'none' : record.labels.join(', '),
    fix: multiLabel ? 'correct the annotations' : 'correct the annotations, or set data.multi_label: true',
  });
}
