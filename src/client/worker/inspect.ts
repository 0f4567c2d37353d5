/**
 * What the model of a run gets wrong, image by image: read from the predictions that the run has left, beside the
 * annotations of its data. No model is loaded and nothing is computed on a device, so a page can ask while another
 * run trains. The numbers are those of the report (`metrics/errors`).
 */
import { files } from '#platform';
import { parseRecipe, usableData } from '../../config/index.ts';
import { ConfigError, DataError, type SplitName } from '../../core/index.ts';
import { type Dataset, type ImageRecord, openDataset } from '../../data/index.ts';
import type { Prediction } from '../../inference/index.ts';
import { CocoEvaluator, classificationErrors, detectionErrors } from '../../metrics/index.ts';
import { classificationEvaluator, type DetectionPrediction, evaluatedImage } from '../../tasks/index.ts';
import type {
  ClassificationInspection,
  DetectionInspection,
  InspectedImage,
  Inspection,
} from '../protocol.ts';
import { truthOf } from './data.ts';

/** A row of `predictions/<split>.json`. */
interface ResultEntry {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly [x: number, y: number, width: number, height: number];
}

/** The predictions of a run beside its data, kept for the pictures that the page asks for next. */
export class OpenInspection {
  private constructor(
    readonly result: Inspection,
    private readonly dataset: Dataset,
    private readonly predictions: ReadonlyMap<number, Prediction>,
  ) {}

  /** The data of the run must be mounted. */
  static async open(run: string, split: SplitName): Promise<OpenInspection> {
    const path = `${run}/predictions/${split}.json`;
    if (!(await files.stat(path))) throw noPredictions(run, split);
    const { recipe } = parseRecipe(await textOf(`${run}/recipe.yaml`), { source: `${run}/recipe.yaml` });
    const dataset = await openDataset(usableData(recipe), split, {
      task: recipe.model.task_type,
      seed: recipe.training.seed,
    });
    const task = recipe.model.task_type;
    const entries = byImage(JSON.parse(await textOf(path)) as readonly ResultEntry[], dataset, task);
    const multiLabel = recipe.data.multi_label;
    const common = { run, split, classes: dataset.classes.names };
    if (task === 'detection') {
      const predictions = mapValues(entries, (rows) => detectionOf(rows, dataset));
      const result = { ...common, ...inspectDetection(dataset, predictions) };
      return new OpenInspection(
        result,
        dataset,
        mapValues(predictions, (value) => ({ task: 'detection', value })),
      );
    }
    const scores = mapValues(entries, (rows) => scoresOf(rows, dataset));
    const result = { ...common, ...inspectClassification(dataset, scores, multiLabel) };
    return new OpenInspection(
      result,
      dataset,
      mapValues(scores, (value) => ({ task: 'classification', value: { scores: value } })),
    );
  }

  /** Pictures with truth and prediction, by position in the split. */
  images(indices: readonly number[]): Promise<InspectedImage[]> {
    const known = indices.filter((index) => this.predictions.has(index));
    return Promise.all(
      known.map(async (index) => {
        const record = this.dataset.records[index]!;
        const bytes = (await this.dataset.open(record).read()) as Uint8Array<ArrayBuffer>;
        return {
          index,
          fileName: record.fileName,
          truth: truthOf(record, this.dataset),
          prediction: this.predictions.get(index)!,
          picture: new Blob([bytes]),
        };
      }),
    );
  }
}

function inspectClassification(
  dataset: Dataset,
  scores: ReadonlyMap<number, Float32Array>,
  multiLabel: boolean,
): Omit<ClassificationInspection, 'run' | 'split' | 'classes'> {
  const evaluator = classificationEvaluator(dataset.classes, { multiLabel });
  const indices = [...scores.keys()];
  for (const index of indices) {
    evaluator.update(dataset.records[index]!, { scores: scores.get(index)! });
  }
  const { scores: matrix, labelMatrix } = evaluator.results();
  const errors = classificationErrors({ scores: matrix, truth: labelMatrix, multiLabel });
  const wrong = new Map(errors.wrongImages.map((row) => [row.row, row]));
  const { classes } = matrix;
  const images = indices.map((index, row) => {
    const truth = labelsWhere(classes, (label) => labelMatrix.data[row * classes + label] !== 0);
    const probabilities = scores.get(index)!;
    return {
      index,
      fileName: dataset.records[index]!.fileName,
      truth,
      predicted: wrong.get(row)?.predicted ?? truth,
      right: !wrong.has(row),
      loss: multiLabel ? binaryLoss(probabilities, truth) : -Math.log(clamped(probabilities[truth[0]!] ?? 0)),
    };
  });
  return {
    kind: 'classification',
    multiLabel,
    right: errors.right,
    wrong: errors.wrong,
    perClass: errors.perClass.map(({ label, support, precision, recall, f1, averagePrecision }) => ({
      name: dataset.classes.names[label]!,
      support,
      precision,
      recall,
      f1,
      averagePrecision,
    })),
    ...(errors.confusionMatrix ? { confusion: [...errors.confusionMatrix] } : {}),
    images: images.toSorted((a, b) => b.loss - a.loss),
  };
}

function inspectDetection(
  dataset: Dataset,
  predictions: ReadonlyMap<number, DetectionPrediction>,
): Omit<DetectionInspection, 'run' | 'split' | 'classes'> {
  const { categories, names } = dataset.classes;
  const categoryIds = categories.map(({ id }) => id);
  const images = [...predictions].map(([index, prediction]) => {
    const { id, truth, detections } = evaluatedImage(dataset.records[index]!, prediction, dataset.classes);
    return { index, id, truth, detections };
  });
  const evaluator = new CocoEvaluator(categoryIds);
  for (const image of images) evaluator.update(image.id, image.truth, image.detections);
  const { perCategory } = evaluator.compute();
  const errors = detectionErrors(images, categoryIds);
  const indexOf = new Map(images.map(({ id, index }) => [id, index]));
  const value = (number: number | undefined): number | null =>
    number === undefined || number <= -1 ? null : number;
  return {
    kind: 'detection',
    scoreThreshold: errors.scoreThreshold,
    precision: errors.precision,
    recall: errors.recall,
    f1: errors.f1,
    falsePositives: errors.falsePositives.byKind,
    missed: errors.falseNegatives.total,
    perClass: perCategory.map(({ annotations, values }, k) => ({
      name: names[k]!,
      objects: annotations,
      averagePrecision: value(values.AP),
      averagePrecision50: value(values.AP50),
      precision: errors.perClass[k]!.precision,
      recall: errors.perClass[k]!.recall,
      f1: errors.perClass[k]!.f1,
    })),
    confusion: [...errors.confusionMatrix],
    images: errors.images.map(({ id, truths, truePositives, falsePositives, falseNegatives, f1 }) => ({
      index: indexOf.get(id)!,
      fileName: dataset.records[indexOf.get(id)!]!.fileName,
      objects: truths,
      found: truePositives,
      falseDetections: falsePositives,
      missed: falseNegatives,
      f1,
    })),
  };
}

/** Rows of one image each, by its position in the split; images of a split that has changed since are left out. */
function byImage(
  entries: readonly ResultEntry[],
  { records }: Dataset,
  task: string,
): ReadonlyMap<number, ResultEntry[]> {
  const positions = new Map(records.map(({ id }: ImageRecord, index) => [id, index]));
  const rows = new Map<number, ResultEntry[]>();
  for (const entry of entries) {
    const index = positions.get(entry.image_id);
    if (index === undefined) continue;
    const own = rows.get(index);
    if (own) own.push(entry);
    else rows.set(index, [entry]);
  }
  if (rows.size === 0 && entries.length > 0) {
    throw new DataError({
      code: 'predictions_of_other_data',
      expected: 'predictions for the images of this split',
      received: 'predictions for other images only',
      fix: 'open the data that the run was trained on, or evaluate the run again',
    });
  }
  // An image without any detection has no row, and has been looked at all the same.
  if (task === 'detection') {
    for (const index of records.keys()) if (!rows.has(index)) rows.set(index, []);
  }
  return new Map([...rows].sort(([a], [b]) => a - b));
}

function scoresOf(rows: readonly ResultEntry[], { classes }: Dataset): Float32Array {
  const scores = new Float32Array(classes.size);
  for (const { category_id, score } of rows) {
    const label = classes.labelOf(category_id);
    if (label !== undefined) scores[label] = score;
  }
  return scores;
}

function detectionOf(rows: readonly ResultEntry[], { classes }: Dataset): DetectionPrediction {
  const known = rows.filter(
    ({ bbox, category_id }) => bbox !== undefined && classes.labelOf(category_id) !== undefined,
  );
  return {
    scores: Float32Array.from(known, ({ score }) => score),
    labels: Int32Array.from(known, ({ category_id }) => classes.labelOf(category_id)!),
    boxes: Float32Array.from(
      known.flatMap(({ bbox }) => {
        const [x, y, width, height] = bbox!;
        return [x, y, x + width, y + height];
      }),
    ),
  };
}

const labelsWhere = (classes: number, holds: (label: number) => boolean): number[] =>
  Array.from({ length: classes }, (_, label) => label).filter(holds);

/** A probability that was rounded to 0 has a loss too. */
const clamped = (probability: number): number => Math.max(probability, 1e-7);

/** The mean of the labels' cross entropies. */
function binaryLoss(probabilities: ArrayLike<number>, truth: readonly number[]): number {
  let sum = 0;
  for (let label = 0; label < probabilities.length; label++) {
    const probability = probabilities[label]!;
    sum -= Math.log(clamped(truth.includes(label) ? probability : 1 - probability));
  }
  return sum / probabilities.length;
}

function mapValues<Key, From, To>(map: ReadonlyMap<Key, From>, change: (value: From) => To): Map<Key, To> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

function noPredictions(run: string, split: SplitName): ConfigError {
  return new ConfigError({
    code: 'predictions_missing',
    expected: `predictions of ${split}, as a run leaves them at its end`,
    received: `${run} without predictions/${split}.json`,
    fix: 'let the run finish, or evaluate its best checkpoint',
  });
}
