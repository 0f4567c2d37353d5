/**
 * COCO's JSON, from bytes to objects. Unknown fields are passed over, known ones are checked, and every
 * complaint names its JSON path (`annotations[17].bbox[2]`). All complaints come in one error.
 *
 * Plain loops and no schema library: a training set of COCO has 860,000 annotations, and this takes little
 * more time than `JSON.parse` itself.
 */
import { DataError } from '../../core/index.ts';
import { areaOf, boxOf, type Rle, rleToRuns, type Segmentation } from '../rle/index.ts';
import type { CocoCategory, CocoFile, CocoId, CocoImage, CocoObject } from './types.ts';

type Json = unknown;
type JsonObject = Readonly<Record<string, Json>>;

/** More complaints than this are counted, not listed. */
const listed = 20;

/**
 * Reads an annotation file. References between its parts are not followed here: see `findCocoProblems`.
 *
 * @param source the file's name, for messages
 * @throws DataError `coco_invalid` with every complaint
 */
export function parseCoco(bytes: Uint8Array | string, source: string): CocoFile {
  const root = parseJson(bytes, source);
  const complaints = new Complaints();
  if (!isObject(root)) {
    throw invalid(source, [
      `$: expected an object with images, annotations and categories, received ${show(root)}`,
    ]);
  }
  const file: CocoFile = {
    images: readList(root, 'images', complaints, readImage),
    annotations:
      root.annotations === undefined ? [] : readList(root, 'annotations', complaints, readAnnotation),
    categories: root.categories === undefined ? [] : readList(root, 'categories', complaints, readCategory),
  };
  complaints.throwIfAny(source);
  return withIds(file);
}

function parseJson(bytes: Uint8Array | string, source: string): Json {
  try {
    const text = typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const tooLong = bytes.length > 2 ** 29 - 25;
    throw new DataError({
      code: 'coco_not_json',
      expected: `COCO JSON in ${source}`,
      received: tooLong ? `${bytes.length} bytes, more than a text can hold here (512 MiB)` : reason,
      fix: tooLong
        ? 'split the file, or leave out segmentations that are not used'
        : 'write the file again: it is cut off or no JSON',
      cause: error,
    });
  }
}

type ReadItem<Item> = (item: JsonObject, path: () => string, complaints: Complaints) => Item | undefined;

function readList<Item>(root: JsonObject, key: string, complaints: Complaints, read: ReadItem<Item>): Item[] {
  const list = root[key];
  if (!Array.isArray(list)) {
    complaints.add(() => `${key}: expected a list, received ${show(list)}`);
    return [];
  }
  const items: Item[] = [];
  for (let i = 0; i < list.length; i++) {
    const item: Json = list[i];
    const path = (): string => `${key}[${i}]`;
    if (!isObject(item)) {
      complaints.add(() => `${path()}: expected an object, received ${show(item)}`);
      continue;
    }
    const value = read(item, path, complaints);
    if (value !== undefined) items.push(value);
  }
  return items;
}

const readImage: ReadItem<CocoImage> = (item, path, complaints) => {
  const { id, file_name, width = 0, height = 0 } = item;
  const good =
    complaints.check(isId(id), path, 'id', 'a whole number or a text', id) &&
    complaints.check(isText(file_name), path, 'file_name', 'a file name', file_name) &&
    complaints.check(isLength(width), path, 'width', 'a number of pixels', width) &&
    complaints.check(isLength(height), path, 'height', 'a number of pixels', height);
  if (!good) return undefined;
  return {
    id: id as CocoId,
    file_name: file_name as string,
    width: width as number,
    height: height as number,
  };
};

const readAnnotation: ReadItem<CocoObject> = (item, path, complaints) => {
  const { id = Number.NaN, image_id, category_id, bbox, area, iscrowd = 0, keypoints } = item;
  const good =
    complaints.check(Number.isNaN(id) || isInteger(id), path, 'id', 'a whole number', id) &&
    complaints.check(isId(image_id), path, 'image_id', "an image's id", image_id) &&
    complaints.check(isInteger(category_id), path, 'category_id', "a category's id", category_id) &&
    complaints.check(
      isMissing(bbox) || isBox(bbox),
      path,
      'bbox',
      'x, y, width, height as four numbers',
      bbox,
    ) &&
    complaints.check(isMissing(area) || isNumber(area), path, 'area', 'a number', area) &&
    complaints.check(isFlag(iscrowd), path, 'iscrowd', '0 or 1', iscrowd) &&
    complaints.check(
      isMissing(keypoints) || isKeypoints(keypoints),
      path,
      'keypoints',
      'x, y, visibility, repeated, as numbers',
      keypoints,
    );
  if (!good) return undefined;
  const segmentation = readSegmentation(item.segmentation, path, complaints);
  if (segmentation === 'wrong') return undefined;
  const box = isBox(bbox) ? bbox : segmentation && boundsOf(segmentation);
  const size = isNumber(area) ? area : segmentation ? surfaceOf(segmentation) : box && box[2] * box[3];
  return {
    id: id as number,
    image_id: image_id as CocoId,
    category_id: category_id as number,
    iscrowd: iscrowd === 1 || iscrowd === true,
    ...(box && { bbox: box }),
    ...(size !== undefined && { area: size }),
    ...(segmentation && { segmentation }),
    ...(isKeypoints(keypoints) && keypoints.length > 0 && { keypoints }),
  };
};

const readCategory: ReadItem<CocoCategory> = (item, path, complaints) => {
  const { id, name, supercategory, keypoints, skeleton } = item;
  const good =
    complaints.check(isInteger(id), path, 'id', 'a whole number', id) &&
    complaints.check(isText(name), path, 'name', 'a text', name);
  if (!good) return undefined;
  return {
    id: id as number,
    name: name as string,
    ...(isText(supercategory) && { supercategory }),
    ...(Array.isArray(keypoints) && keypoints.every(isText) && { keypoints }),
    ...(Array.isArray(skeleton) && skeleton.every(isPair) && { skeleton }),
  };
};

/** Polygons or RLE; nothing for an empty list, which some tools write for boxes without a mask. */
function readSegmentation(
  value: Json,
  path: () => string,
  complaints: Complaints,
): Segmentation | undefined | 'wrong' {
  if (isMissing(value)) return undefined;
  if (Array.isArray(value)) {
    const parts: readonly Json[] = value;
    const polygons = parts.filter((part) => !(Array.isArray(part) && part.length === 0));
    if (polygons.length === 0) return undefined;
    const bad = polygons.findIndex((part) => !isPolygon(part));
    const expected = 'polygons of x, y pairs with at least three corners';
    if (!complaints.check(bad < 0, path, `segmentation[${bad}]`, expected, polygons[bad])) return 'wrong';
    return polygons as number[][];
  }
  const good = complaints.check(
    isRle(value),
    path,
    'segmentation',
    'polygons, or RLE with size and counts',
    value,
  );
  if (!good) return 'wrong';
  try {
    const rle = value as Rle;
    rleToRuns(rle);
    return { size: rle.size, counts: rle.counts };
  } catch (error) {
    const reason = error instanceof DataError ? error.received : String(error);
    complaints.add(
      () => `${path()}.segmentation.counts: expected runs that cover its size, received ${reason}`,
    );
    return 'wrong';
  }
}

/** Annotations without an id get the next free ones: pycocotools and reports need them. */
function withIds(file: CocoFile): CocoFile {
  if (!file.annotations.some(({ id }) => Number.isNaN(id))) return file;
  let next = file.annotations.reduce((most, { id }) => Math.max(most, id || 0), 0);
  return {
    ...file,
    annotations: file.annotations.map((item) => (Number.isNaN(item.id) ? { ...item, id: ++next } : item)),
  };
}

function boundsOf(segmentation: Segmentation): [number, number, number, number] {
  if (!isPolygons(segmentation)) return [...boxOf(rleToRuns(segmentation))];
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polygon of segmentation) {
    for (let i = 0; i < polygon.length; i += 2) {
      left = Math.min(left, polygon[i]!);
      right = Math.max(right, polygon[i]!);
      top = Math.min(top, polygon[i + 1]!);
      bottom = Math.max(bottom, polygon[i + 1]!);
    }
  }
  return [left, top, right - left, bottom - top];
}

function surfaceOf(segmentation: Segmentation): number {
  if (!isPolygons(segmentation)) return areaOf(rleToRuns(segmentation));
  return segmentation.reduce((sum, polygon) => sum + shoelace(polygon), 0);
}

function shoelace(polygon: readonly number[]): number {
  let twice = 0;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    twice += polygon[j]! * polygon[i + 1]! - polygon[i]! * polygon[j + 1]!;
  }
  return Math.abs(twice) / 2;
}

const isPolygons = (segmentation: Segmentation): segmentation is readonly (readonly number[])[] =>
  Array.isArray(segmentation);
const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isMissing = (value: Json): value is null | undefined => value === null || value === undefined;
const isText = (value: Json): value is string => typeof value === 'string' && value !== '';
const isNumber = (value: Json): value is number => typeof value === 'number' && Number.isFinite(value);
const isInteger = (value: Json): value is number => Number.isSafeInteger(value);
const isId = (value: Json): value is CocoId => isInteger(value) || isText(value);
const isLength = (value: Json): value is number => isNumber(value) && value >= 0;
const isFlag = (value: Json): boolean => value === 0 || value === 1 || typeof value === 'boolean';
const isNumbers = (value: Json): value is number[] => Array.isArray(value) && value.every(isNumber);
const isBox = (value: Json): value is [number, number, number, number] =>
  Array.isArray(value) &&
  value.length === 4 &&
  isNumber(value[0]) &&
  isNumber(value[1]) &&
  isNumber(value[2]) &&
  isNumber(value[3]);
const isPair = (value: Json): value is [number, number] => isNumbers(value) && value.length === 2;
const isKeypoints = (value: Json): value is number[] => isNumbers(value) && value.length % 3 === 0;
const isPolygon = (value: Json): boolean => isNumbers(value) && value.length >= 6 && value.length % 2 === 0;
const isRle = (value: Json): boolean =>
  isObject(value) &&
  isPair(value.size) &&
  value.size.every((side) => isInteger(side) && side > 0) &&
  (isText(value.counts) || isNumbers(value.counts));

/** Collects what is wrong; texts are made only when needed, because most files are right. */
class Complaints {
  private readonly texts: string[] = [];
  private count = 0;

  add(text: () => string): void {
    this.count++;
    if (this.texts.length < listed) this.texts.push(text());
  }

  check<Value>(good: boolean, path: () => string, field: string, expected: string, received: Value): boolean {
    if (!good) this.add(() => `${path()}.${field}: expected ${expected}, received ${show(received)}`);
    return good;
  }

  throwIfAny(source: string): void {
    if (this.count === 0) return;
    const more = this.count - this.texts.length;
    throw invalid(source, more > 0 ? [...this.texts, `… and ${more} more`] : this.texts);
  }
}

function invalid(source: string, problems: readonly string[]): DataError {
  return new DataError({
    code: 'coco_invalid',
    expected: `a COCO annotation file in ${source}`,
    received: problems.length === 1 ? 'one problem' : `${problems.length} problems`,
    fix: 'correct the fields that are named',
    problems,
  });
}

function show(value: Json): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
