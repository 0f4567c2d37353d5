/**
 * Several labels per sample: every class is a yes–no question of its own, answered by a threshold on its
 * sigmoid. Truth and prediction are [samples × classes] of 0 and 1.
 */
import { type ClassCounts, type PrecisionRecallF1, precisionRecallF1 } from './confusion.ts';
import { requireNumbers } from './numbers.ts';

export interface LabelMatrix {
  readonly samples: number;
  readonly classes: number;
  readonly data: ArrayLike<number>;
}

/** 1 where the sigmoid of the logit is above the threshold. */
export function labelsAbove(logits: LabelMatrix, threshold = 0.5): LabelMatrix {
  requireNumbers(logits.data);
  const data = Uint8Array.from({ length: logits.samples * logits.classes }, (_, i) =>
    sigmoid(logits.data[i]!) > threshold ? 1 : 0,
  );
  return { samples: logits.samples, classes: logits.classes, data };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Counts per class, for `averaged`. */
export function labelCounts(truth: LabelMatrix, predicted: LabelMatrix): ClassCounts[] {
  return Array.from({ length: truth.classes }, (_, c) =>
    count(truth, predicted, c, truth.classes, truth.samples),
  );
}

function count(
  truth: LabelMatrix,
  predicted: LabelMatrix,
  start: number,
  stride: number,
  length: number,
): ClassCounts {
  let truePositives = 0;
  let falsePositives = 0;
  let falseNegatives = 0;
  for (let i = 0; i < length; i++) {
    const wanted = truth.data[start + i * stride] !== 0;
    const received = predicted.data[start + i * stride] !== 0;
    if (wanted && received) truePositives++;
    else if (received) falsePositives++;
    else if (wanted) falseNegatives++;
  }
  return { truePositives, falsePositives, falseNegatives };
}

/** The share of samples whose labels are all right. */
export function subsetAccuracy(truth: LabelMatrix, predicted: LabelMatrix): number {
  let right = 0;
  for (let row = 0; row < truth.samples; row++) {
    let same = true;
    for (let c = 0; c < truth.classes && same; c++) {
      same = (truth.data[row * truth.classes + c] !== 0) === (predicted.data[row * truth.classes + c] !== 0);
    }
    if (same) right++;
  }
  return right / truth.samples;
}

/** The share of single answers that are wrong. */
export function hammingLoss(truth: LabelMatrix, predicted: LabelMatrix): number {
  let wrong = 0;
  const total = truth.samples * truth.classes;
  for (let i = 0; i < total; i++) {
    if ((truth.data[i] !== 0) !== (predicted.data[i] !== 0)) wrong++;
  }
  return wrong / total;
}

/** Precision, recall and F1 of every sample's set of labels, averaged over samples. */
export function samplesAverage(truth: LabelMatrix, predicted: LabelMatrix): PrecisionRecallF1 {
  const sum = { precision: 0, recall: 0, f1: 0 };
  for (let row = 0; row < truth.samples; row++) {
    const values = precisionRecallF1(count(truth, predicted, row * truth.classes, 1, truth.classes));
    sum.precision += values.precision;
    sum.recall += values.recall;
    sum.f1 += values.f1;
  }
  return {
    precision: sum.precision / truth.samples,
    recall: sum.recall / truth.samples,
    f1: sum.f1 / truth.samples,
  };
}
