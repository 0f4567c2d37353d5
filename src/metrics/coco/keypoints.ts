/**
 * Object keypoint similarity (OKS): COCO's overlap of two poses, the mean over labelled points of
 * exp(−distance² / (2 · (2σ)² · area)). A ground truth without labelled points is measured by how far the
 * points lie outside of its box enlarged to three times its size.
 */
import { ShapeError } from '../../core/index.ts';

/**
 * [detections × truths], row by row. Points are x, y, visibility per keypoint, one instance after the other;
 * boxes are left, top, width, height; areas are the annotations' own, in square pixels.
 */
export function keypointSimilarities(
  detectionPoints: Float64Array,
  truthPoints: Float64Array,
  truthBoxes: Float64Array,
  truthAreas: Float64Array,
  sigmas: readonly number[],
): Float64Array {
  const points = sigmas.length;
  const truths = truthAreas.length;
  const detections = detectionPoints.length / (3 * points);
  if (truthPoints.length !== truths * points * 3 || !Number.isInteger(detections)) {
    throw new ShapeError({
      code: 'keypoint_count',
      expected: `${points} keypoints (x, y, visibility) per instance, one for each sigma`,
      received: `${truthPoints.length} numbers for ${truths} ground truths, ${detectionPoints.length} for the detections`,
      fix: 'give keypointSigmas of the same length as the keypoints',
    });
  }
  const result = new Float64Array(detections * truths);
  for (let g = 0; g < truths; g++) {
    const base = g * points * 3;
    let labelled = 0;
    for (let p = 0; p < points; p++) if (truthPoints[base + 3 * p + 2]! > 0) labelled++;
    const left = truthBoxes[4 * g]! - truthBoxes[4 * g + 2]!;
    const right = truthBoxes[4 * g]! + 2 * truthBoxes[4 * g + 2]!;
    const top = truthBoxes[4 * g + 1]! - truthBoxes[4 * g + 3]!;
    const bottom = truthBoxes[4 * g + 1]! + 2 * truthBoxes[4 * g + 3]!;
    const area = truthAreas[g]! + 2 ** -52;
    for (let d = 0; d < detections; d++) {
      let sum = 0;
      for (let p = 0; p < points; p++) {
        if (labelled > 0 && truthPoints[base + 3 * p + 2]! <= 0) continue;
        const x = detectionPoints[(d * points + p) * 3]!;
        const y = detectionPoints[(d * points + p) * 3 + 1]!;
        const dx =
          labelled > 0 ? x - truthPoints[base + 3 * p]! : Math.max(0, left - x) + Math.max(0, x - right);
        const dy =
          labelled > 0 ? y - truthPoints[base + 3 * p + 1]! : Math.max(0, top - y) + Math.max(0, y - bottom);
        sum += Math.exp(-((dx * dx + dy * dy) / (2 * sigmas[p]!) ** 2 / area / 2));
      }
      result[d * truths + g] = sum / (labelled > 0 ? labelled : points);
    }
  }
  return result;
}
