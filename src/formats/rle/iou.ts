/**
 * Overlap of every detection with every ground truth, as COCO measures it: intersection over union, and over
 * the detection's own area where the ground truth is a crowd. Boxes are continuous: no pixel is added.
 */
import { areaOf, boxOf } from './runs.ts';
import { sweep } from './sweep.ts';
import type { Runs } from './types.ts';

/**
 * IoU of boxes x, y, width, height (four numbers each, one after the other). Result [detections × truths],
 * row by row; 0 where they do not meet.
 */
export function iouOfBoxes(
  detections: ArrayLike<number>,
  truths: ArrayLike<number>,
  crowd?: ArrayLike<number | boolean>,
): Float64Array {
  const rows = detections.length / 4;
  const columns = truths.length / 4;
  const result = new Float64Array(rows * columns);
  for (let d = 0; d < rows; d++) {
    const dx = detections[d * 4]!;
    const dy = detections[d * 4 + 1]!;
    const dw = detections[d * 4 + 2]!;
    const dh = detections[d * 4 + 3]!;
    const area = dw * dh;
    for (let g = 0; g < columns; g++) {
      const gx = truths[g * 4]!;
      const gy = truths[g * 4 + 1]!;
      const gw = truths[g * 4 + 2]!;
      const gh = truths[g * 4 + 3]!;
      const width = Math.min(dw + dx, gw + gx) - Math.max(dx, gx);
      if (width <= 0) continue;
      const height = Math.min(dh + dy, gh + gy) - Math.max(dy, gy);
      if (height <= 0) continue;
      const intersection = width * height;
      result[d * columns + g] = intersection / (crowd?.[g] ? area : area + gw * gh - intersection);
    }
  }
  return result;
}

/** IoU of masks, [detections × truths] row by row; −1 where the sizes differ (as pycocotools says it). */
export function iouOfRuns(
  detections: readonly Runs[],
  truths: readonly Runs[],
  crowd?: ArrayLike<number | boolean>,
): Float64Array {
  const result = iouOfBoxes(detections.flatMap(boxOf), truths.flatMap(boxOf), crowd);
  for (let d = 0; d < detections.length; d++) {
    for (let g = 0; g < truths.length; g++) {
      const at = d * truths.length + g;
      if (result[at]! > 0) result[at] = overlap(detections[d]!, truths[g]!, Boolean(crowd?.[g]));
    }
  }
  return result;
}

function overlap(a: Runs, b: Runs, crowd: boolean): number {
  if (a.height !== b.height || a.width !== b.width) return -1;
  let intersection = 0;
  let union = 0;
  sweep(a, b, (length, inA, inB) => {
    if (inA || inB) union += length;
    if (inA && inB) intersection += length;
  });
  if (intersection === 0) return 0;
  return intersection / (crowd ? areaOf(a) : union);
}
