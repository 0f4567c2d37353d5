/**
 * DETR's loss after matching (Carion et al., arXiv:2005.12872, section 3.1), as transformers'
 * `ForObjectDetectionLoss`: cross entropy over all queries, "no object" weighing less (a weighted mean); L1 and
 * generalised IoU over the matched ones, divided by the number of boxes in the batch. YOLOS uses the same.
 * `cardinality_error` is told and not trained: how far the number of found objects is off.
 */
import { ops, tf } from '../../engine/index.ts';
import type { Loss, ModelOutputs } from '../types.ts';
import { outputLayers } from './targets.ts';

/** Hugging Face's `bbox_loss_coefficient` and `giou_loss_coefficient`; the class loss has 1. */
export interface DetectionLossWeights {
  readonly bboxLossCoefficient: number;
  readonly giouLossCoefficient: number;
}

type Targets = Readonly<Record<string, tf.Tensor>>;

/** Of every output layer: `loss_ce`, `loss_bbox`, `loss_giou`, `cardinality_error`, with the layer's suffix. */
export function detectionLoss(
  outputs: ModelOutputs,
  targets: Targets,
  { bboxLossCoefficient, giouLossCoefficient }: DetectionLossWeights,
): Loss {
  const parts: Record<string, tf.Tensor> = {};
  const weighted: tf.Tensor[] = [];
  for (const { suffix, prefix } of outputLayers(Object.keys(outputs))) {
    const logits = outputs[`${prefix}logits`]!;
    const boxes = outputs[`${prefix}pred_boxes`]!;
    const of = (name: string): tf.Tensor => targets[name + suffix]!;
    const classes = classLoss(logits, of('target_classes'), of('class_weights'));
    const { l1, giou } = boxLosses(boxes, of('target_boxes'), of('matched'), targets.num_boxes!);
    parts[`loss_ce${suffix}`] = classes;
    parts[`loss_bbox${suffix}`] = l1;
    parts[`loss_giou${suffix}`] = giou;
    parts[`cardinality_error${suffix}`] = cardinalityError(
      logits,
      targets.target_lengths!,
      targets.image_weights!,
    );
    weighted.push(classes, tf.mul(l1, bboxLossCoefficient), tf.mul(giou, giouLossCoefficient));
  }
  return { total: weighted.reduce((sum, part) => tf.add(sum, part)), parts };
}

/** Σ w·(−log p) / Σ w over all queries of the batch. */
function classLoss(logits: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  const each = ops.softmaxCrossEntropy(logits, classes, { reduction: 'none' });
  return tf.div(tf.sum(tf.mul(each, weights)), tf.sum(weights));
}

interface Corners {
  readonly x0: tf.Tensor;
  readonly y0: tf.Tensor;
  readonly x1: tf.Tensor;
  readonly y1: tf.Tensor;
  readonly area: tf.Tensor;
}

/** (cx, cy, w, h) [batch, queries, 4] → sides, each [batch, queries, 1]. */
function corners(boxes: tf.Tensor): Corners {
  const [cx, cy, w, h] = tf.split(boxes, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [halfWidth, halfHeight] = [tf.mul(w, 0.5), tf.mul(h, 0.5)];
  return {
    x0: tf.sub(cx, halfWidth),
    y0: tf.sub(cy, halfHeight),
    x1: tf.add(cx, halfWidth),
    y1: tf.add(cy, halfHeight),
    area: tf.mul(w, h),
  };
}

/** IoU minus the share of the enclosing box that neither covers, for boxes side by side: [batch, queries, 1]. */
function generalizedIou(a: Corners, b: Corners): tf.Tensor {
  const span = (low: tf.Tensor, high: tf.Tensor): tf.Tensor => tf.relu(tf.sub(high, low));
  const intersection = tf.mul(
    span(tf.maximum(a.x0, b.x0), tf.minimum(a.x1, b.x1)),
    span(tf.maximum(a.y0, b.y0), tf.minimum(a.y1, b.y1)),
  );
  const union = tf.sub(tf.add(a.area, b.area), intersection);
  const enclosing = tf.mul(
    span(tf.minimum(a.x0, b.x0), tf.maximum(a.x1, b.x1)),
    span(tf.minimum(a.y0, b.y0), tf.maximum(a.y1, b.y1)),
  );
  return tf.sub(tf.div(intersection, union), tf.div(tf.sub(enclosing, union), enclosing));
}

function boxLosses(
  boxes: tf.Tensor,
  targetBoxes: tf.Tensor,
  matched: tf.Tensor,
  boxCount: tf.Tensor,
): { l1: tf.Tensor; giou: tf.Tensor } {
  const counts = tf.expandDims(matched, 2);
  const overMatched = (values: tf.Tensor): tf.Tensor => tf.div(tf.sum(tf.mul(values, counts)), boxCount);
  const giou = generalizedIou(corners(boxes), corners(targetBoxes));
  return { l1: overMatched(tf.abs(tf.sub(boxes, targetBoxes))), giou: overMatched(tf.sub(1, giou)) };
}

/** The mean over images of |queries whose best class is an object − objects|. */
function cardinalityError(logits: tf.Tensor, lengths: tf.Tensor, imageWeights: tf.Tensor): tf.Tensor {
  const noObject = logits.shape[2]! - 1;
  const found = tf.sum(tf.cast(tf.notEqual(tf.argMax(logits, 2), noObject), 'float32'), 1);
  const errors = tf.mul(tf.abs(tf.sub(found, lengths)), imageWeights);
  return tf.div(tf.sum(errors), tf.sum(imageWeights));
}
