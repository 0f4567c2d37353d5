/**
 * What goes into a COCO evaluation and what comes out. Instances are columns (one array per field, entry i of
 * each belongs to instance i), never objects: a validation set has hundreds of thousands of detections.
 */
import type { Runs } from '../../formats/rle/index.ts';
import type { CocoParameters } from './parameters.ts';

/** The ground truth of one image. */
export interface TruthColumns {
  readonly count: number;
  readonly categoryIds: ArrayLike<number>;
  /** [count × 4] left, top, width, height in pixels. Needed for `bbox` and `keypoints`. */
  readonly boxes?: ArrayLike<number>;
  /** The annotation's own area in square pixels; it alone decides the area range. */
  readonly areas: ArrayLike<number>;
  /** 1 where the annotation is a crowd. */
  readonly crowd: ArrayLike<number>;
  /** Annotation ids. As in pycocotools an id 0 counts as "no match". Left out: 1, 2, … */
  readonly ids?: ArrayLike<number>;
  /** Needed for `segm`. */
  readonly masks?: readonly Runs[];
  /** [count × points × 3] x, y, visibility. Needed for `keypoints`. */
  readonly keypoints?: ArrayLike<number>;
  /** 1 where the annotation does not count for another reason (keypoints: none is labelled). */
  readonly ignored?: ArrayLike<number>;
}

/** The detections of one image, in the order of the results: it decides ties of equal scores. */
export interface DetectionColumns {
  readonly count: number;
  readonly categoryIds: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  /** [count × 4] left, top, width, height in pixels. Needed for `bbox`. */
  readonly boxes?: ArrayLike<number>;
  /** Square pixels. Left out: width × height of the boxes. */
  readonly areas?: ArrayLike<number>;
  /** Only reported back in matches. Left out: 1, 2, … inside the image. */
  readonly ids?: ArrayLike<number>;
  /** Needed for `segm`. */
  readonly masks?: readonly Runs[];
  /** [count × points × 3]; the third value is not used. Needed for `keypoints`. */
  readonly keypoints?: ArrayLike<number>;
}

/** One entry of pycocotools' `evalImgs`: the matches of an image, a category and an area range. */
export interface ImageMatches {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly aRng: readonly [low: number, high: number];
  readonly maxDet: number;
  readonly dtIds: readonly number[];
  readonly gtIds: readonly number[];
  /** [thresholds][detections]: the annotation id, 0 for none. */
  readonly dtMatches: readonly (readonly number[])[];
  /** [thresholds][ground truths]: the detection id, 0 for none. */
  readonly gtMatches: readonly (readonly number[])[];
  readonly dtScores: readonly number[];
  readonly gtIgnore: readonly number[];
  readonly dtIgnore: readonly (readonly number[])[];
}

/** The numbers of one category by their short names (`AP`, `AP50`, `APsmall`, `AR100`, …); −1: no ground truth. */
export interface CategoryResult {
  /** −1 where all categories were matched together. */
  readonly categoryId: number;
  /** Annotations of this category in the images that were evaluated, crowds included. */
  readonly annotations: number;
  readonly values: Readonly<Record<string, number>>;
}

/** The result: pycocotools' `stats` and `eval` arrays. T thresholds, R recalls, K categories, A areas, M limits. */
export interface CocoEvaluation {
  readonly parameters: CocoParameters;
  readonly categoryIds: readonly number[];
  readonly imageCount: number;
  /** The names of `stats`: AP, AP50, AP75, APsmall, … */
  readonly statNames: readonly string[];
  /** pycocotools' summary numbers; −1 where nothing counts. */
  readonly stats: readonly number[];
  readonly perCategory: readonly CategoryResult[];
  /** [T, R, K, A, M]; −1 without ground truth. */
  readonly precision: Float64Array;
  /** [T, R, K, A, M]: the score at which the recall is reached. */
  readonly scores: Float64Array;
  /** [T, K, A, M]. */
  readonly recall: Float64Array;
  /** [K, A]: how many ground truths count. */
  readonly positives: Float64Array;
  /** With `keepMatches`: category × area range × image (ascending), null where there is nothing. */
  readonly evalImgs?: readonly (ImageMatches | null)[];
}
