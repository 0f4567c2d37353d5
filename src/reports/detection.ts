/** The detection part of a report: COCO numbers, precision–recall curves, and an analysis of the errors. */
import { counted, grouped } from '../core/index.ts';
import { CocoEvaluator, detectionErrors, falsePositiveKinds, objectSizes } from '../metrics/index.ts';
import { type Analysis, spread } from './analysis.ts';
import { barChart, lineChart, matrixChart } from './charts.ts';
import { type DetectionContext, numbersOf, precisionAt, tablesOf } from './detection-numbers.ts';
import { detectionFindings } from './findings.ts';
import { number, percent } from './format.ts';
import { html } from './html.ts';
import { card, figure, grid, type Section, table } from './parts.ts';
import { detectionPicture } from './pictures.ts';
import type { DetectionResults, ReportInput } from './types.ts';

/** How many classes a plot shows before it becomes a wall of lines or cells. */
const mostCells = 30;
const mostBars = 24;

const kindNames: Readonly<Record<(typeof falsePositiveKinds)[number], string>> = {
  duplicate: 'second detection',
  confusion: 'wrong class',
  localisation: 'badly placed',
  both: 'wrong class, badly placed',
  background: 'nothing there',
};

export function analyseDetection(input: ReportInput, results: DetectionResults): Analysis {
  const categoryIds = input.classes.categories.map((category) => category.id);
  const evaluator = new CocoEvaluator(categoryIds);
  for (const image of results.images) evaluator.update(image.id, image.truth, image.detections);
  const names = new Map(input.classes.categories.map((category) => [category.id, category.name]));
  const context: DetectionContext = {
    evaluation: evaluator.compute(),
    errors: detectionErrors(results.images, categoryIds),
    name: (categoryId) => names.get(categoryId) ?? `category ${categoryId}`,
  };
  const { evaluation, errors } = context;
  const stat = (name: string): number | undefined => {
    const value = evaluation.stats[evaluation.statNames.indexOf(name)]!;
    return value > -1 ? value : undefined;
  };
  const byId = new Map(results.images.map((image) => [image.id, image]));
  const verdicts = new Map(errors.images.map((row) => [row.id, row]));
  return {
    tiles: [
      { label: 'mAP', value: number(stat('AP')), note: 'IoU 0.50 to 0.95' },
      { label: 'mAP 50', value: number(stat('AP50')), note: 'IoU 0.50' },
      { label: 'mAP 75', value: number(stat('AP75')), note: 'IoU 0.75' },
      { label: 'mAR 100', value: number(stat('AR100')), note: 'IoU 0.50 to 0.95' },
      {
        label: 'Precision',
        value: percent(errors.precision),
        note: `at score ${number(errors.scoreThreshold)}`,
      },
      { label: 'Recall', value: percent(errors.recall), note: `at score ${number(errors.scoreThreshold)}` },
    ],
    findings: detectionFindings(evaluation, errors, context.name),
    sections: [curveSection(context), classSection(context), errorSection(context)],
    support: evaluation.perCategory.map((row) => ({
      name: context.name(row.categoryId),
      count: row.annotations,
    })),
    numbers: numbersOf(context),
    tables: tablesOf(context),
    samples: spread(
      results.images.filter((image) => image.truth.count > 0),
      9,
    ),
    worst: errors.images
      .filter((row) => row.falsePositives + row.falseNegatives > 0)
      .slice(0, 9)
      .map((row) => byId.get(row.id)!),
    picture: (image, picture) => {
      const row = verdicts.get(image.id)!;
      return detectionPicture({
        image,
        picture,
        truth: byId.get(image.id)!.truth,
        detections: byId.get(image.id)!.detections,
        scoreThreshold: errors.scoreThreshold,
        classes: input.classes,
        verdict: `${row.truePositives} of ${row.truths} found, ${row.falsePositives} false`,
      });
    },
  };
}

function curveSection({ evaluation, name }: DetectionContext): Section {
  const { iouThresholds, recallThresholds } = evaluation.parameters;
  const curves = [
    { name: 'IoU 0.50', values: precisionAt(evaluation, [0.5]) },
    { name: 'IoU 0.75', values: precisionAt(evaluation, [0.75]) },
    { name: 'mean 0.50 to 0.95', values: precisionAt(evaluation, iouThresholds) },
  ];
  const lines = curves.map((curve) => ({
    name: curve.name,
    points: curve.values.map((value, r) => [recallThresholds[r]!, value] as const),
  }));
  const ranked = evaluation.perCategory
    .map((row, k) => ({ k, id: row.categoryId, ap: row.values.AP50! }))
    .filter((row) => row.ap > -1)
    .sort((a, b) => b.ap - a.ap);
  const shown = ranked.length <= 6 ? ranked : [...ranked.slice(0, 3), ...ranked.slice(-3)];
  const rows = recallThresholds.flatMap((recall, r) =>
    r % 10 === 0 ? [[recall.toFixed(1), ...curves.map((curve) => number(curve.values[r]))]] : [],
  );
  return {
    id: 'curves',
    title: 'Precision and recall',
    body: grid(
      figure({
        title: 'Precision–recall, all classes',
        summary:
          'The mean over classes: how many detections are right if this share of the objects is to be found.',
        chart: lineChart(lines, { name: 'recall', min: 0, max: 1 }, { name: 'precision', min: 0, max: 1 }),
        numbers: table(['recall', ...curves.map((curve) => curve.name)], rows, { textColumns: [] }),
      }),
      figure({
        title: 'Precision–recall by class, IoU 0.50',
        summary:
          ranked.length <= 6
            ? `Every class with objects in this split, best first.`
            : `The three best and the three weakest of ${ranked.length} classes.`,
        chart: lineChart(
          shown.map((row) => ({
            name: name(row.id),
            points: precisionAt(evaluation, [0.5], row.k).map(
              (value, r) => [recallThresholds[r]!, value] as const,
            ),
          })),
          { name: 'recall', min: 0, max: 1 },
          { name: 'precision', min: 0, max: 1 },
        ),
        numbers: table(
          ['class', 'AP 50'],
          ranked.map((row) => [name(row.id), number(row.ap)]),
        ),
      }),
    ),
  };
}

function classSection({ evaluation, errors, name }: DetectionContext): Section {
  const cell = (value: number | undefined): string =>
    value === undefined || value <= -1 ? '–' : number(value);
  const rows = evaluation.perCategory
    .map((row, k) => ({ row, counts: errors.perClass[k]! }))
    .sort((a, b) => b.row.values.AP! - a.row.values.AP!);
  const withTruth = rows.filter(({ row }) => row.values.AP! > -1);
  const shown =
    withTruth.length <= mostBars
      ? withTruth
      : [...withTruth.slice(0, mostBars / 2), ...withTruth.slice(-mostBars / 2)];
  return {
    id: 'classes',
    title: 'Classes',
    body: grid(
      figure({
        title: 'Average precision by class',
        summary:
          withTruth.length <= mostBars
            ? 'Best first, at IoU 0.50 to 0.95 and at 0.50.'
            : `The ${mostBars / 2} best and the ${mostBars / 2} weakest of ${withTruth.length} classes.`,
        chart: barChart(
          shown.map(({ row }) => ({
            label: name(row.categoryId),
            values: [row.values.AP!, row.values.AP50!],
          })),
          ['AP', 'AP 50'],
          { name: 'average precision', max: 1 },
        ),
      }),
      card(
        'Per class',
        html`<p>Precision, recall and F1 count detections with a score of ${number(errors.scoreThreshold)} or more at IoU ${number(errors.iouThreshold)}; that score makes F1 over all classes largest.</p>
        ${table(
          [
            'class',
            'objects',
            'AP',
            'AP 50',
            'AP small',
            'AP medium',
            'AP large',
            'precision',
            'recall',
            'F1',
          ],
          rows.map(({ row, counts }) => [
            name(row.categoryId),
            grouped(row.annotations),
            cell(row.values.AP),
            cell(row.values.AP50),
            cell(row.values.APsmall),
            cell(row.values.APmedium),
            cell(row.values.APlarge),
            percent(counts.precision),
            percent(counts.recall),
            percent(counts.f1),
          ]),
        )}`,
        true,
      ),
    ),
  };
}

function errorSection({ errors, name }: DetectionContext): Section {
  const { falsePositives, falseNegatives, localization } = errors;
  const kinds = falsePositiveKinds.map((kind) => ({
    label: kindNames[kind],
    values: [falsePositives.byKind[kind]],
  }));
  const sizes = objectSizes.map((size) => {
    const { missed, truths } = falseNegatives.bySize[size];
    return { size, missed, found: truths - missed, falses: falsePositives.bySize[size] };
  });
  const ranked = errors.perClass
    .map((row, k) => ({ k, errors: row.falsePositives + row.falseNegatives, row }))
    .sort((a, b) => b.errors - a.errors);
  const cells =
    errors.categoryIds.length <= mostCells
      ? errors.categoryIds.map((_, k) => k)
      : ranked
          .slice(0, mostCells)
          .map((entry) => entry.k)
          .sort((a, b) => a - b);
  const size = errors.categoryIds.length + 1;
  const axis = [...cells, size - 1];
  return {
    id: 'errors',
    title: 'Errors',
    body: html`<p class="lead">At score ${number(errors.scoreThreshold)} and IoU ${number(errors.iouThreshold)}:
      ${counted(errors.truePositives, 'object')} found, ${counted(falsePositives.total, 'false detection')}
      (mean confidence ${percent(falsePositives.averageConfidence)}), ${counted(falseNegatives.total, 'object')} missed.
      Found objects overlap by ${number(localization.averageIou)} on average; ${percent(localization.poorRate)} of them by less than 0.75.</p>
    ${grid(
      figure({
        title: 'False detections by kind',
        summary: 'What is wrong with detections that are not right.',
        chart: barChart(kinds, ['detections'], { name: 'detections', whole: true }),
        numbers: table(
          ['kind', 'detections'],
          kinds.map((row) => [row.label, grouped(row.values[0]!)]),
        ),
      }),
      figure({
        title: 'Objects and false detections by size',
        summary: 'Small is up to 32 × 32 px, large above 96 × 96 px.',
        chart: barChart(
          sizes.map((row) => ({ label: row.size, values: [row.found, row.missed, row.falses] })),
          ['found', 'missed', 'false detections'],
          { name: 'count', whole: true },
        ),
        numbers: table(
          ['size', 'found', 'missed', 'recall', 'false detections'],
          sizes.map((row) => [
            row.size,
            row.found,
            row.missed,
            row.found + row.missed > 0 ? percent(row.found / (row.found + row.missed)) : '–',
            row.falses,
          ]),
        ),
      }),
      card(
        'Why objects were missed',
        table(
          ['reason', 'objects'],
          [
            ['not seen at all', falseNegatives.byReason.unseen],
            ['badly placed', falseNegatives.byReason.misplaced],
            ['taken for another class', falseNegatives.byReason.confused],
          ],
        ),
      ),
      card(
        'Most confused classes',
        errors.confusions.length === 0
          ? html`<p>No object was taken for another class.</p>`
          : table(
              ['true class', 'predicted', 'times'],
              errors.confusions
                .slice(0, 10)
                .map((pair) => [name(pair.truth), name(pair.predicted), pair.count]),
              { textColumns: [0, 1] },
            ),
      ),
      figure({
        title: 'Confusion matrix',
        summary:
          `Rows are true classes, columns predicted ones; "nothing" stands for missed objects and false detections.` +
          (cells.length < errors.categoryIds.length
            ? ` The ${mostCells} classes with most errors of ${errors.categoryIds.length}.`
            : ''),
        chart: matrixChart(
          axis.map((k) => (k === size - 1 ? 'nothing' : name(errors.categoryIds[k]!))),
          axis.map((k) => (k === size - 1 ? 'nothing' : name(errors.categoryIds[k]!))),
          (row, column) => errors.confusionMatrix[axis[row]! * size + axis[column]!]!,
        ),
        wide: true,
      }),
    )}`,
  };
}
