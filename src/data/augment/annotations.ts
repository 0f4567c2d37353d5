/**
 * One object through a transformation: box, polygons, RLE mask and keypoints move together, and an object of
 * which too little is left goes.
 *
 * Where axes stay axes, a box is the transformed box, clipped. After a rotation it is the bounds of what is
 * left of the rotated outline (polygons or mask); without one, of the rotated corners.
 */
import type { BoxXywh } from '../../core/index.ts';
import { areaOf, boxOf, decodeMask, encodeMask, rleToRuns, runsToRle } from '../../formats/rle/index.ts';
import type { Annotation, Segmentation } from '../types.ts';
import {
  areaScale,
  boundsOf,
  clipBox,
  clipPolygon,
  keepsAxes,
  polygonArea,
  type Transform,
  transformBox,
  transformKeypoints,
  transformMask,
  transformPoints,
} from './transform.ts';

/** Objects with less than this share of their area left are dropped. */
const minimumVisible = 0.1;

/** Pairs of keypoints that change places in a mirror image, by their positions. */
export type FlipPairs = readonly (readonly [number, number])[];

/** What is left of an outline. */
interface Outline {
  readonly segmentation: Segmentation;
  readonly bounds: BoxXywh;
  /** Of its area, in 0 … 1. */
  readonly visible: number;
}

/** The object in the result; undefined when less than a tenth of it is visible. */
export function transformAnnotation(
  annotation: Annotation,
  t: Transform,
  flipPairs?: FlipPairs,
): Annotation | undefined {
  const { segmentation } = annotation;
  const outline = segmentation && hasOutline(segmentation) ? transformOutline(segmentation, t) : undefined;
  if (segmentation && hasOutline(segmentation) && !outline) return undefined;
  const whole = transformBox(annotation.bbox, t);
  const clipped = clipBox(whole, t.to);
  if (!clipped) return undefined;
  const follows = outline !== undefined && !keepsAxes(t);
  const bbox = follows ? outline.bounds : clipped;
  const visible = follows ? outline.visible : boxArea(clipped) / boxArea(whole);
  if (!(visible >= minimumVisible)) return undefined;
  return {
    ...annotation,
    bbox,
    area: annotation.area * areaScale(t) * (outline?.visible ?? visible),
    ...(outline ? { segmentation: outline.segmentation } : {}),
    ...(annotation.keypoints ? { keypoints: transformKeypoints(annotation.keypoints, t, flipPairs) } : {}),
  };
}

const boxArea = ([, , width, height]: BoxXywh): number => width * height;

const hasOutline = (segmentation: Segmentation): boolean =>
  'counts' in segmentation || segmentation.length > 0;

function transformOutline(segmentation: Segmentation, t: Transform): Outline | undefined {
  return 'counts' in segmentation ? transformRle(segmentation, t) : transformPolygons(segmentation, t);
}

function transformPolygons(polygons: readonly (readonly number[])[], t: Transform): Outline | undefined {
  const moved = polygons.map((polygon) => transformPoints(polygon, t));
  const left = moved.map((polygon) => clipPolygon(polygon, t.to)).filter((polygon) => polygon.length >= 6);
  const bounds = boundsOf(left.flat());
  if (!bounds) return undefined;
  const total = (list: readonly number[][]): number =>
    list.reduce((sum, polygon) => sum + Math.abs(polygonArea(polygon)), 0);
  return { segmentation: left, bounds, visible: total(left) / total(moved) };
}

function transformRle(rle: Extract<Segmentation, { counts: unknown }>, t: Transform): Outline | undefined {
  const before = rleToRuns(rle);
  const after = encodeMask(transformMask(decodeMask(before), t), t.to);
  const area = areaOf(after);
  if (area === 0) return undefined;
  // Looking up at pixel centres may gain or lose a pixel at the edge.
  const visible = Math.min(1, area / (areaOf(before) * areaScale(t)));
  return { segmentation: runsToRle(after), bounds: boxOf(after), visible };
}

/** All objects of an image that are left. */
export function transformAnnotations(
  annotations: readonly Annotation[],
  t: Transform,
  flipPairs?: FlipPairs,
): Annotation[] {
  return annotations.flatMap((annotation) => transformAnnotation(annotation, t, flipPairs) ?? []);
}
