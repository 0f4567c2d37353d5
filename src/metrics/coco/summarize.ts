/**
 * The summary numbers of an evaluation, as COCOeval's `summarize` prints them: means over everything that has
 * ground truth, −1 where nothing has. What is asked for but was not measured (an IoU threshold, 100 detections)
 * is −1 too, as there.
 */
import type { CocoCurves } from './accumulate.ts';
import type { CocoParameters } from './parameters.ts';

/** Which slice of the arrays a number is the mean of. */
interface Slice {
  readonly of: 'precision' | 'recall';
  readonly iou?: number;
  readonly area?: string;
  /** A number of detections, not a position. */
  readonly limit: number | undefined;
  /** Position of the category; left out: all. */
  readonly category?: number;
}

function meanOf(slice: Slice, curves: CocoCurves, categoryCount: number, parameters: CocoParameters): number {
  const { iouThresholds, areaRanges, maxDetections } = parameters;
  const T = iouThresholds.length;
  const R = slice.of === 'precision' ? parameters.recallThresholds.length : 1;
  const A = areaRanges.length;
  const M = maxDetections.length;
  const values = slice.of === 'precision' ? curves.precision : curves.recall;
  const a = areaRanges.findIndex((range) => range.label === (slice.area ?? 'all'));
  const m = slice.limit === undefined ? -1 : maxDetections.indexOf(slice.limit);
  if (a < 0 || m < 0) return -1;
  let sum = 0;
  let count = 0;
  for (let t = 0; t < T; t++) {
    if (slice.iou !== undefined && iouThresholds[t] !== slice.iou) continue;
    for (let r = 0; r < R; r++) {
      const first = slice.category ?? 0;
      const last = slice.category ?? categoryCount - 1;
      for (let k = first; k <= last; k++) {
        const value = values[(((t * R + r) * categoryCount + k) * A + a) * M + m]!;
        if (value <= -1) continue;
        sum += value;
        count++;
      }
    }
  }
  return count === 0 ? -1 : sum / count;
}

/** pycocotools' `stats` with their names: 12 numbers, 10 for keypoints. */
export function summarize(
  curves: CocoCurves,
  categoryCount: number,
  parameters: CocoParameters,
): { names: string[]; stats: number[] } {
  const rows = parameters.iouType === 'keypoints' ? keypointRows() : instanceRows(parameters.maxDetections);
  return {
    names: rows.map(([name]) => name),
    stats: rows.map(([, slice]) => meanOf(slice, curves, categoryCount, parameters)),
  };
}

function instanceRows(limits: readonly number[]): [string, Slice][] {
  const last = limits[2];
  return [
    // The first number asks for 100 detections whatever the parameters are.
    ['AP', { of: 'precision', limit: 100 }],
    ['AP50', { of: 'precision', iou: 0.5, limit: last }],
    ['AP75', { of: 'precision', iou: 0.75, limit: last }],
    ['APsmall', { of: 'precision', area: 'small', limit: last }],
    ['APmedium', { of: 'precision', area: 'medium', limit: last }],
    ['APlarge', { of: 'precision', area: 'large', limit: last }],
    ['AR1', { of: 'recall', limit: limits[0] }],
    ['AR10', { of: 'recall', limit: limits[1] }],
    ['AR100', { of: 'recall', limit: last }],
    ['ARsmall', { of: 'recall', area: 'small', limit: last }],
    ['ARmedium', { of: 'recall', area: 'medium', limit: last }],
    ['ARlarge', { of: 'recall', area: 'large', limit: last }],
  ];
}

function keypointRows(): [string, Slice][] {
  const limit = 20;
  return (['precision', 'recall'] as const).flatMap((of): [string, Slice][] => {
    const name = of === 'precision' ? 'AP' : 'AR';
    return [
      [name, { of, limit }],
      [`${name}50`, { of, iou: 0.5, limit }],
      [`${name}75`, { of, iou: 0.75, limit }],
      [`${name}medium`, { of, area: 'medium', limit }],
      [`${name}large`, { of, area: 'large', limit }],
    ];
  });
}

/** The same numbers of one category, at the largest number of detections. */
export function summarizeCategory(
  category: number,
  curves: CocoCurves,
  categoryCount: number,
  parameters: CocoParameters,
): Record<string, number> {
  const limit = parameters.maxDetections.at(-1);
  const mean = (slice: Slice): number => meanOf({ ...slice, category }, curves, categoryCount, parameters);
  const areas = parameters.areaRanges.map((range) => range.label).filter((label) => label !== 'all');
  return {
    AP: mean({ of: 'precision', limit }),
    AP50: mean({ of: 'precision', iou: 0.5, limit }),
    AP75: mean({ of: 'precision', iou: 0.75, limit }),
    ...Object.fromEntries(areas.map((area) => [`AP${area}`, mean({ of: 'precision', area, limit })])),
    ...Object.fromEntries(
      parameters.maxDetections.map((count) => [`AR${count}`, mean({ of: 'recall', limit: count })]),
    ),
    ...Object.fromEntries(areas.map((area) => [`AR${area}`, mean({ of: 'recall', area, limit })])),
  };
}
