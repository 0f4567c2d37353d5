/**
 * `ocelli data stats`: what a data set holds, as plain numbers. Reports draw them; nothing is drawn here.
 * Sizes of objects are COCO's: small below 32² pixels, large from 96² on.
 */
import type { Size } from '../core/index.ts';
import { classCounts } from './class-weights.ts';
import { mapLimited, orSetAside, readPictureSize } from './picture-sizes.ts';
import type { Dataset } from './types.ts';

/** `count` values; the rest is left out where there are none. */
export interface Summary {
  readonly count: number;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  readonly median?: number;
  /** Of the values themselves, not an estimate from a sample. */
  readonly standardDeviation?: number;
}

export interface Histogram {
  /** Edges of the bins, one more than there are bins. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export interface ClassStatistics {
  readonly id: number;
  readonly name: string;
  /** Images with at least one example. */
  readonly images: number;
  /** Images for classification, objects without crowds otherwise. */
  readonly examples: number;
  /** Of all examples, 0–1. */
  readonly share: number;
}

export interface DatasetStatistics {
  readonly name: string;
  readonly digest: string;
  readonly images: number;
  readonly setAside: number;
  readonly annotations: number;
  readonly crowds: number;
  readonly imagesWithoutAnnotations: number;
  readonly classes: readonly ClassStatistics[];
  /** Examples of the commonest class over those of the rarest that has any; 1 is balanced. */
  readonly imbalance?: number;
  readonly classesWithoutExample: readonly string[];
  readonly width: Summary;
  readonly height: Summary;
  /** Width over height. */
  readonly aspectRatio: Summary;
  readonly aspectRatios: Histogram;
  readonly objectsPerImage: Summary;
  readonly objectsPerImageCounts: Histogram;
  readonly objectSizes: { readonly small: number; readonly medium: number; readonly large: number };
  /** Square root of an object's area, in pixels. */
  readonly objectSide: Summary;
  readonly objectSides: Histogram;
}

/** @param options.measure reads the headers of pictures whose sizes the annotations don't say. */
export async function datasetStatistics(
  dataset: Dataset,
  options: { readonly measure?: boolean; readonly signal?: AbortSignal } = {},
): Promise<DatasetStatistics> {
  const { records, classes } = dataset;
  const sizes = await pictureSizes(dataset, options);
  const objects = records.flatMap(({ annotations }) => annotations.filter(({ iscrowd }) => !iscrowd));
  const perImage = records.map(({ annotations }) => annotations.filter(({ iscrowd }) => !iscrowd).length);
  const sides = objects.map(({ area }) => Math.sqrt(Math.max(0, area)));
  const ratios = sizes.map(({ width, height }) => width / height);
  const all = records.reduce((sum, { annotations }) => sum + annotations.length, 0);
  const ofClasses = classStatistics(dataset);
  const examples = ofClasses.map((one) => one.examples).filter((count) => count > 0);
  return {
    name: dataset.name,
    digest: dataset.digest,
    images: records.length,
    setAside: dataset.setAside.length,
    annotations: all,
    crowds: all - objects.length,
    imagesWithoutAnnotations: records.filter(
      ({ annotations, labels }) => annotations.length === 0 && labels.length === 0,
    ).length,
    classes: ofClasses,
    ...(examples.length > 0 && { imbalance: maximum(examples) / minimum(examples) }),
    classesWithoutExample: classes.names.filter((_, label) => ofClasses[label]!.examples === 0),
    width: summarize(sizes.map(({ width }) => width)),
    height: summarize(sizes.map(({ height }) => height)),
    aspectRatio: summarize(ratios),
    aspectRatios: histogram(ratios, 20),
    objectsPerImage: summarize(perImage),
    objectsPerImageCounts: histogram(perImage, 30, true),
    objectSizes: {
      small: objects.filter(({ area }) => area < 32 ** 2).length,
      medium: objects.filter(({ area }) => area >= 32 ** 2 && area < 96 ** 2).length,
      large: objects.filter(({ area }) => area >= 96 ** 2).length,
    },
    objectSide: summarize(sides),
    objectSides: histogram(sides, 30),
  };
}

function classStatistics(dataset: Dataset): ClassStatistics[] {
  const { records, classes } = dataset;
  const counts = classCounts(dataset);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const images = new Array<number>(classes.size).fill(0);
  for (const { labels, annotations } of records) {
    const found =
      labels.length > 0 ? labels : annotations.map(({ categoryId }) => classes.labelOf(categoryId)!);
    for (const label of new Set(found)) images[label]!++;
  }
  return classes.categories.map(({ id, name }, label) => ({
    id,
    name,
    images: images[label]!,
    examples: counts[label]!,
    share: total === 0 ? 0 : counts[label]! / total,
  }));
}

async function pictureSizes(
  dataset: Dataset,
  { measure = false, signal }: { readonly measure?: boolean; readonly signal?: AbortSignal },
): Promise<Size[]> {
  const known = dataset.records.filter(({ width, height }) => width > 0 && height > 0);
  if (!measure || known.length === dataset.records.length) return known;
  const sizes = await mapLimited(dataset.records, 16, async (record): Promise<Size | undefined> => {
    if (record.width > 0 && record.height > 0) return record;
    const result = await orSetAside(record, () => readPictureSize(dataset.open(record), signal));
    return 'value' in result ? result.value : undefined;
  });
  return sizes.filter((size) => size !== undefined);
}

export function summarize(values: readonly number[]): Summary {
  const count = values.length;
  if (count === 0) return { count };
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const middle = count >> 1;
  return {
    count,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    mean,
    median: count % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
    standardDeviation: Math.sqrt(variance),
  };
}

/** Bins of equal width from the least to the largest value; of whole widths for whole numbers. */
export function histogram(values: readonly number[], bins: number, whole = false): Histogram {
  if (values.length === 0) return { edges: [], counts: [] };
  const low = minimum(values);
  const high = maximum(values);
  const span = whole ? high - low + 1 : high - low || 1;
  const width = whole ? Math.ceil(span / bins) : span / bins;
  const count = whole ? Math.ceil(span / width) : bins;
  const counts = new Array<number>(count).fill(0);
  for (const value of values) counts[Math.min(count - 1, Math.floor((value - low) / width))]!++;
  return { edges: Array.from({ length: count + 1 }, (_, i) => low + i * width), counts };
}

const minimum = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value), Infinity);
const maximum = (values: readonly number[]): number =>
  values.reduce((high, value) => Math.max(high, value), -Infinity);
