/** The numbers of a classification report: what metrics.json and the CSV tables hold. */
import {
  type ClassificationErrors,
  columnOf,
  precisionRecallCurve,
  rankedClasses,
  rocCurve,
} from '../metrics/index.ts';
import { csv } from './csv.ts';
import type { ClassificationResults } from './types.ts';

const mostLines = 6;

/** Everything that sections and tables share. */
export interface ClassificationContext {
  readonly results: ClassificationResults;
  readonly errors: ClassificationErrors;
  name(label: number): string;
}

/** The weakest classes by area under the ROC curve: where there is something to see. */
export function curveClasses({ errors }: ClassificationContext): number[] {
  return errors.perClass
    .filter((row) => row.auc !== null)
    .toSorted((a, b) => a.auc! - b.auc!)
    .slice(0, mostLines)
    .map((row) => row.label)
    .sort((a, b) => a - b);
}

export function classificationJson({
  results,
  errors,
  name,
}: ClassificationContext): Record<string, unknown> {
  return {
    per_class: errors.perClass.map((row) => ({
      label: row.label,
      name: name(row.label),
      support: row.support,
      precision: row.precision,
      recall: row.recall,
      f1: row.f1,
      auc: row.auc,
      average_precision: row.averagePrecision,
    })),
    error_analysis: {
      right: errors.right,
      wrong: errors.wrong,
      avg_confidence_right: errors.confidenceRight,
      avg_confidence_wrong: errors.confidenceWrong,
      class_confusion: {
        most_confused_pairs: errors.confusions
          .slice(0, 10)
          .map((pair) => ({ truth: name(pair.truth), predicted: name(pair.predicted), count: pair.count })),
      },
      worst_images: errors.wrongImages.slice(0, 20).map((row) => ({
        image_id: results.images[row.row]!.id,
        file_name: results.images[row.row]!.fileName,
        truth: row.truth.map(name),
        predicted: row.predicted.map(name),
        confidence: row.confidence,
      })),
    },
  };
}

export function classificationTables(context: ClassificationContext): Map<string, string> {
  const { results, errors, name } = context;
  const { classes, samples } = results.scores;
  const matrix = errors.confusionMatrix;
  const names = errors.perClass.map((row) => name(row.label));
  const wrong = new Map(errors.wrongImages.map((row) => [row.row, row]));
  const tables = new Map([
    [
      'per_class.csv',
      csv(
        ['label', 'name', 'support', 'precision', 'recall', 'f1', 'auc', 'average_precision'],
        errors.perClass.map((row) => [
          row.label,
          name(row.label),
          row.support,
          row.precision,
          row.recall,
          row.f1,
          row.auc,
          row.averagePrecision,
        ]),
      ),
    ],
    [
      'images.csv',
      csv(
        ['image_id', 'file_name', 'truth', 'predicted', 'score', 'right'],
        Array.from({ length: samples }, (_, row) => {
          const best = rankedClasses(results.scores, row)[0]!;
          const truth = names.filter((_, label) => results.truth.data[row * classes + label] !== 0);
          const predicted =
            wrong.get(row)?.predicted.map(name) ?? (results.multiLabel ? truth : [name(best)]);
          return [
            results.images[row]!.id,
            results.images[row]!.fileName,
            truth.join('; '),
            predicted.join('; '),
            results.scores.data[row * classes + best]!,
            wrong.has(row) ? 0 : 1,
          ];
        }),
      ),
    ],
    ...curveTables(context),
  ]);
  if (matrix) {
    tables.set(
      'confusion_matrix.csv',
      csv(
        ['truth', ...names],
        names.map((label, row) => [label, ...matrix.subarray(row * classes, (row + 1) * classes)]),
      ),
    );
  }
  return tables;
}

/** Points of the plotted curves, class by class. */
function curveTables(context: ClassificationContext): [string, string][] {
  const { results, name } = context;
  const roc: (string | number)[][] = [];
  const precisionRecall: (string | number)[][] = [];
  for (const label of curveClasses(context)) {
    const scores = columnOf(results.scores, label);
    const truth = columnOf(results.truth, label);
    const curve = rocCurve(scores, truth);
    curve.thresholds.forEach((threshold, i) => {
      roc.push([name(label), threshold, curve.falsePositiveRate[i]!, curve.truePositiveRate[i]!]);
    });
    const { precision, recall, thresholds } = precisionRecallCurve(scores, truth);
    thresholds.forEach((threshold, i) => {
      precisionRecall.push([name(label), threshold, recall[i]!, precision[i]!]);
    });
  }
  return [
    ['roc_curve.csv', csv(['class', 'threshold', 'false_positive_rate', 'true_positive_rate'], roc)],
    ['pr_curve.csv', csv(['class', 'threshold', 'recall', 'precision'], precisionRecall)],
  ];
}
