/**
 * From a reader's result to a data set: classes are mapped by name onto those of the training split, labels
 * are derived for classification, a seeded share is chosen, and the whole gets a digest.
 */
import { ClassMap, counted, DataError, derive, permutation } from '../core/index.ts';
import { datasetDigest } from './digest.ts';
import type { RawDataset, RawImage } from './raw.ts';
import type { DatasetOptions } from './settings.ts';
import type { Annotation, Dataset, ImageRecord, SetAside } from './types.ts';

export interface AssembleOptions extends DatasetOptions {
  readonly multiLabel: boolean;
  readonly fraction: number;
  readonly maxBadFraction: number;
}

export async function assembleDataset(raw: RawDataset, options: AssembleOptions): Promise<Dataset> {
  const { source, format } = raw;
  if (raw.images.length === 0) throw emptySplit(source, 'no image');
  const needsBoxes = options.task !== 'classification';
  if (needsBoxes && !raw.hasBoxes) throw withoutBoxes(raw, options);
  const { classes, labels, unknownClasses } = mapClasses(raw, options);
  const setAside: SetAside[] = [];
  const several: string[] = [];
  let records: ImageRecord[] = [];
  for (const image of raw.images) {
    const record = toRecord(image, classes, labels, options);
    if (options.task === 'classification' && !options.multiLabel && record.labels.length !== 1) {
      if (record.labels.length > 1) several.push(`${image.id} (${image.fileName})`);
      else setAside.push(withoutClass(image));
    } else records.push(record);
  }
  if (several.length > 0) throw severalClasses(source, several);
  if (setAside.length > options.maxBadFraction * raw.images.length) {
    throw tooManyBad(source, setAside, raw.images.length, options.maxBadFraction);
  }
  records = chooseFraction(records, options.fraction, options.seed ?? 0);
  if (records.length === 0) throw emptySplit(source, 'no image that can be used');
  return {
    name: lastPart(source),
    source,
    format,
    classes,
    records,
    digest: await datasetDigest(records, classes),
    setAside,
    unknownClasses,
    open: (record) => raw.open(record.fileName),
    ...(raw.locate && { locate: (record: ImageRecord) => raw.locate?.(record.fileName) }),
    ...(raw.openFile && { openFile: raw.openFile }),
  };
}

/** Too many images can't be used: who trains on the rest should know. */
export function tooManyBad(
  source: string,
  bad: readonly SetAside[],
  images: number,
  maxBadFraction: number,
): DataError {
  return new DataError({
    code: 'too_many_bad_images',
    expected: `at most ${maxBadFraction} of the images of ${source} set aside (data.max_bad_fraction)`,
    received: `${bad.length} of ${images}`,
    fix: 'repair or remove these images, or raise data.max_bad_fraction',
    problems: withCount(
      bad.map(({ imageId, fileName, reason }) => `${fileName} (image ${imageId}): ${reason}`),
    ),
  });
}

interface MappedClasses {
  readonly classes: ClassMap;
  /** Category id of this split → category id of the class map. */
  readonly labels: ReadonlyMap<number, number>;
  readonly unknownClasses: readonly string[];
}

function mapClasses(raw: RawDataset, options: AssembleOptions): MappedClasses {
  const own = new ClassMap(raw.categories);
  const used = usedCategories(raw);
  const undefinedIds = [...used].filter((id) => own.labelOf(id) === undefined);
  if (undefinedIds.length > 0) throw unknownIds(raw.source, undefinedIds);
  const classes = options.classes ?? own;
  if (classes.size === 0) throw withoutClasses(raw.source);
  const labels = new Map<number, number>();
  const unknown: string[] = [];
  for (const { id, name } of own.categories) {
    const label = options.classes ? classes.labelOfName(name) : own.labelOf(id);
    const category = label === undefined ? undefined : classes.categoryOf(label);
    if (category) labels.set(id, category.id);
    else if (used.has(id)) unknown.push(name);
  }
  if (unknown.length > 0 && options.unknown !== 'leave_out') throw onlyHere(raw.source, unknown, classes);
  return { classes, labels, unknownClasses: unknown };
}

function usedCategories(raw: RawDataset): ReadonlySet<number> {
  if (raw.usedCategories) return raw.usedCategories;
  const used = new Set<number>();
  for (const image of raw.images) {
    for (const id of image.categoryIds) used.add(id);
    for (const { categoryId } of image.annotations) used.add(categoryId);
  }
  return used;
}

function toRecord(
  image: RawImage,
  classes: ClassMap,
  categoryIds: ReadonlyMap<number, number>,
  options: AssembleOptions,
): ImageRecord {
  const { id, fileName, height, width } = image;
  // Readers of large files make annotations when they are asked for: so do records.
  const record = {
    id,
    fileName,
    height,
    width,
    get annotations() {
      return mapped(image.annotations, categoryIds);
    },
  };
  if (options.task !== 'classification') return Object.assign(record, { labels: [] });
  const named = [...image.categoryIds, ...image.annotations.map(({ categoryId }) => categoryId)];
  const labels = new Set<number>();
  for (const categoryId of named) {
    const label = classes.labelOf(categoryIds.get(categoryId) ?? Number.NaN);
    if (label !== undefined) labels.add(label);
  }
  return Object.assign(record, { labels: [...labels].sort((a, b) => a - b) });
}

/** Annotations with the class map's category ids; those of classes that it doesn't have are left out. */
function mapped(
  annotations: readonly Annotation[],
  categoryIds: ReadonlyMap<number, number>,
): readonly Annotation[] {
  return annotations.flatMap((annotation) => {
    const categoryId = categoryIds.get(annotation.categoryId);
    if (categoryId === undefined) return [];
    return [categoryId === annotation.categoryId ? annotation : { ...annotation, categoryId }];
  });
}

/** The same images for the same seed, in the order of the file; never none. */
function chooseFraction(records: ImageRecord[], fraction: number, seed: number): ImageRecord[] {
  if (fraction >= 1 || records.length === 0) return records;
  const count = Math.max(1, Math.round(records.length * fraction));
  const chosen = permutation(records.length, derive(seed, 'fraction')).subarray(0, count).sort();
  return Array.from(chosen, (index) => records[index]!);
}

function withoutClass(image: RawImage): SetAside {
  const { id, fileName } = image;
  return { imageId: id, fileName, code: 'image_without_class', reason: 'no annotation names its class' };
}

function emptySplit(source: string, received: string): DataError {
  return new DataError({
    code: 'split_empty',
    expected: `at least one image in ${source}`,
    received,
    fix: 'check the path and the annotation file',
  });
}

function severalClasses(source: string, images: readonly string[]): DataError {
  return new DataError({
    code: 'several_classes',
    expected: `one class per image in ${source}`,
    received: `${counted(images.length, 'image')} with several`,
    fix: 'set data.multi_label: true, or annotate these images with one category',
    problems: withCount(images.map((image) => `image ${image}`)),
  });
}

function onlyHere(source: string, names: readonly string[], classes: ClassMap): DataError {
  return new DataError({
    code: 'class_unknown',
    expected: `classes that the training split has (${short(classes.names)})`,
    received: `${source} also has ${short(names)}`,
    fix: 'add training images of these classes, or remove them from this split; names must be spelled alike',
  });
}

function unknownIds(source: string, ids: readonly number[]): DataError {
  return new DataError({
    code: 'category_unknown',
    expected: `annotations of categories that ${source} lists`,
    received: `category ids ${short(ids.map(String))}`,
    fix: 'add the categories to the file, or correct the annotations (ocelli data check shows all of them)',
  });
}

function withoutClasses(source: string): DataError {
  return new DataError({
    code: 'classes_missing',
    expected: `categories in ${source}`,
    received: 'none',
    fix: 'list the categories in the annotation file, or sort the images into a folder per class',
  });
}

function withoutBoxes(raw: RawDataset, { task }: AssembleOptions): DataError {
  return new DataError({
    code: 'boxes_missing',
    expected: `annotations with boxes for ${task} in ${raw.source}`,
    received: 'class folders, which name a class per image only',
    fix: 'give a COCO annotation file (data.train_annotation_file), or use task_type: classification',
  });
}

function withCount(lines: readonly string[], most = 20): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most), `… and ${lines.length - most} more`];
}

function short(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).join(', ');
  return names.length <= most ? shown : `${shown}, … (${names.length})`;
}

function lastPart(source: string): string {
  return (
    source
      .replace(/[?#].*$/, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) || source
  );
}
