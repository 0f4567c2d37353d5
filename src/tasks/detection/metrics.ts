/**
 * Detection metrics: COCO average precision and recall under the names of the command line (`map`, `map_50`,
 * `mar_100`, `map_class_<category id>`, …), equal to pycocotools on the same annotations and results.
 */
import type { ClassMap, Metrics } from '../../core/index.ts';
import type { ImageRecord } from '../../data/index.ts';
import {
  type CocoEvaluation,
  CocoEvaluator,
  type CocoResult,
  type DetectionColumns,
  type TruthColumns,
} from '../../metrics/index.ts';
import type { DetectionPrediction, Evaluator } from '../types.ts';

/** pycocotools' summary numbers → ours. */
const names: Readonly<Record<string, string>> = {
  AP: 'map',
  AP50: 'map_50',
  AP75: 'map_75',
  APsmall: 'map_small',
  APmedium: 'map_medium',
  APlarge: 'map_large',
  AR1: 'mar_1',
  AR10: 'mar_10',
  AR100: 'mar_100',
  ARsmall: 'mar_small',
  ARmedium: 'mar_medium',
  ARlarge: 'mar_large',
};

/** What `training.monitor_metric` may name (after the split's prefix). */
export function detectionMetricNames(classes: ClassMap): string[] {
  return [...Object.values(names), ...classes.categories.map((category) => `map_class_${category.id}`)];
}

export interface DetectionEvaluator extends Evaluator<DetectionPrediction> {
  /** The whole evaluation so far, with curves, for the report. */
  evaluation(): CocoEvaluation;
}

/**
 * An evaluator for images of a data set with `classes`. Predictions speak of `modelClasses` (the same unless
 * given); their classes are found by name, and those that the data set does not have are dropped.
 */
export function detectionEvaluator(classes: ClassMap, modelClasses: ClassMap = classes): DetectionEvaluator {
  const evaluator = new CocoEvaluator(classes.categories.map((category) => category.id));
  const categoryIds = categoriesByName(classes, modelClasses);
  return {
    update: (record, prediction) => {
      evaluator.update(record.id, truthColumns(record), detectionColumns(prediction, categoryIds));
    },
    compute: () => detectionMetrics(evaluator.compute()),
    evaluation: () => evaluator.compute(),
  };
}

/** The numbers of an evaluation by our names; what has no ground truth (−1) is left out. */
function detectionMetrics(evaluation: CocoEvaluation): Metrics {
  const metrics: Record<string, number> = {};
  const add = (name: string, value: number): void => {
    if (value > -1) metrics[name] = value;
  };
  evaluation.statNames.forEach((name, i) => {
    add(names[name]!, evaluation.stats[i]!);
  });
  for (const category of evaluation.perCategory) {
    add(`map_class_${category.categoryId}`, category.values.AP!);
  }
  return metrics;
}

/** Predictions of one image in COCO's results format: what pycocotools reads. */
export function cocoResults(
  imageId: number | string,
  prediction: DetectionPrediction,
  classes: ClassMap,
): CocoResult[] {
  const { boxes, labels, scores } = prediction;
  return Array.from(scores, (score, i) => {
    const x = boxes[4 * i]!;
    const y = boxes[4 * i + 1]!;
    return {
      image_id: imageId,
      category_id: classes.categoryOf(labels[i]!)?.id ?? labels[i]!,
      bbox: [x, y, boxes[4 * i + 2]! - x, boxes[4 * i + 3]! - y],
      score,
    };
  });
}

/** One image's truth and predictions as columns with the data set's category ids: what the report takes. */
export function evaluatedImage(
  record: ImageRecord,
  prediction: DetectionPrediction,
  classes: ClassMap,
  modelClasses: ClassMap = classes,
) {
  const { id, fileName, width, height } = record;
  return {
    id,
    fileName,
    width,
    height,
    truth: truthColumns(record),
    detections: detectionColumns(prediction, categoriesByName(classes, modelClasses)),
  };
}

/** For each label of the model the category id in the data set, or NaN, which no category has. */
function categoriesByName(classes: ClassMap, modelClasses: ClassMap): Float64Array {
  const ids = new Map(classes.categories.map((category) => [category.name, category.id]));
  return Float64Array.from(modelClasses.names, (name) => ids.get(name) ?? Number.NaN);
}

function truthColumns({ annotations }: ImageRecord): TruthColumns {
  return {
    count: annotations.length,
    categoryIds: Float64Array.from(annotations, (annotation) => annotation.categoryId),
    boxes: Float64Array.from(annotations.flatMap((annotation) => annotation.bbox)),
    areas: Float64Array.from(annotations, (annotation) => annotation.area),
    crowd: Uint8Array.from(annotations, (annotation) => (annotation.iscrowd ? 1 : 0)),
    ids: Float64Array.from(annotations, (annotation) => annotation.id),
  };
}

/** Corners to left, top, width, height, in double precision as they will stand in a results file. */
function detectionColumns(prediction: DetectionPrediction, categoryIds: Float64Array): DetectionColumns {
  const { scores, labels, boxes } = prediction;
  const xywh = new Float64Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    xywh[i] = boxes[i]!;
    xywh[i + 1] = boxes[i + 1]!;
    xywh[i + 2] = boxes[i + 2]! - boxes[i]!;
    xywh[i + 3] = boxes[i + 3]! - boxes[i + 1]!;
  }
  return {
    count: scores.length,
    categoryIds: Float64Array.from(labels, (label) => categoryIds[label] ?? Number.NaN),
    scores,
    boxes: xywh,
  };
}
