/** The curves of a run: loss, metrics, learning rate, gradient norm, and how fast it went. */
import { grouped } from '../core/index.ts';
import { type LineSeries, lineChart } from './charts.ts';
import { bytes, duration, number, quantile } from './format.ts';
import { evaluatedNames, type History, metricPoints, smoothed, thinned } from './history.ts';
import { html } from './html.ts';
import { card, figure, grid, type Section, sampledRows, table, timesTable } from './parts.ts';

export function trainingSection(history: History): Section | undefined {
  if (history.steps.length === 0) return undefined;
  const { steps } = history;
  const rows = sampledRows(steps);
  const first = steps[0]!;
  const last = steps.at(-1)!;
  const loss = steps.map((event) => [event.step, event.loss] as const);
  const lossLines: LineSeries[] = [
    { name: 'each step', points: thinned(loss, 800), faint: true, colour: 0 },
    { name: 'training loss', points: thinned(smoothed(loss)), colour: 0 },
    ...['val_loss', 'test_loss']
      .filter((name) => metricPoints(history, name).length > 1)
      .map((name, i) => ({
        name: name === 'val_loss' ? 'validation loss' : 'test loss',
        points: metricPoints(history, name),
        dots: true,
        colour: i + 1,
      })),
  ];
  const ms = steps.map((event) => event.ms);
  return {
    id: 'training',
    title: 'Training',
    body: grid(
      figure({
        title: 'Loss',
        summary: `From ${number(first.loss)} at step ${first.step} to ${number(last.loss)} at step ${grouped(last.step)}; the line is a moving average.`,
        chart: lineChart(lossLines, { name: 'step' }, { name: 'loss' }),
        numbers: table(
          ['step', 'epoch', 'loss'],
          rows.map((event) => [event.step, event.epoch, number(event.loss)]),
          { textColumns: [] },
        ),
      }),
      metricFigure(history),
      figure({
        title: 'Learning rate',
        summary: `Between ${number(Math.min(...rows.map((event) => event.learning_rate)))} and ${number(Math.max(...rows.map((event) => event.learning_rate)))}.`,
        chart: lineChart(
          [
            {
              name: 'learning rate',
              points: thinned(steps.map((event) => [event.step, event.learning_rate])),
              colour: 3,
            },
          ],
          { name: 'step' },
          { name: 'learning rate', min: 0 },
        ),
        numbers: table(
          ['step', 'learning rate'],
          rows.map((event) => [event.step, number(event.learning_rate)]),
          { textColumns: [] },
        ),
      }),
      figure({
        title: 'Gradient norm',
        summary: 'Before clipping. Spikes mean steps that would have been too large.',
        chart: lineChart(
          [
            {
              name: 'each step',
              points: thinned(
                steps.map((event) => [event.step, event.grad_norm]),
                800,
              ),
              faint: true,
              colour: 4,
            },
            {
              name: 'gradient norm',
              points: thinned(smoothed(steps.map((event) => [event.step, event.grad_norm]))),
              colour: 4,
            },
          ],
          { name: 'step' },
          { name: 'norm', min: 0 },
        ),
        numbers: table(
          ['step', 'gradient norm'],
          rows.map((event) => [event.step, number(event.grad_norm)]),
          { textColumns: [] },
        ),
      }),
      card('Speed of training', timesTable('time per step', ms)),
      card(
        'Work done',
        html`<dl class="facts">
          <dt>Steps</dt><dd>${grouped(last.step)} of ${grouped(last.total_steps)}</dd>
          <dt>Images per second</dt><dd>${number(
            quantile(
              steps.map((event) => event.images_per_second),
              0.5,
            ),
          )}</dd>
          <dt>Largest device memory</dt><dd>${bytes(steps.reduce((most, event) => Math.max(most, event.gpu_bytes), 0))}</dd>
          <dt>Whole run</dt><dd>${duration(history.ms)}</dd>
        </dl>`,
      ),
    ),
  };
}

/** The metrics between 0 and 1 over the run: the main ones, not one per class. */
function metricFigure(history: History) {
  const names = evaluatedNames(history)
    .filter(
      (name) => !/_class_|loss|cardinality_error|_micro$|_weighted$|mar_|_small$|_medium$|_large$/.test(name),
    )
    .filter((name) => metricPoints(history, name).length > 1)
    .slice(0, 5);
  if (names.length === 0) return undefined;
  const main = metricPoints(history, names[0]!);
  const best = main.reduce((top, point) => (point[1] > top[1] ? point : top));
  const evaluations = history.evaluations.filter((event) => names.some((name) => name in event.metrics));
  return figure({
    title: 'Metrics',
    summary: `${names[0]} was highest at step ${grouped(best[0])}: ${number(best[1])}.`,
    chart: lineChart(
      names.map((name) => ({ name, points: metricPoints(history, name), dots: true })),
      { name: 'step' },
      { name: 'value', min: 0, max: 1 },
    ),
    numbers: table(
      ['step', ...names],
      sampledRows(evaluations).map((event) => [
        event.step ?? '–',
        ...names.map((name) => number(event.metrics[name])),
      ]),
      { textColumns: [] },
    ),
  });
}
