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
  const flatLabels = tf.reshape(labels, [-1]);
  // An ignored label may lie outside the classes: it is one-hot nowhere then.
  const counts = tf.cast(tf.notEqual(flatLabels, ignoreIndex), 'float32');
  const oneHot = tf.cast(tf.oneHot(tf.cast(flatLabels, 'int32') as tf.Tensor1D, classes), 'float32');
  const weighted = tf.mul(weight ? tf.mul(oneHot, weight) : oneHot, tf.expandDims(counts, 1));
  let targets: tf.Tensor = weighted;
  if (labelSmoothing > 0) {
    const everywhere = tf.mul(tf.expandDims(counts, 1), weight ?? tf.ones([classes]));
    targets = tf.add(tf.mul(weighted, 1 - labelSmoothing), tf.mul(everywhere, labelSmoothing / classes));
  }
  const rows = rowsOp({ logits: flatLogits, targets }, {});
  if (reduction === 'none') return tf.reshape(rows, labels.shape);
  if (reduction === 'sum') return tf.sum(rows);
  return tf.div(tf.sum(rows), tf.sum(weighted));
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
