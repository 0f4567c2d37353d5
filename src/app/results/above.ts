/** Detections are asked for once, and a threshold is moved over them here. */
import type { Prediction } from '../../client/index.ts';

/** Without the detections that score lower. */
export function above(prediction: Prediction, threshold: number): Prediction {
  if (prediction.task !== 'detection') return prediction;
  const { scores, labels, boxes } = prediction.value;
  const kept = Array.from(scores, (_, i) => i).filter((i) => scores[i]! >= threshold);
  return {
    task: 'detection',
    value: {
      scores: Float32Array.from(kept, (i) => scores[i]!),
      labels: Int32Array.from(kept, (i) => labels[i]!),
      boxes: Float32Array.from(kept.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
    },
  };
}
