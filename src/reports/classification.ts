/** The classification part of a report: curves, confusion, calibration, and the most confident mistakes. */
import { counted, grouped } from '../core/index.ts';
import {
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
import {
  type ClassificationContext,
  classificationJson,
  classificationTables,
  curveClasses,
} from './classification-numbers.ts';
import { classificationFindings } from './findings.ts';
import { number, percent } from './format.ts';
import { thinned } from './history.ts';
import { html } from './html.ts';
import { card, figure, grid, type Section, table } from './parts.ts';
import { classPicture } from './pictures.ts';
import type { ClassificationResults, ReportInput } from './types.ts';

const mostCells = 30;
const mostBars = 24;

export function analyseClassification(input: ReportInput, results: ClassificationResults): Analysis {
  const names = input.classes.names;
  const context: ClassificationContext = {
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
    numbers: classificationJson(context),
    tables: classificationTables(context),
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

function curveSection(context: ClassificationContext): Section {
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

function calibrationFigure({ results, errors }: ClassificationContext) {
  const labels = Int32Array.from({ length: results.scores.samples }, (_, row) => trueLabel(results, row));
  const bins = calibrationBins(results.scores, labels, 10);
  const points = bins.flatMap((bin) =>
    bin.confidence === null || bin.accuracy === null ? [] : [[bin.confidence, bin.accuracy] as const],
  );
  return figure({
    title: 'Calibration',
    summary: `How often the model is right when it is this sure; on the diagonal both agree. Mean gap: ${percent(calibrationError(bins, 'l1'))}. Right: ${grouped(errors.right)}, wrong: ${grouped(errors.wrong)}.`,
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
        grouped(bin.count),
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

function classSection({ errors, name }: ClassificationContext): Section {
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
            grouped(row.support),
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

function errorSection({ results, errors, name }: ClassificationContext): Section {
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
    body: html`<p class="lead">${grouped(errors.wrong)} of ${counted(errors.right + errors.wrong, 'image')} ${errors.wrong === 1 || errors.right + errors.wrong === 1 ? 'is' : 'are'} wrong;
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
