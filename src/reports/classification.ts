/** The classification part of a report: curves, confusion, calibration, and the most confident mistakes. */
import {
  type ClassificationErrors,
  calibrationBins,
  calibrationError,
  classificationErrors,
  columnOf,
  precisionRecallCurve,
  rankedClasses,
  rocCurve,
} from '../metrics/index.ts';
import { type Analysis, spread } from './analysis.ts';
import { barChart, type LineSeries, lineChart, matrixChart } from './charts.ts';
import { csv } from './csv.ts';
import { classificationFindings } from './findings.ts';
import { number, percent, thousands } from './format.ts';
import { thinned } from './history.ts';
import { html } from './html.ts';
import { card, figure, grid, type Section, table } from './parts.ts';
import { classPicture } from './pictures.ts';
import type { ClassificationResults, ReportInput } from './types.ts';

const mostCells = 30;
const mostLines = 6;
const mostBars = 24;

interface Context {
  readonly results: ClassificationResults;
  readonly errors: ClassificationErrors;
  name(label: number): string;
}

export function analyseClassification(input: ReportInput, results: ClassificationResults): Analysis {
  const names = input.classes.names;
  const context: Context = {
    results,
    errors: classificationErrors(results),
    name: (label) => names[label] ?? `class ${label}`,
  };
  const { errors, name } = context;
  const metric = (key: string): number | undefined => input.metrics[`${input.split}_${key}`];
  const rowOf = new Map(results.images.map((image, row) => [image.id, row]));
  const wrong = new Set(errors.wrongImages.map((row) => row.row));
  return {
    tiles: [
      {
        label: 'Accuracy',
        value: percent(metric('accuracy')),
        note: results.multiLabel ? 'all labels right' : 'top-1',
      },
      ...(metric('accuracy_top5') === undefined
        ? []
        : [{ label: 'Accuracy', value: percent(metric('accuracy_top5')), note: 'top-5' }]),
      { label: 'F1', value: number(metric('f1')), note: 'mean over classes' },
      { label: 'Precision', value: percent(metric('precision')), note: 'mean over classes' },
      { label: 'Recall', value: percent(metric('recall')), note: 'mean over classes' },
      { label: 'AUC', value: number(metric('auc')), note: 'one against rest' },
    ],
    findings: classificationFindings(errors, name),
    sections: [curveSection(context), classSection(context), errorSection(context)],
    support: errors.perClass.map((row) => ({ name: name(row.label), count: row.support })),
    numbers: jsonOf(context),
    tables: tablesOf(context),
    samples: spread(results.images, 12),
    worst: errors.wrongImages.slice(0, 12).map((row) => results.images[row.row]!),
    picture: (image, picture) => {
      const row = rowOf.get(image.id)!;
      const { classes, data } = results.scores;
      return classPicture({
        image,
        picture,
        truth: names.filter((_, label) => results.truth.data[row * classes + label] !== 0),
        predicted: [...rankedClasses(results.scores, row)]
          .slice(0, 3)
          .map((label) => ({ name: name(label), score: data[row * classes + label]! })),
        right: !wrong.has(row),
      });
    },
  };
}

/** The weakest classes by area under the ROC curve: where there is something to see. */
function curveClasses({ errors }: Context): number[] {
  return errors.perClass
    .filter((row) => row.auc !== null)
    .toSorted((a, b) => a.auc! - b.auc!)
    .slice(0, mostLines)
    .map((row) => row.label)
    .sort((a, b) => a - b);
}

function curveSection(context: Context): Section {
  const { results, errors, name } = context;
  const shown = curveClasses(context);
  const existing = errors.perClass.filter((row) => row.auc !== null).length;
  const which =
    existing > shown.length
      ? `The ${shown.length} weakest of ${existing} classes.`
      : 'Every class against the rest.';
  const curves = shown.map((label) => ({
    label,
    scores: columnOf(results.scores, label),
    truth: columnOf(results.truth, label),
  }));
  const roc: LineSeries[] = curves.map(({ label, scores, truth }) => {
    const { falsePositiveRate, truePositiveRate } = rocCurve(scores, truth);
    return {
      name: name(label),
      points: thinned([...falsePositiveRate].map((x, i) => [x, truePositiveRate[i]!] as const)),
    };
  });
  const precisionRecall: LineSeries[] = curves.map(({ label, scores, truth }) => {
    const { precision, recall } = precisionRecallCurve(scores, truth);
    return { name: name(label), points: thinned([...recall].map((x, i) => [x, precision[i]!] as const)) };
  });
  const chance: LineSeries = {
    name: 'chance',
    points: [
      [0, 0],
      [1, 1],
    ],
    faint: true,
    dashed: true,
    colour: 5,
  };
  const areas = table(
    ['class', 'AUC', 'average precision'],
    errors.perClass.map((row) => [name(row.label), number(row.auc), number(row.averagePrecision)]),
  );
  return {
    id: 'curves',
    title: 'Curves',
    body: grid(
      figure({
        title: 'ROC',
        summary: `${which} The further above the diagonal, the better.`,
        chart: lineChart(
          [...roc, chance],
          { name: 'false positive rate', min: 0, max: 1 },
          { name: 'true positive rate', min: 0, max: 1 },
        ),
        numbers: areas,
      }),
      figure({
        title: 'Precision–recall',
        summary: `${which} How many predictions are right if this share of the class is to be found.`,
        chart: lineChart(
          precisionRecall,
          { name: 'recall', min: 0, max: 1 },
          { name: 'precision', min: 0, max: 1 },
        ),
        numbers: areas,
      }),
      ...(results.multiLabel ? [] : [calibrationFigure(context)]),
    ),
  };
}

function calibrationFigure({ results, errors }: Context) {
  const labels = Int32Array.from({ length: results.scores.samples }, (_, row) => trueLabel(results, row));
  const bins = calibrationBins(results.scores, labels, 10);
  const points = bins.flatMap((bin) =>
    bin.confidence === null || bin.accuracy === null ? [] : [[bin.confidence, bin.accuracy] as const],
  );
  return figure({
    title: 'Calibration',
    summary: `How often the model is right when it is this sure; on the diagonal both agree. Mean gap: ${percent(calibrationError(bins, 'l1'))}. Right: ${thousands(errors.right)}, wrong: ${thousands(errors.wrong)}.`,
    chart: lineChart(
      [
        {
          name: 'ideal',
          points: [
            [0, 0],
            [1, 1],
          ],
          faint: true,
          dashed: true,
          colour: 5,
        },
        { name: 'accuracy', points, dots: true, colour: 0 },
      ],
      { name: 'confidence', min: 0, max: 1 },
      { name: 'accuracy', min: 0, max: 1 },
    ),
    numbers: table(
      ['confidence', 'images', 'mean confidence', 'accuracy'],
      bins.map((bin, i) => [
        `${i / 10} to ${(i + 1) / 10}`,
        thousands(bin.count),
        percent(bin.confidence),
        percent(bin.accuracy),
      ]),
    ),
  });
}

function trueLabel({ truth }: ClassificationResults, row: number): number {
  for (let c = 0; c < truth.classes; c++) if (truth.data[row * truth.classes + c] !== 0) return c;
  return 0;
}

function classSection({ errors, name }: Context): Section {
  const rows = errors.perClass.toSorted((a, b) => b.f1 - a.f1);
  const shown =
    rows.length <= mostBars ? rows : [...rows.slice(0, mostBars / 2), ...rows.slice(-mostBars / 2)];
  return {
    id: 'classes',
    title: 'Classes',
    body: grid(
      figure({
        title: 'F1 by class',
        summary:
          rows.length <= mostBars
            ? 'Best first.'
            : `The ${mostBars / 2} best and the ${mostBars / 2} weakest of ${rows.length} classes.`,
        chart: barChart(
          shown.map((row) => ({ label: name(row.label), values: [row.f1] })),
          ['F1'],
          { name: 'F1', max: 1 },
        ),
      }),
      card(
        'Per class',
        table(
          ['class', 'images', 'precision', 'recall', 'F1', 'AUC', 'average precision'],
          rows.map((row) => [
            name(row.label),
            thousands(row.support),
            percent(row.precision),
            percent(row.recall),
            percent(row.f1),
            number(row.auc),
            number(row.averagePrecision),
          ]),
        ),
        true,
      ),
    ),
  };
}

function errorSection({ results, errors, name }: Context): Section {
  const classes = results.scores.classes;
  const wrongest = errors.perClass
    .map((row) => ({ label: row.label, errors: row.falsePositives + row.falseNegatives }))
    .sort((a, b) => b.errors - a.errors)
    .slice(0, mostCells)
    .map((row) => row.label)
    .sort((a, b) => a - b);
  const matrix = errors.confusionMatrix;
  const perClass = errors.perClass
    .map((row) => ({ label: name(row.label), values: [row.falseNegatives, row.falsePositives] }))
    .filter((row) => row.values.some((value) => value > 0))
    .sort((a, b) => b.values[0]! + b.values[1]! - a.values[0]! - a.values[1]!)
    .slice(0, 20);
  return {
    id: 'errors',
    title: 'Errors',
    body: html`<p class="lead">${thousands(errors.wrong)} of ${thousands(errors.right + errors.wrong)} images are wrong;
      the model was ${percent(errors.confidenceWrong)} sure of them on average, and ${percent(errors.confidenceRight)} of the right ones.</p>
    ${grid(
      matrix &&
        figure({
          title: 'Confusion matrix',
          summary:
            'Rows are true classes, columns predicted ones.' +
            (wrongest.length < classes ? ` The ${mostCells} classes with most errors of ${classes}.` : ''),
          chart: matrixChart(
            wrongest.map(name),
            wrongest.map(name),
            (row, column) => matrix[wrongest[row]! * classes + wrongest[column]!]!,
          ),
          wide: wrongest.length > 9,
        }),
      card(
        'Most confused classes',
        errors.confusions.length === 0
          ? html`<p>${results.multiLabel ? 'Labels are independent of each other here.' : 'No class was taken for another.'}</p>`
          : table(
              ['true class', 'predicted', 'times'],
              errors.confusions
                .slice(0, 12)
                .map((pair) => [name(pair.truth), name(pair.predicted), pair.count]),
              { textColumns: [0, 1] },
            ),
      ),
      perClass.length > 0 &&
        figure({
          title: 'Errors by class',
          summary:
            'Missed: images of the class that were given another one. False: images of others given this one.',
          chart: barChart(perClass, ['missed', 'false'], { name: 'images', whole: true }, { stacked: true }),
          numbers: table(
            ['class', 'missed', 'false'],
            perClass.map((row) => [row.label, row.values[0]!, row.values[1]!]),
          ),
        }),
    )}`,
  };
}

function jsonOf({ results, errors, name }: Context): Record<string, unknown> {
  return {
    per_class: errors.perClass.map((row) => ({
      label: row.label,
      name: name(row.label),
      support: row.support,
      precision: row.precision,
      recall: row.recall,
      f1: row.f1,
      auc: row.auc,
      average_precision: row.averagePrecision,
    })),
    error_analysis: {
      right: errors.right,
      wrong: errors.wrong,
      avg_confidence_right: errors.confidenceRight,
      avg_confidence_wrong: errors.confidenceWrong,
      class_confusion: {
        most_confused_pairs: errors.confusions
          .slice(0, 10)
          .map((pair) => ({ truth: name(pair.truth), predicted: name(pair.predicted), count: pair.count })),
      },
      worst_images: errors.wrongImages.slice(0, 20).map((row) => ({
        image_id: results.images[row.row]!.id,
        file_name: results.images[row.row]!.fileName,
        truth: row.truth.map(name),
        predicted: row.predicted.map(name),
        confidence: row.confidence,
      })),
    },
  };
}

function tablesOf(context: Context): Map<string, string> {
  const { results, errors, name } = context;
  const { classes, samples } = results.scores;
  const matrix = errors.confusionMatrix;
  const names = errors.perClass.map((row) => name(row.label));
  const wrong = new Map(errors.wrongImages.map((row) => [row.row, row]));
  const tables = new Map([
    [
      'per_class.csv',
      csv(
        ['label', 'name', 'support', 'precision', 'recall', 'f1', 'auc', 'average_precision'],
        errors.perClass.map((row) => [
          row.label,
          name(row.label),
          row.support,
          row.precision,
          row.recall,
          row.f1,
          row.auc,
          row.averagePrecision,
        ]),
      ),
    ],
    [
      'images.csv',
      csv(
        ['image_id', 'file_name', 'truth', 'predicted', 'score', 'right'],
        Array.from({ length: samples }, (_, row) => {
          const best = rankedClasses(results.scores, row)[0]!;
          const truth = names.filter((_, label) => results.truth.data[row * classes + label] !== 0);
          const predicted =
            wrong.get(row)?.predicted.map(name) ?? (results.multiLabel ? truth : [name(best)]);
          return [
            results.images[row]!.id,
            results.images[row]!.fileName,
            truth.join('; '),
            predicted.join('; '),
            results.scores.data[row * classes + best]!,
            wrong.has(row) ? 0 : 1,
          ];
        }),
      ),
    ],
    ...curveTables(context),
  ]);
  if (matrix) {
    tables.set(
      'confusion_matrix.csv',
      csv(
        ['truth', ...names],
        names.map((label, row) => [label, ...matrix.subarray(row * classes, (row + 1) * classes)]),
      ),
    );
  }
  return tables;
}

/** Points of the plotted curves, class by class. */
function curveTables(context: Context): [string, string][] {
  const { results, name } = context;
  const roc: (string | number)[][] = [];
  const precisionRecall: (string | number)[][] = [];
  for (const label of curveClasses(context)) {
    const scores = columnOf(results.scores, label);
    const truth = columnOf(results.truth, label);
    const curve = rocCurve(scores, truth);
    curve.thresholds.forEach((threshold, i) => {
      roc.push([name(label), threshold, curve.falsePositiveRate[i]!, curve.truePositiveRate[i]!]);
    });
    const { precision, recall, thresholds } = precisionRecallCurve(scores, truth);
    thresholds.forEach((threshold, i) => {
      precisionRecall.push([name(label), threshold, recall[i]!, precision[i]!]);
    });
  }
  return [
    ['roc_curve.csv', csv(['class', 'threshold', 'false_positive_rate', 'true_positive_rate'], roc)],
    ['pr_curve.csv', csv(['class', 'threshold', 'recall', 'precision'], precisionRecall)],
  ];
}
