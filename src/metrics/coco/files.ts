/**
 * Evaluates files: a COCO annotation file against a list of results, as `COCO.loadRes` and `COCOeval` do.
 *
 * Both lists become columns sorted by image in one pass, and images are evaluated one after the other. What a
 * result's area is, the FIRST result decides for all: its box, else its mask, else the extent of its keypoints.
 */
import { type BoxXywh, DataError } from '../../core/index.ts';
import {
  areaOf,
  boxOf,
  polygonsToRuns,
  type Rle,
  type Runs,
  rleToRuns,
  type Segmentation,
} from '../../formats/rle/index.ts';
import { CocoEvaluator, type CocoEvaluatorOptions } from './evaluator.ts';
import type { CocoEvaluation, DetectionColumns, TruthColumns } from './types.ts';

/** The fields of a COCO annotation file that count here. */
export interface CocoTruthFile {
  readonly images: readonly {
    readonly id: number | string;
    readonly width?: number;
    readonly height?: number;
  }[];
  readonly categories: readonly { readonly id: number; readonly name?: string }[];
  readonly annotations: readonly CocoTruthAnnotation[];
}

export interface CocoTruthAnnotation {
  readonly id: number;
  readonly image_id: number | string;
  readonly category_id: number;
  readonly bbox?: readonly number[];
  readonly area: number;
  readonly iscrowd?: number | boolean;
  readonly segmentation?: Segmentation;
  readonly keypoints?: readonly number[];
  readonly num_keypoints?: number;
}

/** One entry of COCO's results format. */
export interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly number[];
  readonly segmentation?: Segmentation;
  readonly keypoints?: readonly number[];
}

export interface CocoFileOptions extends CocoEvaluatorOptions {
  /** Only these images. */
  readonly imageIds?: readonly (number | string)[];
  /** Only these categories. */
  readonly categoryIds?: readonly number[];
}

/** Throws DataError for results of images that the ground truth does not have. */
export function evaluateCoco(
  truth: CocoTruthFile,
  results: readonly CocoResult[],
  options: CocoFileOptions = {},
): CocoEvaluation {
  const { imageIds, categoryIds, ...rest } = options;
  const evaluator = new CocoEvaluator(categoryIds ?? truth.categories.map((category) => category.id), rest);
  const images = new Map(truth.images.map((image) => [image.id, image]));
  const truthRows = rowsByImage(truth.annotations, images, 'annotations');
  const resultRows = rowsByImage(results, images, 'results');
  const wanted = imageIds ? new Set(imageIds) : undefined;
  const { iouType } = evaluator.parameters;
  const areaRule = areaRuleOf(results[0]);
  for (const image of images.values()) {
    if (wanted && !wanted.has(image.id)) continue;
    const annotations = truthRows.get(image.id) ?? [];
    const detections = resultRows.get(image.id) ?? [];
    evaluator.update(
      image.id,
      truthColumns(
        annotations.map((row) => truth.annotations[row]!),
        image,
        iouType,
      ),
      detectionColumns(detections, results, image, iouType, areaRule),
    );
  }
  return evaluator.compute();
}

type Image = CocoTruthFile['images'][number];
type IouTypeName = 'bbox' | 'segm' | 'keypoints';

function rowsByImage(
  entries: readonly { readonly image_id: number | string }[],
  images: ReadonlyMap<number | string, Image>,
  what: string,
): Map<number | string, number[]> {
  const rows = new Map<number | string, number[]>();
  for (let row = 0; row < entries.length; row++) {
    const id = entries[row]!.image_id;
    const known = rows.get(id);
    if (known) known.push(row);
    else {
      if (!images.has(id)) {
        throw new DataError({
          code: 'unknown_image',
          expected: `${what} of images that the ground truth lists`,
          received: `entry ${row} of image ${id}`,
          fix: 'evaluate the results against the annotation file that they were predicted for',
        });
      }
      rows.set(id, [row]);
    }
  }
  return rows;
}

function truthColumns(
  annotations: readonly CocoTruthAnnotation[],
  image: Image,
  iouType: IouTypeName,
): TruthColumns {
  const columns = {
    count: annotations.length,
    categoryIds: Float64Array.from(annotations, (annotation) => annotation.category_id),
    areas: Float64Array.from(annotations, (annotation) => annotation.area),
    crowd: Uint8Array.from(annotations, (annotation) => (annotation.iscrowd ? 1 : 0)),
    ids: Float64Array.from(annotations, (annotation) => annotation.id),
  };
  if (iouType === 'segm') {
    return {
      ...columns,
      masks: annotations.map((annotation) =>
        runsOf(needed(annotation.segmentation, 'segmentation', `annotation ${annotation.id}`), image),
      ),
    };
  }
  const boxes = Float64Array.from(
    annotations.flatMap((annotation) => needed(annotation.bbox, 'bbox', `annotation ${annotation.id}`)),
  );
  if (iouType === 'bbox') return { ...columns, boxes };
  return {
    ...columns,
    boxes,
    keypoints: Float64Array.from(
      annotations.flatMap((annotation) =>
        needed(annotation.keypoints, 'keypoints', `annotation ${annotation.id}`),
      ),
    ),
    ignored: Uint8Array.from(annotations, (annotation) => (annotation.num_keypoints === 0 ? 1 : 0)),
  };
}

type AreaRule = 'box' | 'mask' | 'keypoints';

function areaRuleOf(first: CocoResult | undefined): AreaRule {
  if (!first || (first.bbox && first.bbox.length > 0)) return 'box';
  return first.segmentation ? 'mask' : 'keypoints';
}

function detectionColumns(
  rows: readonly number[],
  results: readonly CocoResult[],
  image: Image,
  iouType: IouTypeName,
  areaRule: AreaRule,
): DetectionColumns {
  const count = rows.length;
  const categoryIds = new Float64Array(count);
  const scores = new Float64Array(count);
  const ids = new Float64Array(count);
  const areas = new Float64Array(count);
  const boxes = iouType === 'bbox' ? new Float64Array(4 * count) : undefined;
  const masks: Runs[] = [];
  const keypoints: number[] = [];
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const result = results[row]!;
    categoryIds[i] = result.category_id;
    scores[i] = result.score;
    ids[i] = row + 1;
    if (areaRule === 'box') {
      const box = needed(result.bbox, 'bbox', `result ${row}`);
      areas[i] = box[2]! * box[3]!;
      boxes?.set(box, 4 * i);
    }
    if (iouType === 'segm' || areaRule === 'mask') {
      const runs = resultMask(result, row, image, areaRule);
      masks.push(runs);
      if (areaRule === 'mask') areas[i] = areaOf(runs);
      if (areaRule === 'mask') boxes?.set(boxOf(runs), 4 * i);
    }
    if (iouType === 'keypoints' || areaRule === 'keypoints') {
      const points = needed(result.keypoints, 'keypoints', `result ${row}`);
      keypoints.push(...points);
      if (areaRule === 'keypoints') {
        const [x, y, width, height] = extentOf(points);
        areas[i] = width * height;
        boxes?.set([x, y, width, height], 4 * i);
      }
    }
  }
  return {
    count,
    categoryIds,
    scores,
    ids,
    areas,
    ...(boxes ? { boxes } : {}),
    ...(iouType === 'segm' ? { masks } : {}),
    ...(iouType === 'keypoints' ? { keypoints } : {}),
  };
}

/** A result that has only a box stands for the full rectangle, where boxes decide the areas. */
function resultMask(result: CocoResult, row: number, image: Image, areaRule: AreaRule): Runs {
  if (result.segmentation || areaRule !== 'box' || !result.bbox) {
    return runsOf(needed(result.segmentation, 'segmentation', `result ${row}`), image);
  }
  const [x, y, width, height] = result.bbox as [number, number, number, number];
  return runsOf([[x, y, x, y + height, x + width, y + height, x + width, y]], image);
}

/** The box that the points span. */
function extentOf(points: readonly number[]): BoxXywh {
  const span = (axis: number): readonly [low: number, size: number] => {
    const values = points.filter((_, i) => i % 3 === axis);
    return [Math.min(...values), Math.max(...values) - Math.min(...values)];
  };
  const [x, width] = span(0);
  const [y, height] = span(1);
  return [x, y, width, height];
}

function runsOf(segmentation: Segmentation, image: Image): Runs {
  if ('counts' in segmentation) return rleToRuns(segmentation as Rle);
  const { height, width } = image;
  if (height === undefined || width === undefined) {
    throw new DataError({
      code: 'image_size_missing',
      expected: `width and height of image ${image.id}, to draw its polygons`,
      received: 'none',
      fix: 'add them to the images of the annotation file',
    });
  }
  return polygonsToRuns(segmentation, { height, width });
}

function needed<T>(value: T | undefined, field: string, what: string): T {
  if (value !== undefined) return value;
  throw new DataError({
    code: 'evaluation_field_missing',
    expected: `${field} in ${what}`,
    received: 'none',
    fix: `add ${field} to every entry, or evaluate another iouType`,
  });
}
