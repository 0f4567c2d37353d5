/**
 * What a data set is, whatever format it came from, and what the loader hands to a training step.
 */
import type { BoxXywh, ClassMap, Raster, Size } from '../core/index.ts';
import type { Rle, Segmentation } from '../formats/rle/index.ts';
import type { ByteSource } from '../storage/index.ts';

export type { Rle, Segmentation };

export interface Annotation {
  readonly id: number;
  readonly categoryId: number;
  readonly bbox: BoxXywh;
  /** In square pixels, as the file says it (pycocotools' area ranges use it). */
  readonly area: number;
  readonly iscrowd: boolean;
  readonly segmentation?: Segmentation;
  /** x, y, visibility, repeated. */
  readonly keypoints?: readonly number[];
}

/**
 * One image of a data set and what is known of it, before any byte of the picture is read. Height and width
 * are 0 where the annotations don't say (class folders).
 */
export interface ImageRecord extends Size {
  readonly id: number | string;
  /** As the annotation file names it: relative to the folder of the images. */
  readonly fileName: string;
  readonly annotations: readonly Annotation[];
  /** Contiguous labels, for classification: one, or several with `multi_label`. */
  readonly labels: readonly number[];
}

/** An image that is not used, and why. */
export interface SetAside {
  readonly imageId: number | string;
  readonly fileName: string;
  /** `image_unreadable`, `file_missing`, `size_differs`, `image_without_class`, … */
  readonly code: string;
  readonly reason: string;
}

export interface Dataset {
  /** The last part of the place: `train2017`. */
  readonly name: string;
  /** Where it lies, as the user wrote it. */
  readonly source: string;
  readonly format: DatasetFormat;
  readonly classes: ClassMap;
  readonly records: readonly ImageRecord[];
  /** A digest (sha256, hex) of records and classes, for MLflow's dataset input and for resume. */
  readonly digest: string;
  /** Images that the annotations alone rule out; the loader adds those that can't be read. */
  readonly setAside: readonly SetAside[];
  /** Classes of this split that the class map doesn't have and whose annotations were left out (`unknown: 'leave_out'`). */
  readonly unknownClasses: readonly string[];
  open(record: ImageRecord): ByteSource;
  /** Where several pictures share a file (shards): where one lies, and the file. */
  locate?(record: ImageRecord): Located | undefined;
  openFile?(path: string): ByteSource;
}

/** A range of bytes of a file of the data set. */
export interface Located {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export type DatasetFormat = 'coco' | 'folder' | 'voc' | 'yolo' | 'shards' | 'sample';

/** A sample that is ready to be stacked: what the processor made of one image and its annotations. */
export interface PreparedSample {
  readonly index: number;
  readonly imageId: number | string;
  /** float32, channels first, [3, height, width]. */
  readonly pixelValues: Float32Array;
  readonly size: Size;
  /** Before the processor: what predictions are mapped back to. */
  readonly originalSize: Size;
  /** Detection targets in pixels of the resized image, before padding: contiguous labels and corner boxes. */
  readonly boxes: readonly (readonly [x0: number, y0: number, x1: number, y1: number])[];
  readonly boxLabels: readonly number[];
  /** Classification targets. */
  readonly labels: readonly number[];
}

/** A batch of one fixed shape: images padded right and bottom with zeros. */
export interface Batch {
  /** Number of the batch in its epoch, from 0: a run that goes on after it starts at the next. */
  readonly position: number;
  readonly indices: readonly number[];
  readonly imageIds: readonly (number | string)[];
  /** float32 [batch, 3, height, width]. */
  readonly pixelValues: Float32Array;
  /** 1 = image, 0 = padding; uint8 [batch, height, width]. */
  readonly pixelMask: Uint8Array;
  readonly shape: readonly [batch: number, channels: 3, height: number, width: number];
  readonly samples: readonly Omit<PreparedSample, 'pixelValues'>[];
  /** How many of the rows are real samples; the rest repeats rows to keep the shape and counts for nothing. */
  readonly count: number;
}

/** A picture together with what is drawn over it, while augmentations act on both. */
export interface AnnotatedImage {
  readonly image: Raster;
  readonly annotations: readonly Annotation[];
}
