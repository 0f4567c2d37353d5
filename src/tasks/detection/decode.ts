/**
 * What a DETR-like model says, in pixels: Hugging Face's `post_process_object_detection` for heads with a
 * softmax over the classes and "no object" (DETR, YOLOS, Table Transformer).
 *
 * A query's score is that of its best class, "no object" left aside, so that a query whose first choice is
 * "no object" still counts when its best class passes the threshold (strictly above). Queries keep their
 * order, and boxes are not clipped to the image: evaluation must see what the model said.
 */
import { ShapeError, type Size } from '../../core/index.ts';
import type { DecodeOptions, DetectionPrediction, HostOutputs } from '../types.ts';

const { fround } = Math;

/**
 * `outputs.logits` [images, queries, classes + 1] and `outputs.pred_boxes` [images, queries, 4] (cx, cy,
 * width, height relative to the image) to one prediction per image. Boxes are corners in pixels of `sizes`;
 * without sizes they stay relative. The threshold is 0.5 where none is given.
 */
export function decodeDetections(
  outputs: HostOutputs,
  sizes: readonly Size[] | undefined,
  { threshold = 0.5 }: DecodeOptions = {},
): DetectionPrediction[] {
  const { logits, pred_boxes: boxes } = outputs;
  const [images = 0, queries = 0, columns = 0] = logits?.shape ?? [];
  const fits = boxes?.shape[0] === images && boxes.shape[1] === queries && boxes.shape[2] === 4;
  if (!logits || !boxes || !fits || columns < 2 || (sizes && sizes.length !== images)) {
    throw new ShapeError({
      code: 'detection_outputs',
      expected:
        'logits [images, queries, classes + 1], pred_boxes [images, queries, 4] and one size per image',
      received: `logits [${logits?.shape ?? 'none'}], pred_boxes [${boxes?.shape ?? 'none'}], ${sizes?.length ?? 'no'} sizes`,
      fix: 'pass the outputs of a detection model unchanged, with the sizes of the original images',
    });
  }
  return Array.from({ length: images }, (_, image) => {
    const from = image * queries;
    const { scores, labels } = bestClasses(logits.data, from, queries, columns);
    const kept = [...scores.keys()].filter((query) => scores[query]! > threshold);
    return {
      scores: Float32Array.from(kept, (query) => scores[query]!),
      labels: Int32Array.from(kept, (query) => labels[query]!),
      boxes: cornersOf(
        boxes.data,
        kept.map((query) => from + query),
        sizes?.[image],
      ),
    };
  });
}

/** The best class of each query and its probability; of equal ones the first. */
function bestClasses(
  logits: Float32Array,
  from: number,
  queries: number,
  columns: number,
): { scores: Float32Array; labels: Int32Array } {
  const scores = new Float32Array(queries);
  const labels = new Int32Array(queries);
  for (let query = 0; query < queries; query++) {
    const row = logits.subarray((from + query) * columns, (from + query + 1) * columns);
    let highest = Number.NEGATIVE_INFINITY;
    let label = 0;
    for (let c = 0; c < columns; c++) {
      highest = Math.max(highest, row[c]!);
      if (c < columns - 1 && row[c]! > row[label]!) label = c;
    }
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.exp(row[c]! - highest);
    scores[query] = Math.exp(row[label]! - highest) / sum;
    labels[query] = label;
  }
  return { scores, labels };
}

/** Rounded to float32 after every step, as PyTorch computes it. */
function cornersOf(boxes: Float32Array, rows: readonly number[], size: Size | undefined): Float32Array {
  const width = size?.width ?? 1;
  const height = size?.height ?? 1;
  const corners = new Float32Array(rows.length * 4);
  rows.forEach((row, i) => {
    const [cx, cy, w, h] = boxes.subarray(row * 4, row * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    corners[i * 4] = fround(cx - fround(0.5 * w)) * width;
    corners[i * 4 + 1] = fround(cy - fround(0.5 * h)) * height;
    corners[i * 4 + 2] = fround(cx + fround(0.5 * w)) * width;
    corners[i * 4 + 3] = fround(cy + fround(0.5 * h)) * height;
  });
  return corners;
}
