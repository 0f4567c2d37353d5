/**
 * Classification losses, as torch.nn.functional has them: cross entropy with class weights, label smoothing and
 * an ignored label, with hard labels or probabilities; and binary cross entropy on logits.
 *
 * All of cross entropy is one operation on rows, −Σ_c t_c·log softmax(x)_c with targets t that may have any
 * weight; weights and smoothing only shape t.
 */
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';
import { logSoftmax } from './softmax.ts';

const rowsOp = defineOp<'logits' | 'targets'>({
  name: 'CrossEntropyRows',
  inputs: ['logits', 'targets'],
  saves: { outputs: [] },
  forward: ({ logits, targets }) => tf.neg(tf.sum(tf.mul(targets, logSoftmax(logits)), -1)),
  backward: (dy, { logits, targets }) => ({
    logits: () => {
      const mass = tf.sum(targets, -1, true);
      return tf.mul(tf.sub(tf.mul(tf.softmax(logits), mass), targets), tf.expandDims(dy, -1));
    },
  }),
});

interface LabelRowsAttrs {
  readonly labelSmoothing: number;
}

/**
 * The same from class indices: `weight` [classes], and `counts` [rows], 0 or 1: does the row count. The dense
 * targets are an expression inside of each pass, never kept from one to the other.
 */
const labelRowsOp = defineOp<'logits' | 'labels' | 'weight' | 'counts', LabelRowsAttrs>({
  name: 'CrossEntropyLabelRows',
  inputs: ['logits', 'labels', 'weight', 'counts'],
  saves: { outputs: [] },
  forward({ logits, labels, weight, counts }, { labelSmoothing }) {
    const targets = targetsOf(labels, weight, labelSmoothing);
    return tf.neg(tf.mul(tf.sum(tf.mul(targets, logSoftmax(logits)), -1), counts));
  },
  backward: (dy, { logits, labels, weight, counts }, _, { labelSmoothing }) => ({
    logits: () => {
      const hard = tf.mul(weightsOf(labels, weight), 1 - labelSmoothing);
      const classes = logits.shape[1]!;
      const mass = labelSmoothing > 0 ? tf.add(hard, tf.mul(tf.sum(weight), labelSmoothing / classes)) : hard;
      const perRow = tf.expandDims(tf.mul(dy, counts), 1);
      const expected = tf.mul(tf.softmax(logits), tf.expandDims(mass, 1));
      return tf.mul(tf.sub(expected, targetsOf(labels, weight, labelSmoothing)), perRow);
    },
  }),
});

/** [rows, classes]: one-hot times weight, smoothed. A label outside of the classes is one-hot nowhere. */
function targetsOf(labels: tf.Tensor, weight: tf.Tensor, labelSmoothing: number): tf.Tensor {
  const classes = weight.shape[0]!;
  const oneHot = tf.cast(tf.oneHot(labels as tf.Tensor1D, classes), 'float32');
  if (labelSmoothing === 0) return tf.mul(oneHot, weight);
  const smooth = tf.add(tf.mul(oneHot, 1 - labelSmoothing), labelSmoothing / classes);
  return tf.mul(smooth, weight);
}

/** The weight of each row's class; 0 for a label outside of the classes. */
function weightsOf(labels: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  const classes = weight.shape[0]!;
  const inside = tf.logicalAnd(tf.greaterEqual(labels, 0), tf.less(labels, classes));
  const known = tf.where(inside, labels, tf.zerosLike(labels)) as tf.Tensor1D;
  return tf.mul(tf.gather(weight, known), tf.cast(inside, 'float32'));
}

export interface CrossEntropyOptions {
  /** Weights of the classes, [classes]. */
  readonly weight?: tf.Tensor;
  /** 0 … 1 (0): the share that is spread over all classes. */
  readonly labelSmoothing?: number;
  /** A label whose rows count for nothing (−100). */
  readonly ignoreIndex?: number;
  /** `mean` divides by the summed weights of the rows that count (torch); 1/0 when there are none. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

/** `logits` [..., classes] and `labels` [...] int32 → a scalar, or [...] with `none`. */
export function softmaxCrossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  { weight, labelSmoothing = 0, ignoreIndex = -100, reduction = 'mean' }: CrossEntropyOptions = {},
): tf.Tensor {
  const classes = logits.shape[logits.rank - 1]!;
  const flatLogits = tf.reshape(logits, [-1, classes]);
  const flatLabels = tf.cast(tf.reshape(labels, [-1]), 'int32');
  const counts = tf.cast(tf.notEqual(flatLabels, ignoreIndex), 'float32');
  const weights = weight ?? tf.ones([classes]);
  const rows = labelRowsOp(
    { logits: flatLogits, labels: flatLabels, weight: weights, counts },
    { labelSmoothing },
  );
  if (reduction === 'none') return tf.reshape(rows, labels.shape);
  if (reduction === 'sum') return tf.sum(rows);
  return tf.div(tf.sum(rows), tf.sum(tf.mul(weightsOf(flatLabels, weights), counts)));
}

/**
 * Cross entropy with probabilities as targets (mixup, distillation): `logits` and `probabilities`
 * [..., classes] → the mean over the rows.
 */
export function softCrossEntropy(
  logits: tf.Tensor,
  probabilities: tf.Tensor,
  { weight, labelSmoothing = 0 }: Pick<CrossEntropyOptions, 'weight' | 'labelSmoothing'> = {},
): tf.Tensor {
  const classes = logits.shape[logits.rank - 1]!;
  const flat = tf.reshape(probabilities, [-1, classes]);
  const smooth =
    labelSmoothing > 0 ? tf.add(tf.mul(flat, 1 - labelSmoothing), labelSmoothing / classes) : flat;
  const targets = weight ? tf.mul(smooth, weight) : smooth;
  return tf.mean(rowsOp({ logits: tf.reshape(logits, [-1, classes]), targets }, {}));
}

const binaryOp = defineOp<'logits' | 'targets'>({
  name: 'BinaryCrossEntropy',
  inputs: ['logits', 'targets'],
  saves: { outputs: [] },
  // max(x, 0) − x·t + log(1 + e^−|x|): no overflow on either side.
  forward: ({ logits, targets }) =>
    tf.add(tf.sub(tf.relu(logits), tf.mul(logits, targets)), tf.log1p(tf.exp(tf.neg(tf.abs(logits))))),
  backward: (dy, { logits, targets }) => ({
    logits: () => tf.mul(dy, tf.sub(tf.sigmoid(logits), targets)),
  }),
});

/** Element by element: `logits` and `targets` (0 … 1) of one shape → the same shape. Reduce it as needed. */
export function binaryCrossEntropyWithLogits(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return binaryOp({ logits, targets }, {});
}
