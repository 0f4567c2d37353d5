/** The numbers of a detection report: what metrics.json and the CSV tables hold. */
import { type CocoEvaluation, type DetectionErrors, objectSizes } from '../metrics/index.ts';
import { csv } from './csv.ts';

/** Everything that sections and tables share. */
export interface DetectionContext {
  readonly evaluation: CocoEvaluation;
  readonly errors: DetectionErrors;
  name(categoryId: number): string;
}

/** Precision at each recall threshold, averaged over the classes with ground truth; area all, most detections. */
export function precisionAt(
  evaluation: CocoEvaluation,
  thresholds: readonly number[],
  category?: number,
): number[] {
  const { iouThresholds, recallThresholds, areaRanges, maxDetections } = evaluation.parameters;
  const K = evaluation.perCategory.length;
  const R = recallThresholds.length;
  const A = areaRanges.length;
  const M = maxDetections.length;
  return recallThresholds.map((_, r) => {
    let sum = 0;
    let count = 0;
    for (const threshold of thresholds) {
      const t = iouThresholds.indexOf(threshold);
      for (let k = category ?? 0; k <= (category ?? K - 1); k++) {
        const value = evaluation.precision[(((t * R + r) * K + k) * A + 0) * M + M - 1]!;
        if (value <= -1) continue;
        sum += value;
        count++;
      }
    }
    return count === 0 ? 0 : sum / count;
  });
}

export function numbersOf({ evaluation, errors, name }: DetectionContext): Record<string, unknown> {
  return {
    per_class: evaluation.perCategory.map((row, k) => ({
      category_id: row.categoryId,
      name: name(row.categoryId),
      annotations: row.annotations,
      ...Object.fromEntries(
        Object.entries(row.values).map(([key, value]) => [key, value > -1 ? value : null]),
      ),
      precision: errors.perClass[k]!.precision,
      recall: errors.perClass[k]!.recall,
      f1: errors.perClass[k]!.f1,
    })),
    error_analysis: {
      score_threshold: errors.scoreThreshold,
      iou_threshold: errors.iouThreshold,
      precision: errors.precision,
      recall: errors.recall,
      f1: errors.f1,
      true_positives: errors.truePositives,
      false_positives: {
        total: errors.falsePositives.total,
        avg_confidence: errors.falsePositives.averageConfidence,
        by_kind: errors.falsePositives.byKind,
        top_classes: topClasses(errors, 'falsePositives', name),
      },
      false_negatives: {
        total: errors.falseNegatives.total,
        by_reason: errors.falseNegatives.byReason,
        top_classes: topClasses(errors, 'falseNegatives', name),
      },
      localization_errors: {
        avg_iou: errors.localization.averageIou,
        poor_localization_rate: errors.localization.poorRate,
      },
      size_errors: Object.fromEntries(
        objectSizes.map((size) => [
          `${size}_object_errors`,
          {
            missed: errors.falseNegatives.bySize[size].missed,
            objects: errors.falseNegatives.bySize[size].truths,
            false_detections: errors.falsePositives.bySize[size],
          },
        ]),
      ),
      class_confusion: {
        most_confused_pairs: errors.confusions
          .slice(0, 10)
          .map((pair) => ({ truth: name(pair.truth), predicted: name(pair.predicted), count: pair.count })),
      },
      worst_images: errors.images.slice(0, 20).map((row) => ({
        image_id: row.id,
        found: row.truePositives,
        false_detections: row.falsePositives,
        missed: row.falseNegatives,
      })),
    },
  };
}

function topClasses(
  errors: DetectionErrors,
  key: 'falsePositives' | 'falseNegatives',
  name: DetectionContext['name'],
): { name: string; count: number }[] {
  return errors.perClass
    .filter((row) => row[key] > 0)
    .toSorted((a, b) => b[key] - a[key])
    .slice(0, 5)
    .map((row) => ({ name: name(row.categoryId), count: row[key] }));
}

export function tablesOf({ evaluation, errors, name }: DetectionContext): Map<string, string> {
  const keys = Object.keys(evaluation.perCategory[0]?.values ?? {});
  const ious = [0.5, 0.75];
  const curves = ious.map((iou) => precisionAt(evaluation, [iou]));
  const header = [...errors.categoryIds.map(name), 'nothing'];
  const size = header.length;
  return new Map([
    [
      'per_class.csv',
      csv(
        [
          'category_id',
          'name',
          'annotations',
          ...keys,
          'precision',
          'recall',
          'f1',
          'found',
          'false',
          'missed',
        ],
        evaluation.perCategory.map((row, k) => {
          const counts = errors.perClass[k]!;
          return [
            row.categoryId,
            name(row.categoryId),
            row.annotations,
            ...keys.map((key) => (row.values[key]! > -1 ? row.values[key]! : null)),
            counts.precision,
            counts.recall,
            counts.f1,
            counts.truePositives,
            counts.falsePositives,
            counts.falseNegatives,
          ];
        }),
      ),
    ],
    [
      'confusion_matrix.csv',
      csv(
        ['truth', ...header],
        header.map((label, row) => [label, ...errors.confusionMatrix.subarray(row * size, (row + 1) * size)]),
      ),
    ],
    [
      'pr_curve.csv',
      csv(
        ['recall', ...ious.map((iou) => `precision_iou_${iou}`)],
        evaluation.parameters.recallThresholds.map((recall, r) => [
          recall,
          ...curves.map((curve) => curve[r]!),
        ]),
      ),
    ],
    [
      'images.csv',
      csv(
        ['image_id', 'objects', 'found', 'false', 'missed', 'f1'],
        errors.images.map((row) => [
          row.id,
          row.truths,
          row.truePositives,
          row.falsePositives,
          row.falseNegatives,
          row.f1,
        ]),
      ),
    ],
  ]);
}
