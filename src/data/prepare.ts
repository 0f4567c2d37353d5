/**
 * From one picture to a sample: read, decode, augment, process. A pure function of the request, on any
 * thread: seed, epoch and place in the epoch decide what an augmentation does.
 */
import { decodeImage } from '#platform';
import type { Augmentation } from '../config/index.ts';
import { DataError, type Raster, type TaskName } from '../core/index.ts';
import type { Elsewhere } from '../storage/index.ts';
import {
  type CocoAnnotation,
  createProcessor,
  type ImageProcessor,
  type ProcessorConfig,
} from '../vision/index.ts';
import { augment, augmentationRandom } from './augment/index.ts';
import { openElsewhere } from './elsewhere.ts';
import type { AnnotatedImage, Annotation, ImageRecord, PreparedSample } from './types.ts';

/** What is the same for all samples of a loader; plain data that goes to each thread once. */
export interface PrepareSettings {
  readonly processorConfig: ProcessorConfig;
  readonly augmentations: readonly Augmentation[];
  readonly task: TaskName;
  readonly seed: number;
  /** Category ids by label. */
  readonly categoryIds: readonly number[];
}

export interface PrepareRequest {
  /** The picture's bytes, or where to read them. */
  readonly picture: Uint8Array | Elsewhere;
  readonly record: ImageRecord;
  readonly index: number;
  readonly epoch: number;
  /** The place in the epoch's order: an image that is drawn twice is augmented differently. */
  readonly place: number;
  /** Pixel values of an earlier sample that nobody needs any more: the new ones may take their place. */
  readonly memory?: Float32Array | undefined;
}

/** A sample, or why its image is set aside. */
export type PrepareResult =
  | { readonly sample: PreparedSample }
  | { readonly bad: { readonly code: string; readonly reason: string } };

export type Prepare = (request: PrepareRequest) => Promise<PrepareResult>;

export function createPrepare(settings: PrepareSettings): Prepare {
  const processor = createProcessor(settings.processorConfig);
  const labelOf = new Map(settings.categoryIds.map((id, label) => [id, label]));
  return async (request) => {
    const { augmentations, seed, task } = settings;
    try {
      let image = await decode(request, task);
      if (augmentations.length > 0) {
        const random = augmentationRandom(seed, request.epoch, request.place);
        // The decoded picture is nobody else's.
        image = augment(image, augmentations, random, { overwrite: true });
      }
      return { sample: process(image, request, processor, task, labelOf) };
    } catch (error) {
      // A broken picture, or an annotation that can't be drawn: neither ends the run by itself.
      if (!(error instanceof DataError)) throw error;
      return { bad: { code: error.code, reason: error.received } };
    }
  };
}

/**
 * Boxes belong to pixels: a picture whose size is not the annotated one is refused. One that was annotated
 * as it is stored, before its EXIF orientation, stays as it is stored.
 */
async function decode({ picture, record }: PrepareRequest, task: TaskName): Promise<AnnotatedImage> {
  const bytes = picture instanceof Uint8Array ? picture : await openElsewhere(picture).read(picture.range);
  const needsBoxes = task !== 'classification';
  const annotations = needsBoxes ? record.annotations : [];
  const image = await decodeImage(bytes);
  if (!needsBoxes || record.width === 0 || record.height === 0 || hasSize(image, record)) {
    return { image, annotations };
  }
  if (image.width === record.height && image.height === record.width) {
    const stored = await decodeImage(bytes, { orientation: 'ignore' });
    if (hasSize(stored, record)) return { image: stored, annotations };
  }
  throw new DataError({
    code: 'size_differs',
    expected: `a picture of ${record.width} × ${record.height}, as its annotations say`,
    received: `${image.width} × ${image.height} pixels where the annotations say ${record.width} × ${record.height}`,
    fix: 'correct width and height in the annotation file, or scale its boxes to the picture',
  });
}

function process(
  { image, annotations }: AnnotatedImage,
  { record, index, memory }: PrepareRequest,
  processor: ImageProcessor,
  task: TaskName,
  labelOf: ReadonlyMap<number, number>,
): PreparedSample {
  const targets =
    task === 'classification'
      ? undefined
      : { image_id: record.id, annotations: annotations.map((item) => toCocoAnnotation(item, task)) };
  const { pixelValues, size, originalSize, labels } = processor.preprocess(image, targets, { memory });
  const boxes: PreparedSample['boxes'][number][] = [];
  const boxLabels: number[] = [];
  for (let i = 0; labels && i < labels.classLabels.length; i++) {
    const [x0, y0, x1, y1] = labels.corners.subarray(i * 4, i * 4 + 4);
    boxes.push([x0!, y0!, x1!, y1!]);
    boxLabels.push(labelOf.get(labels.classLabels[i]!)!);
  }
  return {
    index,
    imageId: record.id,
    pixelValues,
    size,
    originalSize,
    boxes,
    boxLabels,
    labels: record.labels,
  };
}

/** Masks and keypoints only where the task needs them: processors check what they are given. */
function toCocoAnnotation(annotation: Annotation, task: TaskName): CocoAnnotation {
  const { categoryId, bbox, area, iscrowd, segmentation, keypoints } = annotation;
  return {
    category_id: categoryId,
    bbox,
    area,
    iscrowd,
    ...(segmentation && task.endsWith('segmentation') && { segmentation }),
    ...(keypoints && task === 'keypoint_detection' && { keypoints }),
  };
}

function hasSize(image: Raster, { width, height }: ImageRecord): boolean {
  return image.width === width && image.height === height;
}
