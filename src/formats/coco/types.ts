/** COCO's annotation file, by its own names; unknown fields are left behind. */
import type { Category } from '../../core/index.ts';
import type { Segmentation } from '../rle/index.ts';

export type CocoId = number | string;

export interface CocoImage {
  readonly id: CocoId;
  readonly file_name: string;
  /** In pixels; 0 where the file doesn't say. */
  readonly width: number;
  readonly height: number;
}

export interface CocoObject {
  /** Given by position where the file has none. */
  readonly id: number;
  readonly image_id: CocoId;
  readonly category_id: number;
  /** x, y, width, height in pixels. Missing where an annotation names a class only. */
  readonly bbox?: readonly [number, number, number, number];
  /** In square pixels: as written, else that of the segmentation, else of the box. */
  readonly area?: number;
  readonly iscrowd: boolean;
  readonly segmentation?: Segmentation;
  /** x, y, visibility, repeated. */
  readonly keypoints?: readonly number[];
}

export interface CocoCategory extends Category {
  /** Names of the keypoints, for pose estimation. */
  readonly keypoints?: readonly string[];
  /** Pairs of keypoint numbers, from 1. */
  readonly skeleton?: readonly (readonly [number, number])[];
}

export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoObject[];
  readonly categories: readonly CocoCategory[];
}

/** A file as far as it can be read, and what could not. */
export interface CocoReading<File = CocoFile> {
  readonly file: File;
  /** Where each item of `file` stands in the file as it was written. */
  readonly positions: CocoPositions;
  /** Wrong fields by JSON path (`annotations[17].bbox`). */
  readonly complaints: readonly { readonly path: string; readonly message: string }[];
  /** Ids of images and categories that are there, but not readable: who names them is not wrong. */
  readonly lostImages: ReadonlySet<CocoId>;
  readonly lostCategories: ReadonlySet<number>;
}

export type CocoPositions = Readonly<Record<keyof CocoFile, readonly number[]>>;
