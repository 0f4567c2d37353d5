/**
 * Puts a report together: analyses the predictions once, says which pictures to show, then renders the page, its
 * numbers as JSON and its tables as CSV.
 */
import { counted, grouped } from '../core/index.ts';
import type { Analysis } from './analysis.ts';
import { barChart } from './charts.ts';
import { analyseClassification } from './classification.ts';
import { csv } from './csv.ts';
import { analyseDetection } from './detection.ts';
import { setAsideSentence, trainingFindings } from './findings.ts';
import { duration, number, quantile } from './format.ts';
import { type History, historyOf, historyRows } from './history.ts';
import { html, type SafeHtml } from './html.ts';
import { page } from './page.ts';
import { card, figure, grid, type Section, table, timesTable } from './parts.ts';
import { trainingSection } from './training.ts';
import type { EvaluationSpeed, PreparedReport, ReportImage, ReportInput, ReportPicture } from './types.ts';

type Pictures = ReadonlyMap<number | string, ReportPicture>;

/** Throws nothing for odd numbers: what does not exist is shown as a dash. */
export function prepareReport(input: ReportInput): PreparedReport {
  const { results } = input;
  const analysis =
    results.kind === 'detection' ? analyseDetection(input, results) : analyseClassification(input, results);
  const history = historyOf(input.events);
  const wanted = new Map([...analysis.samples, ...analysis.worst].map((image) => [image.id, image]));
  return {
    wantedPictures: [...wanted.values()],
    render: (pictures) => {
      const files = new Map<string, string>();
      files.set('index.html', renderPage(input, analysis, history, pictures));
      files.set('metrics.json', `${JSON.stringify(numbersOf(input, analysis, history), null, 2)}\n`);
      for (const [path, text] of analysis.tables) files.set(path, text);
      files.set('metrics.csv', csv(['metric', 'value'], Object.entries(input.metrics)));
      if (history.steps.length > 0) {
        const { columns, rows } = historyRows(history);
        files.set('history.csv', csv(columns, rows));
      }
      return files;
    },
  };
}

const splitNames = { train: 'training', val: 'validation', test: 'test' } as const;

function renderPage(input: ReportInput, analysis: Analysis, history: History, pictures: Pictures): string {
  const imageCount = input.results.images.length;
  const sections = [
    pictureSection(input, analysis, pictures),
    ...analysis.sections,
    trainingSection(history),
    speedSection(input),
    dataSection(input, analysis, history),
    recipeSection(input),
  ].filter((section): section is Section => section !== undefined);
  return page({
    title: input.title,
    kicker: `${input.task.replaceAll('_', ' ')} · ${splitNames[input.split]} split`,
    meta: [
      ['Model', input.model],
      ['Device', input.device],
      ['Images', grouped(imageCount)],
      ['Classes', grouped(input.classes.size)],
      ['Made', input.createdAt.slice(0, 16).replace('T', ' ')],
    ],
    tiles: analysis.tiles,
    findings: [...analysis.findings, ...trainingFindings(history)],
    sections,
    footer: html`Made by Ocelli ${input.version}. The same numbers: <a href="metrics.json">metrics.json</a>,
      <a href="per_class.csv">per_class.csv</a>, <a href="images.csv">images.csv</a> beside this file.`,
  });
}

function pictureSection(input: ReportInput, analysis: Analysis, pictures: Pictures): Section | undefined {
  const shown = (images: readonly ReportImage[]): SafeHtml[] =>
    images.flatMap((image) => {
      const picture = pictures.get(image.id);
      return picture ? [analysis.picture(image, picture)] : [];
    });
  const samples = shown(analysis.samples);
  const worst = shown(analysis.worst);
  if (samples.length + worst.length === 0) return undefined;
  return {
    id: 'samples',
    title: 'Predictions',
    body: html`${
      input.results.kind === 'detection' &&
      html`<div class="switches">
        <label><input type="checkbox" id="show-truth" checked><span class="key"></span> ground truth</label>
        <label><input type="checkbox" id="show-predictions" checked><span class="key prediction"></span> predictions</label>
      </div>`
    }
    ${samples.length > 0 && html`<p class="lead">Images spread evenly over the split.</p><div class="pictures">${samples}</div>`}
    ${worst.length > 0 && html`<h3 style="margin: 1.8rem 0 .6rem">The worst images</h3><div class="pictures">${worst}</div>`}`,
  };
}

function speedSection({ speed }: ReportInput): Section | undefined {
  if (!speed || speed.images === 0) return undefined;
  const batches = speed.batchMs ?? [];
  return {
    id: 'speed',
    title: 'Speed',
    body: grid(
      card(
        'Evaluation',
        html`<dl class="facts">
          <dt>Images</dt><dd>${grouped(speed.images)}</dd>
          <dt>Images per second, model alone</dt><dd>${number((1000 * speed.images) / speed.modelMs)}</dd>
          <dt>Images per second, with decoding and metrics</dt><dd>${number((1000 * speed.images) / speed.totalMs)}</dd>
          <dt>Model time per image</dt><dd>${duration(speed.modelMs / speed.images)}</dd>
        </dl>`,
      ),
      batches.length > 0 && card('Latency of a batch', timesTable('forward pass and readback', batches)),
    ),
  };
}

function dataSection(input: ReportInput, analysis: Analysis, history: History): Section {
  const ranked = analysis.support.toSorted((a, b) => b.count - a.count);
  const shown = ranked.slice(0, 40);
  const unit = input.results.kind === 'detection' ? 'objects' : 'images';
  const present = ranked.filter((row) => row.count > 0);
  const imbalance = present.length > 1 ? present[0]!.count / present.at(-1)!.count : 1;
  return {
    id: 'data',
    title: 'Data',
    body: grid(
      figure({
        title: `${unit === 'objects' ? 'Objects' : 'Images'} per class in the ${splitNames[input.split]} split`,
        summary:
          `${present.length} of ${counted(ranked.length, 'class', 'classes')} ${present.length === 1 ? 'appears' : 'appear'}${imbalance > 1 ? `; the most frequent has ${number(Math.round(imbalance * 10) / 10)} times the ${unit} of the rarest` : ', all as often'}.` +
          (ranked.length > shown.length ? ` The ${shown.length} most frequent are shown.` : ''),
        chart: barChart(
          shown.map((row) => ({ label: row.name, values: [row.count] })),
          [unit],
          { name: unit, whole: true },
        ),
        numbers: table(
          ['class', unit],
          ranked.map((row) => [row.name, grouped(row.count)]),
        ),
      }),
      history.data &&
        card(
          'Splits',
          html`${table(
            ['split', 'images', 'annotations', 'source', 'digest'],
            Object.entries(history.data.splits).map(([name, split]) => [
              name,
              grouped(split.images),
              grouped(split.annotations),
              split.source,
              split.digest.slice(0, 12),
            ]),
            { textColumns: [0, 3, 4] },
          )}
          ${history.setAside > 0 && html`<p>${setAsideSentence(history.setAside)}</p>`}`,
        ),
      history.model &&
        card(
          'Model',
          html`<dl class="facts">
            <dt>Type</dt><dd>${history.model.modelType}</dd>
            <dt>Parameters</dt><dd>${grouped(history.model.parameters)}</dd>
            <dt>Trained</dt><dd>${grouped(history.model.trainable)}</dd>
            <dt>Classes known before</dt><dd>${grouped(history.model.classesKept)}</dd>
            <dt>New classes</dt><dd>${grouped(history.model.classesNew)}</dd>
          </dl>`,
        ),
      history.warnings.length > 0 &&
        card(
          'Warnings of the run',
          html`<ul class="findings">${history.warnings.slice(0, 20).map((event) => html`<li>${event.message}</li>`)}</ul>`,
        ),
    ),
  };
}

function recipeSection({ recipe }: ReportInput): Section | undefined {
  if (!recipe) return undefined;
  return { id: 'recipe', title: 'Recipe', body: html`<pre tabindex="0"><code>${recipe}</code></pre>` };
}

function numbersOf(input: ReportInput, analysis: Analysis, history: History): Record<string, unknown> {
  return {
    title: input.title,
    model: input.model,
    task: input.task,
    device: input.device,
    split: input.split,
    created_at: input.createdAt,
    ocelli_version: input.version,
    images: input.results.images.length,
    classes: input.classes.names,
    metrics: input.metrics,
    findings: [...analysis.findings, ...trainingFindings(history)],
    ...analysis.numbers,
    ...(input.speed ? { speed: speedNumbers(input.speed) } : {}),
  };
}

function speedNumbers(speed: EvaluationSpeed): Record<string, number> {
  const batches = speed.batchMs ?? [];
  return {
    images: speed.images,
    model_ms_per_image: speed.modelMs / speed.images,
    images_per_second: (1000 * speed.images) / speed.totalMs,
    model_images_per_second: (1000 * speed.images) / speed.modelMs,
    ...(batches.length > 0
      ? { batch_ms_median: quantile(batches, 0.5), batch_ms_p95: quantile(batches, 0.95) }
      : {}),
  };
}
