/**
 * What a COCO evaluation is measured with: pycocotools' `Params`, with the same doubles.
 *
 * The thresholds are `numpy.linspace` values, not sums of 0.05: 0.9 is 0.8999999999999999 there, and an IoU
 * that lies on a threshold is decided by that last bit.
 */
import { ConfigError } from '../../core/index.ts';

export type IouType = 'bbox' | 'segm' | 'keypoints';

/** Instances with low ≤ area ≤ high (closed on both sides, square pixels) count; others are ignored. */
export interface AreaRange {
  readonly label: string;
  readonly low: number;
  readonly high: number;
}

export interface CocoParameters {
  readonly iouType: IouType;
  /** false: all categories of an image are matched together (proposals). */
  readonly useCategories: boolean;
  readonly iouThresholds: readonly number[];
  readonly recallThresholds: readonly number[];
  /** Ascending; the largest one limits the detections per image and category. */
  readonly maxDetections: readonly number[];
  readonly areaRanges: readonly AreaRange[];
  /** Only for keypoints: per point, COCO's falloff constants (σ). */
  readonly keypointSigmas: readonly number[];
}

/** `numpy.linspace(start, stop, count)`, bit for bit. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

const everything: AreaRange = { label: 'all', low: 0, high: 1e10 };
const small: AreaRange = { label: 'small', low: 0, high: 32 ** 2 };
const medium: AreaRange = { label: 'medium', low: 32 ** 2, high: 96 ** 2 };
const large: AreaRange = { label: 'large', low: 96 ** 2, high: 1e10 };

/** COCO's 17 person keypoints, from nose to right ankle. */
const personSigmas: readonly number[] = [
  0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89,
].map((sigma) => sigma / 10);

/** pycocotools' defaults for an IoU type, with changes. Throws ConfigError on values that can't be measured. */
export function cocoParameters(changes: Partial<CocoParameters> = {}): CocoParameters {
  const iouType = changes.iouType ?? 'bbox';
  const parameters: CocoParameters = {
    iouType,
    useCategories: true,
    iouThresholds: linspace(0.5, 0.95, 10),
    recallThresholds: linspace(0, 1, 101),
    maxDetections: iouType === 'keypoints' ? [20] : [1, 10, 100],
    areaRanges: iouType === 'keypoints' ? [everything, medium, large] : [everything, small, medium, large],
    keypointSigmas: personSigmas,
    ...changes,
  };
  for (const name of ['iouThresholds', 'recallThresholds', 'maxDetections', 'areaRanges'] as const) {
    if (parameters[name].length === 0) throw badParameter(name, 'an empty list', 'give at least one');
  }
  for (const name of ['iouThresholds', 'recallThresholds', 'maxDetections'] as const) {
    const bad = parameters[name].find((value) => !(Number.isFinite(value) && value >= 0));
    if (bad !== undefined) throw badParameter(name, String(bad), 'use finite numbers that are not negative');
  }
  return { ...parameters, maxDetections: parameters.maxDetections.toSorted((a, b) => a - b) };
}

function badParameter(name: string, received: string, fix: string): ConfigError {
  return new ConfigError({
    code: 'bad_evaluation_parameter',
    expected: `${name} of a COCO evaluation`,
    received,
    fix,
  });
}
