/**
 * The page of `ocelli data stats`: what each split holds, how balanced its classes are, how large pictures and
 * objects are, and some pictures with their annotations. One file that needs no other, like every report.
 */
import { counted, grouped } from '../core/index.ts';
import type { DatasetStatistics, Histogram, Summary } from '../data/index.ts';
import { barChart, lineChart } from './charts.ts';
import { csv } from './csv.ts';
import { number, percent } from './format.ts';
import { base64, html, type SafeHtml } from './html.ts';
import { page } from './page.ts';
import { card, figure, grid, type Section, sampledRows, table } from './parts.ts';
import type { ReportFiles, ReportPicture } from './types.ts';

export interface DataReportSplit {
  readonly split: string;
  /** Where the data lie, as the recipe says it. */
  readonly source: string;
  readonly statistics: DatasetStatistics;
  /** Pictures with their annotations drawn on them. */
  readonly samples: readonly DataReportSample[];
}

export interface DataReportSample {
  readonly fileName: string;
  /** What is in it, in words. */
  readonly caption: string;
  readonly picture: ReportPicture;
}

export interface DataReportInput {
  readonly title: string;
  readonly task: string;
  readonly createdAt: string;
  readonly version: string;
  readonly splits: readonly DataReportSplit[];
}

/** Classes in a chart; all of them are in the table. */
const chartedClasses = 30;

/** `index.html`, `statistics.json`, `classes_<split>.csv`. */
export function renderDataReport(input: DataReportInput): ReportFiles {
  const { title, task, createdAt, version, splits } = input;
  const total = splits.reduce((sum, { statistics }) => sum + statistics.images, 0);
  const names = new Set(splits.flatMap(({ statistics }) => statistics.classes.map(({ name }) => name)));
  const text = page({
    title,
    kicker: 'Data set',
    meta: [
      ['task', task],
      ['made', createdAt],
      ['ocelli', version],
    ],
    tiles: [
      { label: 'images', value: grouped(total), note: `in ${counted(splits.length, 'split')}` },
      { label: 'classes', value: grouped(names.size), note: '' },
      ...splits.map(({ split, statistics }) => ({
        label: split,
        value: grouped(statistics.images),
        note: counted(statistics.annotations, 'annotation'),
      })),
    ],
    findings: splits.flatMap(findingsOf),
    sections: splits.map(splitSection),
    footer: html`Sizes of objects are COCO's: small below 32² pixels, large from 96² on.`,
  });
  return new Map([
    ['index.html', text],
    ['statistics.json', `${JSON.stringify(statisticsOf(input), null, 1)}\n`],
    ...splits.map(({ split, statistics }): [string, string] => [
      `classes_${split}.csv`,
      csv(
        ['id', 'name', 'images', 'examples', 'share'],
        statistics.classes.map(({ id, name, images, examples, share }) => [
          id,
          name,
          images,
          examples,
          share,
        ]),
      ),
    ]),
  ]);
}

function statisticsOf({ splits, task }: DataReportInput): unknown {
  return {
    task,
    splits: Object.fromEntries(
      splits.map(({ split, source, statistics }) => [split, { source, ...statistics }]),
    ),
  };
}

/** Sentences that a person should read before training. */
function findingsOf({ split, statistics }: DataReportSplit): string[] {
  const { imbalance, classesWithoutExample, setAside, imagesWithoutAnnotations, images } = statistics;
  const found: string[] = [];
  if (imbalance !== undefined && imbalance >= 3) {
    found.push(
      `${split}: the commonest class has ${number(imbalance)} times as many examples as the rarest; data.class_weights or data.sampler: weighted may help.`,
    );
  }
  if (classesWithoutExample.length > 0) {
    found.push(
      `${split}: no example of ${classesWithoutExample.slice(0, 8).join(', ')}${classesWithoutExample.length > 8 ? ', …' : ''}.`,
    );
  }
  if (setAside > 0) found.push(`${split}: ${counted(setAside, 'image')} set aside.`);
  if (imagesWithoutAnnotations > 0) {
    found.push(
      `${split}: ${grouped(imagesWithoutAnnotations)} of ${counted(images, 'image')} without an annotation.`,
    );
  }
  if (found.length === 0) found.push(`${split}: ${counted(images, 'image')}, nothing unusual.`);
  return found;
}

function splitSection({ split, source, statistics, samples }: DataReportSplit): Section {
  const hasObjects = statistics.objectSide.count > 0;
  const body = html`${grid(
    card('Where it is', html`<p>${source}</p><p>digest <code>${statistics.digest.slice(0, 16)}</code></p>`),
    card('Sizes', summaryTable(statistics)),
    classFigure(statistics),
    ...(hasObjects
      ? [
          histogramFigure(
            'Objects per image',
            'How many objects an image has.',
            statistics.objectsPerImageCounts,
            'objects',
            statistics.objectsPerImage,
          ),
          objectSizeFigure(statistics),
          histogramFigure(
            'Object side',
            'Square root of the area of an object, in pixels.',
            statistics.objectSides,
            'pixels',
            statistics.objectSide,
          ),
        ]
      : []),
    statistics.aspectRatio.count > 0 &&
      histogramFigure(
        'Aspect ratio',
        'Width over height of the images.',
        statistics.aspectRatios,
        'width / height',
        statistics.aspectRatio,
      ),
    card('Classes', classTable(statistics), true),
  )}${samples.length > 0 && html`<h3>Samples</h3><div class="pictures">${samples.map(samplePicture)}</div>`}`;
  return { id: `split-${split}`, title: split, body };
}

function samplePicture({ fileName, caption, picture }: DataReportSample): SafeHtml {
  const source = `data:${picture.mediaType};base64,${base64(picture.bytes)}`;
  return html`<figure class="picture">
    <div class="frame"><img src="${source}" alt="${`${fileName}. ${caption}`}" loading="lazy"></div>
    <figcaption><strong>${fileName}</strong><span>${caption}</span></figcaption>
  </figure>`;
}

function summaryTable({
  width,
  height,
  aspectRatio,
  objectsPerImage,
  objectSide,
}: DatasetStatistics): SafeHtml {
  const row = (label: string, summary: Summary): readonly string[] => [
    label,
    number(summary.min),
    number(summary.median),
    number(summary.mean),
    number(summary.max),
    number(summary.standardDeviation),
  ];
  const rows = [
    row('width', width),
    row('height', height),
    row('aspect ratio', aspectRatio),
    ...(objectSide.count > 0
      ? [row('objects per image', objectsPerImage), row('object side', objectSide)]
      : []),
  ];
  return table(['', 'min', 'median', 'mean', 'max', 'std'], rows, { caption: 'Sizes in pixels' });
}

function classFigure({ classes, imbalance }: DatasetStatistics): SafeHtml {
  const sorted = classes.toSorted((a, b) => b.examples - a.examples);
  const shown = sorted.slice(0, chartedClasses);
  const summary = `${shown.length < classes.length ? `The ${shown.length} commonest of ${classes.length} classes` : counted(classes.length, 'class', 'classes')}${imbalance === undefined ? '' : `; commonest to rarest ${number(imbalance)} : 1`}.`;
  return figure({
    title: 'Examples per class',
    summary,
    chart: barChart(
      shown.map(({ name, examples }) => ({ label: name, values: [examples] })),
      ['examples'],
      { name: 'examples' },
    ),
  });
}

function objectSizeFigure({ objectSizes }: DatasetStatistics): SafeHtml {
  const bars = Object.entries(objectSizes).map(([label, count]) => ({ label, values: [count] }));
  return figure({
    title: 'Object sizes',
    summary: "Small, medium and large by COCO's areas.",
    chart: barChart(bars, ['objects'], { name: 'objects' }),
    numbers: table(
      ['size', 'objects'],
      Object.entries(objectSizes).map(([name, count]) => [name, grouped(count)]),
    ),
  });
}

/** A histogram as a line of steps, with the mean said in words. */
function histogramFigure(
  title: string,
  summary: string,
  { edges, counts }: Histogram,
  unit: string,
  values: Summary,
): SafeHtml {
  const points = counts.flatMap((count, i): [number, number][] => [
    [edges[i]!, count],
    [edges[i + 1]!, count],
  ]);
  return figure({
    title,
    summary: `${summary} Mean ${number(values.mean)}, median ${number(values.median)}.`,
    chart: lineChart([{ name: title, points }], { name: unit }, { name: 'count', min: 0 }),
    numbers: table(
      ['from', 'to', 'count'],
      sampledRows(counts.map((count, i) => [number(edges[i]), number(edges[i + 1]), grouped(count)])),
    ),
  });
}

function classTable({ classes }: DatasetStatistics): SafeHtml {
  return table(
    ['class', 'id', 'images', 'examples', 'share'],
    classes.map(({ id, name, images, examples, share }) => [
      name,
      String(id),
      grouped(images),
      grouped(examples),
      percent(share),
    ]),
    { caption: 'Every class' },
  );
}
