/**
 * Cross entropy with class weights, label smoothing and blended targets; or, with several labels per image,
 * binary cross entropy. For plain labels equal to torch's `cross_entropy` (whose weighted mean divides by the
 * weights of the true classes) and `binary_cross_entropy_with_logits`.
 */
import { ops, tf } from '../../engine/index.ts';
import type { Loss, ModelOutputs } from '../types.ts';

export interface ClassificationLossOptions {
  readonly multiLabel?: boolean | undefined;
  /** 0 … 1 (0): the share of each target that is spread over all classes. */
  readonly labelSmoothing?: number | undefined;
  /** One per class. */
  readonly classWeights?: readonly number[] | undefined;
}

/** @param targets `labels` [batch, classes] and `weight` [batch] of `classificationTargets` */
export function classificationLoss(
  { logits }: ModelOutputs,
  { labels, weight }: Readonly<Record<string, tf.Tensor>>,
  { multiLabel = false, labelSmoothing = 0, classWeights }: ClassificationLossOptions = {},
): Loss {
  const classes = logits!.shape[1]!;
  const weights = classWeights ? tf.tensor1d([...classWeights]) : tf.ones([classes]);
  const rowWeights = tf.expandDims(weight!, 1);
  const smooth = (spread: number): tf.Tensor =>
    labelSmoothing > 0 ? tf.add(tf.mul(labels!, 1 - labelSmoothing), labelSmoothing * spread) : labels!;
  if (multiLabel) {
    const each = tf.mul(ops.binaryCrossEntropyWithLogits(logits!, smooth(0.5)), weights);
    const total = tf.div(tf.sum(tf.mul(each, rowWeights)), tf.mul(tf.sum(weight!), classes));
    return { total, parts: {} };
  }
  const shaped = tf.mul(tf.mul(smooth(1 / classes), weights), rowWeights);
  const mass = tf.sum(tf.mul(tf.mul(labels!, weights), rowWeights));
  const total = tf.div(tf.neg(tf.sum(tf.mul(shaped, ops.logSoftmax(logits!)))), mass);
  return { total, parts: {} };
}
