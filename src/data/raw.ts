/**
 * What a reader of any format hands over: images, their objects by category id, and how to open a picture.
 * `assembleDataset` makes a data set of it.
 */
import type { Category } from '../core/index.ts';
import type { ByteSource } from '../storage/index.ts';
import type { Annotation, DatasetFormat, Located } from './types.ts';

/** Something wrong or odd that a reader met, where someone wants to hear of all of it (`ocelli data check`). */
export interface ReadProblem {
  readonly severity: 'error' | 'warning';
  /** Stable: `dangling_image_id`, `yolo_invalid`, … */
  readonly code: string;
  /** JSON path in the annotation file, or the file's name. */
  readonly path: string;
  readonly message: string;
}

export interface RawImage {
  readonly id: number | string;
  readonly fileName: string;
  readonly height: number;
  readonly width: number;
  readonly annotations: readonly Annotation[];
  /** Categories of the image as a whole, beside those of its annotations (class folders). */
  readonly categoryIds: readonly number[];
}

export interface RawDataset {
  readonly source: string;
  readonly format: DatasetFormat;
  readonly categories: readonly Category[];
  readonly images: readonly RawImage[];
  /** Ids of the categories that occur, where the reader knows them; else they are looked for. */
  readonly usedCategories?: ReadonlySet<number>;
  /** Whether the annotations have boxes: class folders don't. */
  readonly hasBoxes: boolean;
  open(fileName: string): ByteSource;
  /** Where several pictures share a file (shards): where one lies, and the file. */
  locate?(fileName: string): Located | undefined;
  openFile?(path: string): ByteSource;
}
