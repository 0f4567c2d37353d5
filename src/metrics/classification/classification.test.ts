import { describe, expect, it } from 'vitest';
import { derive, permutation } from '../../core/index.ts';
import {
  argmaxRows,
  averaged,
  averagePrecision,
  averagePrecisionPerClass,
  balancedAccuracy,
  brierScore,
  calibrationBins,
  calibrationError,
  cohenKappa,
  confusionMatrix,
  countsOf,
  labelCounts,
  labelsAbove,
  logLoss,
  matthewsCorrelation,
  precisionRecallCurve,
  rocAuc,
  rocAucOneVsOne,
  rocAucPerClass,
  rocCurve,
  samplesAverage,
  softmaxRows,
  topKAccuracy,
} from './index.ts';

function sample(seed: number, samples = 80, classes = 4) {
  const random = derive(seed, 'classification-test');
  const truth = Int32Array.from({ length: samples }, () => random.integer(classes));
  const logits = Float64Array.from(
    { length: samples * classes },
    (_, i) => random.normal() + (i % classes === truth[Math.floor(i / classes)] ? 1 : 0),
  );
  const scores = { samples, classes, data: softmaxRows({ samples, classes, data: logits }) };
  return { truth, scores };
}

const isClass = (truth: Int32Array, c: number) => Array.from(truth, (label) => label === c);
const column = (scores: ReturnType<typeof sample>['scores'], c: number) =>
  Float64Array.from({ length: scores.samples }, (_, row) => scores.data[row * scores.classes + c]!);

describe('counting metrics', () => {
  it.each([1, 2, 3])('give 1 for perfect predictions (seed %i)', (seed) => {
    const { truth, scores } = sample(seed);
    const matrix = confusionMatrix(truth, truth, scores.classes);
    for (const averaging of ['macro', 'micro', 'weighted'] as const) {
      expect(averaged(countsOf(matrix, scores.classes), averaging)).toEqual({
        precision: 1,
        recall: 1,
        f1: 1,
      });
    }
    expect(cohenKappa(matrix, scores.classes)).toBe(1);
    expect(matthewsCorrelation(matrix, scores.classes)).toBeCloseTo(1, 12);
  });

  it.each([1, 2, 3])('micro precision, recall and F1 are the accuracy (seed %i)', (seed) => {
    const { truth, scores } = sample(seed);
    const counts = countsOf(confusionMatrix(truth, argmaxRows(scores), scores.classes), scores.classes);
    const micro = averaged(counts, 'micro');
    const accuracy = topKAccuracy(scores, truth, 1);
    for (const value of Object.values(micro)) expect(value).toBeCloseTo(accuracy, 12);
    expect(averaged(counts, 'weighted').recall).toBeCloseTo(accuracy, 12);
  });

  it('counts a class without predictions as 0 and can leave absent classes out', () => {
    const counts = countsOf(confusionMatrix([0, 0, 1], [0, 0, 0], 3), 3);
    expect(averaged(counts, 'macro').recall).toBeCloseTo(1 / 3, 12);
    expect(averaged(counts, 'macro', { presentOnly: true }).recall).toBeCloseTo(1 / 2, 12);
    expect(balancedAccuracy(counts)).toBeCloseTo(1 / 2, 12);
  });
});

describe('ranking metrics', () => {
  it.each([1, 2, 3])('do not depend on the order of samples (seed %i)', (seed) => {
    const { truth, scores } = sample(seed);
    const order = permutation(scores.samples, derive(seed, 'order'));
    const values = column(scores, 1);
    const positive = isClass(truth, 1);
    const shuffled = Float64Array.from(order, (i) => values[i]!);
    const shuffledPositive = Array.from(order, (i) => positive[i]!);
    expect(rocAuc(shuffled, shuffledPositive)).toBeCloseTo(rocAuc(values, positive)!, 12);
    expect(averagePrecision(shuffled, shuffledPositive)).toBeCloseTo(averagePrecision(values, positive)!, 12);
  });

  it('AUC is the chance that a positive scores above a negative, ties counting half', () => {
    const scores = [0.1, 0.4, 0.4, 0.8, 0.4];
    const positive = [false, true, false, true, true];
    let wins = 0;
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 5; j++) {
        if (!positive[i] || positive[j]) continue;
        wins += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
      }
    }
    expect(rocAuc(scores, positive)).toBeCloseTo(wins / 6, 12);
    expect(
      rocAuc(
        scores.map((s) => -s),
        positive,
      ),
    ).toBeCloseTo(1 - wins / 6, 12);
  });

  it('does not exist where a class has no positives or no negatives', () => {
    expect(rocAuc([1, 2], [false, false])).toBeUndefined();
    expect(rocAuc([1, 2], [true, true])).toBeUndefined();
    expect(averagePrecision([1, 2], [false, false])).toBeUndefined();
    expect(rocAucOneVsOne({ samples: 2, classes: 2, data: [1, 0, 1, 0] }, [0, 0])).toBeUndefined();
  });

  it('curves start and end where they must', () => {
    const { truth, scores } = sample(9);
    const roc = rocCurve(column(scores, 0), isClass(truth, 0));
    expect([roc.falsePositiveRate[0], roc.truePositiveRate[0], roc.thresholds[0]]).toEqual([0, 0, Infinity]);
    expect([roc.falsePositiveRate.at(-1), roc.truePositiveRate.at(-1)]).toEqual([1, 1]);
    const curve = precisionRecallCurve(column(scores, 0), isClass(truth, 0));
    expect([curve.precision.at(-1), curve.recall.at(-1), curve.recall[0]]).toEqual([1, 0, 1]);
    expect(curve.precision).toHaveLength(curve.thresholds.length + 1);
  });

  it('top-k grows with k and ends at 1', () => {
    const { truth, scores } = sample(4);
    const values = [1, 2, 3, 4].map((k) => topKAccuracy(scores, truth, k));
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(values.at(-1)).toBe(1);
    const tied = { samples: 1, classes: 3, data: [0.4, 0.4, 0.2] };
    expect(topKAccuracy(tied, [1], 1)).toBe(0);
    expect(topKAccuracy(tied, [1], 1, 'higher')).toBe(1);
  });

  it('log loss stays finite for a probability of 0', () => {
    expect(logLoss({ samples: 1, classes: 2, data: [1, 0] }, [1])).toBeCloseTo(708.396, 2);
  });
});

describe('calibration', () => {
  it('puts confidences on an edge into the bin that is asked for', () => {
    const scores = { samples: 1, classes: 2, data: [0.3, 0.7] };
    expect(calibrationBins(scores, [1], 10).findIndex((bin) => bin.count > 0)).toBe(6);
    expect(calibrationBins(scores, [1], 10, 'lower-closed').findIndex((bin) => bin.count > 0)).toBe(7);
  });

  it('has no error when the model is as right as it is sure', () => {
    const scores = { samples: 4, classes: 2, data: [0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25] };
    const bins = calibrationBins(scores, [0, 0, 0, 1], 10);
    for (const norm of ['l1', 'l2', 'max'] as const) expect(calibrationError(bins, norm)).toBeCloseTo(0, 12);
  });
});

describe('several labels', () => {
  const truth = { samples: 2, classes: 3, data: [1, 0, 1, 0, 0, 0] };
  it('thresholds the sigmoid strictly', () => {
    expect([...(labelsAbove({ samples: 1, classes: 3, data: [0, 0.1, -0.1] }).data as Uint8Array)]).toEqual([
      0, 1, 0,
    ]);
  });
  it('averages over classes and over samples', () => {
    const predicted = { samples: 2, classes: 3, data: [1, 1, 1, 0, 0, 0] };
    expect(averaged(labelCounts(truth, predicted), 'micro')).toEqual({
      precision: 2 / 3,
      recall: 1,
      f1: 0.8,
    });
    expect(samplesAverage(truth, predicted)).toEqual({ precision: 1 / 3, recall: 0.5, f1: 0.4 });
  });
});

describe('a score that is no number', () => {
  const data = [0.2, Number.NaN, 0.4, 0.5, 0.3, 0.2];
  const matrix = { samples: 2, classes: 3, data };
  const truth = [1, 0];
  it.each<[string, () => unknown]>([
    ['argmaxRows', () => argmaxRows(matrix)],
    ['topKAccuracy', () => topKAccuracy(matrix, truth, 1)],
    ['rocAucPerClass', () => rocAucPerClass(matrix, truth)],
    ['rocAucOneVsOne', () => rocAucOneVsOne(matrix, truth)],
    ['averagePrecisionPerClass', () => averagePrecisionPerClass(matrix, truth)],
    ['logLoss', () => logLoss(matrix, truth)],
    ['brierScore', () => brierScore(matrix, truth)],
    ['calibrationBins', () => calibrationBins(matrix, truth, 4)],
    ['labelsAbove', () => labelsAbove(matrix)],
    ['rocCurve', () => rocCurve(data, [1, 0, 1, 0, 1, 0])],
    ['precisionRecallCurve', () => precisionRecallCurve(data, [1, 0, 1, 0, 1, 0])],
  ])('is refused by %s', (_, measure) => {
    expect(measure).toThrow(expect.objectContaining({ code: 'score_not_a_number', exitCode: 3 }));
  });
});
