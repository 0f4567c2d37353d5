/**
 * Pictures (and annotations) through an image processor: pixels, masks and labels, bit for bit.
 *
 * A case holds single images and groups of images (`batch`, `pad_size`, …); a group's name says how it
 * departs from the configuration file. Every field of every entry is a check.
 */
import { decodeImage } from '#platform';
import type { BoxXywh, Raster, Size } from '../../../src/core/index.ts';
import { encodeMask, type Rle, runsToRle } from '../../../src/formats/rle/index.ts';
import {
  type CocoImageAnnotations,
  createProcessor,
  type DetectionLabels,
  type ImageProcessor,
  type PreprocessOptions,
  type ProcessedBatch,
  type ProcessedImage,
  type ProcessorConfig,
} from '../../../src/vision/index.ts';
import { type KindHandler, type ParityCase, type Reporter, readBytes, readJson } from '../case.ts';
import { type PlainTensor, readTensors } from '../tensors.ts';

type Entry = Readonly<Record<string, unknown>>;

/** How a group departs from the case's configuration. */
const groups: Readonly<
  Record<string, (entry: Entry) => { config?: ProcessorConfig; options?: PreprocessOptions }>
> = {
  batch: () => ({}),
  with_masks: () => ({ options: { masks: true } }),
  with_masks_batch: () => ({ options: { masks: true } }),
  do_convert_annotations_false_batch: () => ({ config: { do_convert_annotations: false } }),
  do_pad_false: () => ({ config: { do_pad: false } }),
  pad_size: (entry) => ({ config: { pad_size: entry.pad_size } }),
};

/** Fields that say what goes in, or how to read the others. */
const inputFields = new Set([
  'image',
  'images',
  'annotations',
  'boxes_xywh',
  'pad_size',
  'tensor',
  'stored',
  'u8_note',
  'note',
]);

interface Result {
  readonly processor: ImageProcessor;
  readonly rasters: readonly Raster[];
  /** Resized and cropped, not yet normalised. */
  readonly transformed: readonly Raster[];
  readonly images: readonly ProcessedImage[];
  /** Undefined when the images are of several sizes and the processor does not pad. */
  readonly batch: ProcessedBatch | undefined;
  readonly labels: readonly DetectionLabels[];
}

export const processor: KindHandler = async (parityCase, report) => {
  const {
    processor: type,
    images,
    ...others
  } = await readJson<Record<string, unknown>>(parityCase, 'case.json');
  const config = await readJson<ProcessorConfig>(parityCase, 'preprocessor_config.json');
  const tensors = await readTensors(parityCase, 'tensors.safetensors');
  report.expect(...[...tensors.keys()].map((name) => `tensor ${name}`));
  report.equal('processor', createProcessor(config).type, type);
  for (const entry of images as Entry[])
    await checkEntry(String(entry.image), parityCase, config, entry, tensors, report);
  for (const [name, entry] of Object.entries(others)) {
    const group = groups[name];
    if (!group) {
      report.fail(name, `unknown group; known: ${Object.keys(groups).join(', ')}`);
      continue;
    }
    const { config: changes, options } = group(entry as Entry);
    await checkEntry(name, parityCase, { ...config, ...changes }, entry as Entry, tensors, report, options);
  }
};

async function checkEntry(
  name: string,
  parityCase: ParityCase,
  config: ProcessorConfig,
  entry: Entry,
  tensors: ReadonlyMap<string, PlainTensor>,
  report: Reporter,
  options?: PreprocessOptions,
): Promise<void> {
  const keys = (entry.images ?? [entry.image]) as string[];
  const rasters = await Promise.all(keys.map((key) => readPicture(parityCase, key)));
  const annotations = (
    entry.annotations === undefined ? [] : 'images' in entry ? entry.annotations : [entry.annotations]
  ) as CocoImageAnnotations[];
  const ours = createProcessor(config);
  // A pose processor makes one image per box.
  const boxes = entry.boxes_xywh as readonly BoxXywh[] | undefined;
  const views = boxes
    ? boxes.map((box) => ({ raster: rasters[0]!, box }))
    : rasters.map((raster) => ({ raster, box: undefined }));
  const transformed = views.map(({ raster, box }) => ours.transform(raster, box));
  const images = views.map(({ raster, box }, i) =>
    ours.preprocess(raster, annotations[i], { ...options, ...(box && { box }) }),
  );
  const stacks = ours.pads || new Set(images.map(({ size }) => `${size.height} ${size.width}`)).size === 1;
  const batch = stacks ? ours.collate(images) : undefined;
  const labels = batch?.labels ?? images.flatMap((image) => image.labels ?? []);
  const result: Result = { processor: ours, rasters, transformed, images, batch, labels };
  for (const [field, expected] of Object.entries(entry)) {
    if (inputFields.has(field)) continue;
    const check = fields[field];
    if (check) await check(`${name}.${field}`, result, expected, report, tensors);
    else report.fail(`${name}.${field}`, 'was not compared');
  }
  if (typeof entry.tensor === 'string') {
    compareTensor(
      entry.tensor,
      batch?.pixelValues,
      batch?.shape ?? [],
      String(entry.stored),
      tensors,
      report,
    );
  }
}

async function readPicture(parityCase: ParityCase, key: string): Promise<Raster> {
  const images = await readJson<Record<string, { rgb_png: string; rgb_sha256: string }>>(
    parityCase,
    '../images.json',
  );
  const { rgb_png, rgb_sha256 } = images[key]!;
  const raster = await decodeImage(await readBytes(parityCase, `../${rgb_png}`));
  if ((await sha256(raster.data)) !== rgb_sha256)
    throw new Error(`${key} was not decoded to the bytes that the case says`);
  return raster;
}

type Check = (
  name: string,
  result: Result,
  expected: unknown,
  report: Reporter,
  tensors: ReadonlyMap<string, PlainTensor>,
) => void | Promise<void>;

async function sha256({ buffer, byteOffset, byteLength }: ArrayBufferView): Promise<string> {
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
const pair = ({ height, width }: Size): [number, number] => [height, width];

/** Per channel over all images. */
function perChannel(
  { pixelValues, shape }: ProcessedBatch,
  measure: (values: Float32Array[]) => number,
): number[] {
  const [count, channels, height, width] = shape;
  const plane = height * width;
  return Array.from({ length: channels }, (_, channel) =>
    measure(
      Array.from({ length: count }, (_, image) => {
        const from = (image * channels + channel) * plane;
        return pixelValues.subarray(from, from + plane);
      }),
    ),
  );
}

function mean(planes: Float32Array[]): number {
  return (
    planes.reduce((sum, plane) => sum + plane.reduce((a, b) => a + b, 0) / plane.length, 0) / planes.length
  );
}

function deviation(planes: Float32Array[]): number {
  const center = mean(planes);
  return Math.sqrt(mean(planes.map((plane) => plane.map((value) => (value - center) ** 2))));
}

const extreme = (pick: (a: number, b: number) => number) => (planes: Float32Array[]) =>
  planes.map((plane) => plane.reduce((a, b) => pick(a, b))).reduce((a, b) => pick(a, b));

const statistic =
  (measure: (planes: Float32Array[]) => number): Check =>
  (name, { batch }, expected, report) => {
    report.close(name, batch && perChannel(batch, measure), expected as number[], { atol: 1e-3 });
  };

/** The 8-bit images of a batch just before they are normalised, padded with zeros. */
function bytesOf({ transformed, batch }: Result): { data: Uint8Array; shape: number[] } {
  const [, , height, width] = batch!.shape;
  const data = new Uint8Array(transformed.length * height * width * 3);
  transformed.forEach((image, i) => {
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
      data.set(row, (i * height + y) * width * 3);
    }
  });
  return { data, shape: [transformed.length, height, width, 3] };
}

const fields: Readonly<Record<string, Check>> = {
  input_size: (name, { rasters }, expected, report) => report.equal(name, pair(rasters[0]!), expected),
  shape: (name, { batch }, expected, report) => report.equal(name, batch?.shape, expected),
  shapes: (name, { images }, expected, report) =>
    report.equal(
      name,
      images.map(({ size }) => [3, size.height, size.width]),
      expected,
    ),
  float32_sha256: async (name, { batch }, expected, report) =>
    report.equal(name, batch && (await sha256(batch.pixelValues)), expected),
  u8_nhwc_sha256: async (name, result, expected, report) =>
    report.equal(name, await sha256(bytesOf(result).data), expected),
  u8_tensor: (name, result, expected, report, tensors) => {
    const { data, shape } = bytesOf(result);
    const stored = tensors.get(String(expected));
    report.close(
      `tensor ${String(expected)}`,
      data,
      stored?.data ?? [],
      { atol: 0 },
      {
        actual: shape,
        expected: stored?.shape ?? [],
      },
    );
    report.equal(name, stored !== undefined, true);
  },
  mean: statistic(mean),
  std: statistic(deviation),
  min: statistic(extreme(Math.min)),
  max: statistic(extreme(Math.max)),
  has_pixel_mask: (name, { processor: ours }, expected, report) =>
    report.equal(name, ours.hasPixelMask, expected),
  pixel_mask_shape: (name, { batch }, expected, report) => {
    const [count, , height, width] = batch?.shape ?? [];
    const complete = batch?.pixelMask?.length === count! * height! * width!;
    report.equal(name, complete ? [count, height, width] : undefined, expected);
  },
  pixel_mask_ones: (name, { batch }, expected, report) => {
    const [count = 0] = batch?.shape ?? [];
    const plane = (batch?.pixelMask?.length ?? 0) / count;
    const ones = Array.from({ length: count }, (_, i) =>
      batch?.pixelMask?.subarray(i * plane, (i + 1) * plane).reduce((a, b) => a + b, 0),
    );
    report.equal(name, ones, expected);
  },
  pixel_mask_valid_hw: (name, { batch }, expected, report) =>
    report.equal(name, batch?.sizes.map(pair), expected),
  pixel_mask_int64_sha256: async (name, { batch }, expected, report) =>
    report.equal(
      name,
      batch?.pixelMask && (await sha256(BigInt64Array.from(batch.pixelMask, BigInt))),
      expected,
    ),
  labels: (name, { labels }, expected, report) => {
    const list = (Array.isArray(expected) ? expected : [expected]) as Entry[];
    report.equal(`${name}.images`, labels.length, list.length);
    list.forEach((entry, i) => {
      for (const [key, value] of Object.entries(entry))
        compareLabel(`${name}.${i}.${key}`, key, labels[i], value, report);
    });
  },
};

function compareLabel(
  name: string,
  key: string,
  labels: DetectionLabels | undefined,
  expected: unknown,
  report: Reporter,
): void {
  const read = labels && labelFields[key];
  if (!read) report.fail(name, labels ? 'was not compared' : 'there are no labels');
  else report.equal(name, read(labels), expected);
}

const rows = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) =>
    Array.from(values).slice(i * width, (i + 1) * width),
  );

const dtype = (values: unknown): string => (values instanceof Float32Array ? 'float32' : 'other');

const labelFields: Readonly<Record<string, (labels: DetectionLabels) => unknown>> = {
  size: ({ size }) => pair(size),
  orig_size: ({ originalSize }) => pair(originalSize),
  image_id: ({ imageId }) => [imageId],
  class_labels: ({ classLabels }) => [...classLabels],
  boxes: ({ boxes }) => rows(boxes, 4),
  boxes_dtype: ({ boxes }) => dtype(boxes),
  area: ({ area }) => [...area],
  area_dtype: ({ area }) => dtype(area),
  iscrowd: ({ iscrowd }) => [...iscrowd],
  keypoints: ({ keypoints }) => keypoints && rows(keypoints, 3),
  keypoints_dtype: ({ keypoints }) => dtype(keypoints),
  masks: masksOf,
  masks_shape: ({ classLabels, size }) => [classLabels.length, size.height, size.width],
};

function masksOf({ masks, size, classLabels }: DetectionLabels): Rle[] | undefined {
  const plane = size.height * size.width;
  return (
    masks &&
    Array.from(classLabels, (_, i) => runsToRle(encodeMask(masks.subarray(i * plane, (i + 1) * plane), size)))
  );
}

/** A stored tensor holds all pixels, or every n-th row and column. */
function compareTensor(
  name: string,
  values: Float32Array | undefined,
  shape: readonly number[],
  stored: string,
  tensors: ReadonlyMap<string, PlainTensor>,
  report: Reporter,
): void {
  const expected = tensors.get(name);
  const step = Number(/every (\d+)/.exec(stored)?.[1] ?? 1);
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const picked: number[] = [];
  for (let plane = 0; plane < count * channels; plane++) {
    for (let y = 0; y < height; y += step) {
      for (let x = 0; x < width; x += step) picked.push(values![(plane * height + y) * width + x]!);
    }
  }
  const pickedShape = [count, channels, Math.ceil(height / step), Math.ceil(width / step)];
  report.close(
    `tensor ${name}`,
    picked,
    expected?.data ?? [],
    { atol: 0 },
    {
      actual: pickedShape,
      expected: expected?.shape ?? [],
    },
  );
}
