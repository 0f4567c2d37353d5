/**
 * What a data set is, whatever format it came from, and what the loader hands to a training step.
 */
import type { BoxXywh, ClassMap, Raster, Size } from '../core/index.ts';
import type { ByteSource } from '../storage/index.ts';

/** COCO's run-length encoding; `counts` is the compressed string or the plain list. `size` is [height, width]. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/** Polygons as flat lists x0, y0, x1, y1, …, or RLE. */
export type Segmentation = readonly (readonly number[])[] | Rle;

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

/** One image of a data set and what is known of it, before any byte of the picture is read. */
export interface ImageRecord extends Size {
  readonly id: number | string;
  /** Relative to the data set's root. */
  readonly fileName: string;
  readonly annotations: readonly Annotation[];
  /** Contiguous labels, for classification: one, or several with `multi_label`. */
  readonly labels: readonly number[];
}

export interface Dataset {
  readonly name: string;
  readonly classes: ClassMap;
  readonly records: readonly ImageRecord[];
  /** A digest of records and classes, for MLflow's dataset input and for resume. */
  readonly digest: string;
  open(record: ImageRecord): ByteSource;
}

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
