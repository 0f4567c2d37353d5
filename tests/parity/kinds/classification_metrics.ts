/**
 * Classification metrics against scikit-learn's (and torchmetrics') numbers. Every stored number, at whatever
 * depth, is one check; what it means is looked up by its path. Three layouts: one label per sample with
 * probabilities, several labels per sample, and plain scores with ties.
 */
import {
  argmaxRows,
  averaged,
  averagePrecision,
  averagePrecisionPerClass,
  balancedAccuracy,
  brierScore,
  type CalibrationBin,
  calibrationBins,
  calibrationError,
  cohenKappa,
  columnOf,
  confusionMatrix,
  countsOf,
  hammingLoss,
  labelCounts,
  labelsAbove,
  logLoss,
  matthewsCorrelation,
  meanOverClasses,
  type PerClass,
  precisionRecallCurve,
  precisionRecallF1,
  rocAuc,
  rocAucOneVsOne,
  rocAucPerClass,
  rocCurve,
  type ScoreMatrix,
  samplesAverage,
  softmaxRows,
  subsetAccuracy,
  topKAccuracy,
} from '../../../src/metrics/index.ts';
import { type KindHandler, type Reporter, readJson, type Tolerance } from '../case.ts';
import { type PlainTensor, readTensors } from '../tensors.ts';

/** What we compute, in the layout of expected.json; keys that are not stored are simply not asked for. */
type Tree = { readonly [key: string]: unknown };

export const classificationMetrics: KindHandler = async (parityCase, report) => {
  const expected = await readJson<Tree>(parityCase, 'expected.json');
  const tensors = await readTensors(parityCase, 'data.safetensors');
  const targets = tensors.get('targets')!;
  const stated = parityCase.readme.tolerance;
  const base = typeof stated === 'number' ? stated : 1e-9;
  const tolerance = (path: string): Tolerance => {
    if (path.includes('torchmetrics')) return { atol: 1e-6 };
    return { atol: path.includes('_curve') ? Math.min(base, 1e-12) : base };
  };
  const logits = tensors.get('logits');
  const probabilities = tensors.get('probabilities');
  if (targets.shape.length === 2) {
    compareTree(report, multiLabel(matrix(logits!), matrix(targets)), expected, tolerance);
  } else if (probabilities) {
    if (logits)
      report.close('probabilities', softmaxRows(matrix(logits)), probabilities.data, { atol: 1e-12 });
    compareTree(report, singleLabel(matrix(probabilities), targets.data, expected), expected, tolerance);
  } else {
    const scores = tensors.get('scores') ?? logits!;
    compareTree(report, plainScores(matrix(scores), targets.data, expected), expected, tolerance);
  }
};

function matrix(tensor: PlainTensor): ScoreMatrix {
  return { samples: tensor.shape[0]!, classes: tensor.shape[1]!, data: tensor.data };
}

function singleLabel(probabilities: ScoreMatrix, targets: Float64Array, expected: Tree): Tree {
  const { samples, classes } = probabilities;
  const confusion = confusionMatrix(targets, argmaxRows(probabilities), classes);
  const counts = countsOf(confusion, classes);
  const support = counts.map((row) => row.truePositives + row.falseNegatives);
  const perClass = counts.map(precisionRecallF1);
  const auc = rocAucPerClass(probabilities, targets);
  const precision = averagePrecisionPerClass(probabilities, targets);
  const present = averaged(counts, 'macro', { presentOnly: true });
  return {
    num_samples: samples,
    num_classes: classes,
    support,
    accuracy: topKAccuracy(probabilities, targets, 1),
    balanced_accuracy: balancedAccuracy(counts),
    ...topK(probabilities, targets, expected),
    confusion_matrix: Array.from({ length: classes }, (_, c) => [
      ...confusion.subarray(c * classes, (c + 1) * classes),
    ]),
    macro: averaged(counts, 'macro'),
    micro: averaged(counts, 'micro'),
    weighted: averaged(counts, 'weighted'),
    per_class: {
      precision: perClass.map((row) => row.precision),
      recall: perClass.map((row) => row.recall),
      f1: perClass.map((row) => row.f1),
    },
    cohen_kappa: cohenKappa(confusion, classes),
    matthews: matthewsCorrelation(confusion, classes),
    log_loss: logLoss(probabilities, targets),
    roc_auc_ovr: {
      per_class: byClass(auc),
      macro: meanOverClasses(auc),
      weighted: meanOverClasses(auc, support),
    },
    roc_auc_ovo_macro: rocAucOneVsOne(probabilities, targets),
    average_precision: {
      per_class: byClass(precision),
      macro: meanOverClasses(precision),
      weighted: meanOverClasses(precision, support),
    },
    ...calibration(probabilities, targets, expected),
    brier_multiclass: brierScore(probabilities, targets),
    torchmetrics: {
      accuracy_macro: present.recall,
      accuracy_micro: averaged(counts, 'micro').recall,
      f1_macro: present.f1,
      precision_macro: present.precision,
      recall_macro: present.recall,
      // torchmetrics counts a class without positives as an AUC of 0, but leaves it out of the mean AP.
      auroc_macro: [...auc.values()].reduce((sum, value) => sum + value, 0) / classes,
      average_precision_macro: meanOverClasses(precision),
    },
    ...(classes === 2 ? { binary: binary(probabilities, targets) } : {}),
  };
}

function binary(probabilities: ScoreMatrix, targets: Float64Array): Tree {
  const scores = columnOf(probabilities, 1);
  const roc = rocCurve(scores, targets);
  const curve = precisionRecallCurve(scores, targets);
  return {
    roc_auc: rocAuc(scores, targets),
    average_precision: averagePrecision(scores, targets),
    roc_curve: { fpr: roc.falsePositiveRate, tpr: roc.truePositiveRate, thresholds: roc.thresholds },
    precision_recall_curve: {
      precision: curve.precision,
      recall: curve.recall,
      thresholds: curve.thresholds,
    },
    brier: brierScore(probabilities, targets) / 2,
  };
}

function multiLabel(logits: ScoreMatrix, targets: ScoreMatrix): Tree {
  const predicted = labelsAbove(logits);
  const counts = labelCounts(targets, predicted);
  const ofClass = (measure: typeof rocAuc): PerClass =>
    new Map(
      counts.flatMap((_, c) => {
        const value = measure(columnOf(logits, c), columnOf(targets, c));
        return value === undefined ? [] : [[c, value] as const];
      }),
    );
  const precision = ofClass(averagePrecision);
  const auc = ofClass(rocAuc);
  const perClass = counts.map(precisionRecallF1);
  return {
    num_samples: targets.samples,
    num_classes: targets.classes,
    subset_accuracy: subsetAccuracy(targets, predicted),
    hamming_loss: hammingLoss(targets, predicted),
    macro: averaged(counts, 'macro'),
    micro: averaged(counts, 'micro'),
    weighted: averaged(counts, 'weighted'),
    samples: samplesAverage(targets, predicted),
    per_class: {
      precision: perClass.map((row) => row.precision),
      recall: perClass.map((row) => row.recall),
      f1: perClass.map((row) => row.f1),
    },
    average_precision_per_class: byClass(precision),
    roc_auc_per_class: byClass(auc),
    mAP_over_classes_with_positives: meanOverClasses(precision),
  };
}

function plainScores(scores: ScoreMatrix, targets: Float64Array, expected: Tree): Tree {
  return {
    accuracy_argmax_first: topKAccuracy(scores, targets, 1),
    ...topK(scores, targets, expected),
    roc_auc_per_class: byClass(rocAucPerClass(scores, targets)),
    average_precision_per_class: byClass(averagePrecisionPerClass(scores, targets)),
  };
}

/** `top<k>_accuracy`, `top<k>_stable_lower_index_first`, `top<k>_sklearn` for every k that is stored. */
function topK(scores: ScoreMatrix, targets: Float64Array, expected: Tree): Tree {
  return Object.fromEntries(
    Object.keys(expected).flatMap((key) => {
      const match = /^top(\d+)_(accuracy|stable_lower_index_first|sklearn)$/.exec(key);
      if (!match) return [];
      const ties = match[2] === 'sklearn' ? 'higher' : 'lower';
      return [[key, topKAccuracy(scores, targets, Number(match[1]), ties)]];
    }),
  );
}

/** `calibration_error.<norm>_<bins>[_torchmetrics]` and `calibration_bins_<bins>` for whatever is stored. */
function calibration(probabilities: ScoreMatrix, targets: Float64Array, expected: Tree): Tree {
  const errors = Object.keys((expected.calibration_error ?? {}) as Tree).flatMap((key) => {
    const match = /^(l1|l2|max)_(\d+)(_torchmetrics)?$/.exec(key);
    if (!match) return [];
    const edges = match[3] ? 'lower-closed' : 'upper-closed';
    const bins = calibrationBins(probabilities, targets, Number(match[2]), edges);
    return [[key, calibrationError(bins, match[1] as 'l1' | 'l2' | 'max')]];
  });
  const bins = Object.keys(expected).flatMap((key): [string, CalibrationBin[]][] => {
    const match = /^calibration_bins_(\d+)$/.exec(key);
    return match ? [[key, calibrationBins(probabilities, targets, Number(match[1]))]] : [];
  });
  return { calibration_error: Object.fromEntries(errors), ...Object.fromEntries(bins) };
}

function byClass(values: PerClass): Tree {
  return Object.fromEntries([...values].map(([c, value]) => [String(c), value]));
}

/** One check per stored leaf; a list of numbers is one leaf. */
function compareTree(
  report: Reporter,
  actual: unknown,
  expected: unknown,
  tolerance: (path: string) => Tolerance,
  path = '',
): void {
  if (typeof expected === 'number') {
    report.close(path, typeof actual === 'number' ? [actual] : undefined, [expected], tolerance(path));
  } else if (Array.isArray(expected) && expected.every((value) => typeof value !== 'object')) {
    // JSON has no infinity: the first threshold of a ROC curve is stored as text.
    report.close(path, actual as ArrayLike<number> | undefined, expected.map(Number), tolerance(path));
  } else if (Array.isArray(expected)) {
    report.equal(`${path}.length`, (actual as unknown[] | undefined)?.length, expected.length);
    expected.forEach((value, i) => {
      compareTree(report, (actual as unknown[] | undefined)?.[i], value, tolerance, `${path}.${i}`);
    });
  } else if (expected !== null && typeof expected === 'object') {
    const tree = expected as Tree;
    for (const [key, value] of Object.entries(tree)) {
      compareTree(
        report,
        (actual as Tree | undefined)?.[key],
        value,
        tolerance,
        path ? `${path}.${key}` : key,
      );
    }
    // Classes for which a value must not exist.
    if (path.endsWith('per_class') && Object.keys(tree).every((key) => /^\d+$/.test(key))) {
      report.equal(`${path} (classes)`, Object.keys((actual as Tree | undefined) ?? {}), Object.keys(tree));
    }
  } else {
    report.equal(path, actual, expected);
  }
}
