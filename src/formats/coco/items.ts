/**
 * One image, annotation or category of a COCO file: known fields are checked, unknown ones passed over, and every
 * complaint names its JSON path (`annotations[17].bbox`).
 *
 * Plain loops and no schema library: a training set of COCO has 860,000 annotations, and this takes little
 * more time than `JSON.parse` itself.
 */
import { type BoxXywh, DataError } from '../../core/index.ts';
import { areaOf, boundsOfPolygons, boxOf, type Rle, rleToRuns, type Segmentation } from '../rle/index.ts';
import type { CocoCategory, CocoId, CocoImage, CocoObject } from './types.ts';

export type Json = unknown;
export type JsonObject = Readonly<Record<string, Json>>;

/** The item, or undefined when it has no identity; complaints tell why. */
export type ReadItem<Item> = (
  item: JsonObject,
  path: () => string,
  complaints: Complaints,
) => Item | undefined;

export const readImage: ReadItem<CocoImage> = (item, path, complaints) => {
  const { id, file_name, width = 0, height = 0 } = item;
  const known = complaints.check(isId(id), path, 'id', 'a whole number or a text', id);
  const named = complaints.check(isText(file_name), path, 'file_name', 'a file name', file_name);
  const wide = complaints.check(isLength(width), path, 'width', 'a number of pixels', width);
  const high = complaints.check(isLength(height), path, 'height', 'a number of pixels', height);
  if (!known || !named) {
    if (known) complaints.lostImages.add(id as CocoId);
    return undefined;
  }
  return {
    id: id as CocoId,
    file_name: file_name as string,
    width: wide && high ? (width as number) : 0,
    height: wide && high ? (height as number) : 0,
  };
};

export const readAnnotation: ReadItem<CocoObject> = (item, path, complaints) => {
  const { id = Number.NaN, image_id, category_id, bbox, area, iscrowd = 0, keypoints } = item;
  const numbered = Number.isNaN(id) || isInteger(id);
  complaints.check(numbered, path, 'id', 'a whole number', id);
  const placed = complaints.check(isId(image_id), path, 'image_id', "an image's id", image_id);
  const named = complaints.check(isInteger(category_id), path, 'category_id', "a category's id", category_id);
  const boxes = 'x, y, width, height as four numbers';
  complaints.check(isMissing(bbox) || isBox(bbox), path, 'bbox', boxes, bbox);
  complaints.check(isMissing(area) || isNumber(area), path, 'area', 'a number', area);
  complaints.check(isFlag(iscrowd), path, 'iscrowd', '0 or 1', iscrowd);
  const points = 'x, y, visibility, repeated, as numbers';
  complaints.check(isMissing(keypoints) || isKeypoints(keypoints), path, 'keypoints', points, keypoints);
  const segmentation = readSegmentation(item.segmentation, path, complaints);
  if (!placed || !named) return undefined;
  const box = isBox(bbox) ? bbox : segmentation && boundsOf(segmentation);
  const size = isNumber(area) ? area : segmentation ? surfaceOf(segmentation) : box && box[2] * box[3];
  return {
    id: numbered ? (id as number) : Number.NaN,
    image_id: image_id as CocoId,
    category_id: category_id as number,
    iscrowd: iscrowd === 1 || iscrowd === true,
    ...(box && { bbox: box }),
    ...(size !== undefined && { area: size }),
    ...(segmentation && { segmentation }),
    ...(isKeypoints(keypoints) && keypoints.length > 0 && { keypoints }),
  };
};

export const readCategory: ReadItem<CocoCategory> = (item, path, complaints) => {
  const { id, name, supercategory, keypoints, skeleton } = item;
  const known = complaints.check(isInteger(id), path, 'id', 'a whole number', id);
  const named = complaints.check(isText(name), path, 'name', 'a text', name);
  if (!known || !named) {
    if (known) complaints.lostCategories.add(id as number);
    return undefined;
  }
  return {
    id: id as number,
    name: name as string,
    ...(isText(supercategory) && { supercategory }),
    ...(Array.isArray(keypoints) && keypoints.every(isText) && { keypoints }),
    ...(Array.isArray(skeleton) && skeleton.every(isPair) && { skeleton }),
  };
};

/** Polygons or RLE; nothing for an empty list, which some tools write for boxes without a mask. */
function readSegmentation(value: Json, path: () => string, complaints: Complaints): Segmentation | undefined {
  if (isMissing(value)) return undefined;
  if (Array.isArray(value)) {
    const parts: readonly Json[] = value;
    const polygons = parts.filter((part) => !(Array.isArray(part) && part.length === 0));
    const bad = polygons.findIndex((part) => !isPolygon(part));
    const expected = 'polygons of x, y pairs with at least three corners';
    complaints.check(bad < 0, path, `segmentation[${bad}]`, expected, polygons[bad]);
    return bad < 0 && polygons.length > 0 ? (polygons as number[][]) : undefined;
  }
  const expected = 'polygons, or RLE with size and counts';
  if (!complaints.check(isRle(value), path, 'segmentation', expected, value)) return undefined;
  try {
    const rle = value as Rle;
    rleToRuns(rle);
    return { size: rle.size, counts: rle.counts };
  } catch (error) {
    const reason = error instanceof DataError ? error.received : String(error);
    complaints.add(`${path()}.segmentation.counts`, `expected runs that cover its size, received ${reason}`);
    return undefined;
  }
}

function boundsOf(segmentation: Segmentation): BoxXywh {
  return isPolygons(segmentation) ? boundsOfPolygons(segmentation) : boxOf(rleToRuns(segmentation));
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
export const isObject = (value: Json): value is JsonObject =>
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
export class Complaints {
  readonly list: { readonly path: string; readonly message: string }[] = [];
  readonly lostImages = new Set<CocoId>();
  readonly lostCategories = new Set<number>();

  add(path: string, message: string): void {
    this.list.push({ path, message });
  }

  check(good: boolean, path: () => string, field: string, expected: string, received: Json): boolean {
    if (!good) this.add(`${path()}.${field}`, `expected ${expected}, received ${show(received)}`);
    return good;
  }
}

export function show(value: Json): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
