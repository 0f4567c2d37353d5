/**
 * What image processors take and give. Names in annotations are COCO's, because Hugging Face's processors
 * read COCO's JSON; results are typed arrays, so that a worker thread can hand them over without a copy.
 */
import type { BoxXywh, Raster, Size } from '../core/index.ts';
import type { Segmentation } from '../formats/rle/index.ts';

/** The JSON of a `preprocessor_config.json`, as it was read: unknown keys stay. */
export type ProcessorConfig = Readonly<Record<string, unknown>>;

/** An object of a COCO file, by COCO's names. */
export interface CocoAnnotation {
  readonly category_id: number;
  readonly bbox: BoxXywh;
  readonly area?: number;
  readonly iscrowd?: number | boolean;
  readonly segmentation?: Segmentation;
  /** x, y, visibility, repeated. */
  readonly keypoints?: readonly number[];
}

/** What Hugging Face calls an annotation: an image's id and its objects. */
export interface CocoImageAnnotations {
  readonly image_id: number | string;
  readonly annotations: readonly CocoAnnotation[];
}

/** Labels of one image for a detection model. Crowds, and boxes without area inside the image, are gone. */
export interface DetectionLabels {
  readonly imageId: number | string;
  /** COCO category ids, as they were given: the class map turns them into labels. */
  readonly classLabels: Int32Array;
  /**
   * float32 [objects × 4]. `center_relative`: cx, cy, width, height over `size`; `corners`: x0, y0, x1, y1 in
   * pixels of the resized image (`do_convert_annotations: false`).
   */
  readonly boxes: Float32Array;
  readonly boxFormat: 'center_relative' | 'corners';
  /** x0, y0, x1, y1 in pixels of the resized image, whatever `boxFormat` says; float32 [objects × 4]. */
  readonly corners: Float32Array;
  /** For each object that was kept: its position in the annotations that were given. */
  readonly kept: Int32Array;
  /** In square pixels of the resized image, from the annotation's `area`. */
  readonly area: Float32Array;
  readonly iscrowd: Uint8Array;
  /** Of the padded image; of the resized one where nothing was padded. */
  readonly size: Size;
  readonly originalSize: Size;
  /** 0 or 1, uint8 [objects, height, width] of `size`; only when asked for. */
  readonly masks?: Uint8Array;
  /** float32 [points × 3], in pixels of the ORIGINAL image: Hugging Face does not scale them. */
  readonly keypoints?: Float32Array;
}

/** One image, ready to be stacked. */
export interface ProcessedImage {
  /** float32 [3, height, width]. */
  readonly pixelValues: Float32Array;
  readonly size: Size;
  /** Of the image that came in: what predictions are mapped back to. */
  readonly originalSize: Size;
  readonly labels?: DetectionLabels;
}

/** Images of one size, padded right and bottom with zeros where the processor pads. */
export interface ProcessedBatch {
  /** float32 [images, 3, height, width]. */
  readonly pixelValues: Float32Array;
  readonly shape: readonly [images: number, channels: 3, height: number, width: number];
  /** 1 = image, 0 = padding; uint8 [images, height, width]. Only where Hugging Face's processor returns one. */
  readonly pixelMask?: Uint8Array;
  /** Sizes before padding. */
  readonly sizes: readonly Size[];
  readonly originalSizes: readonly Size[];
  readonly labels?: readonly DetectionLabels[];
}

export interface PreprocessOptions {
  /** Memory for the pixel values, where it is large enough: fresh memory costs as much as the work. */
  readonly memory?: Float32Array | undefined;
  /** The box that a pose processor looks at: one image per box. Needed there, refused elsewhere. */
  readonly box?: BoxXywh;
  /** Rasterise the annotations' polygons (`return_segmentation_masks`). */
  readonly masks?: boolean;
}

/** An image processor with its configuration: pure, and the same in training, evaluation and prediction. */
export interface ImageProcessor {
  /** The class name in Hugging Face's library: `DetrImageProcessor`. */
  readonly type: string;
  readonly config: ProcessorConfig;
  /** Whether a batch carries a pixel mask (DETR). */
  readonly hasPixelMask: boolean;
  /** Whether images of several sizes are padded to one. */
  readonly pads: boolean;
  /** The size after resize and crop, before any padding. */
  outputSize(size: Size): Size;
  /** Resize and crop only: the 8-bit image that the model looks at. */
  transform(image: Raster, box?: BoxXywh): Raster;
  /** Rescale and normalise only: float32 [3, height, width]. */
  normalize(image: Raster, memory?: Float32Array): Float32Array;
  /** All of it for one image. */
  preprocess(image: Raster, annotations?: CocoImageAnnotations, options?: PreprocessOptions): ProcessedImage;
  /**
   * Stacks images. Padding goes to `padTo`, else to the configuration's `pad_size`, else to the largest
   * height and width; boxes become relative to the padded size.
   */
  collate(images: readonly ProcessedImage[], padTo?: Size): ProcessedBatch;
}
