/** What a run's events say, as columns for curves and tables. */
import type { Metrics, RunEvent, RunEventOf, RunEventType } from '../core/index.ts';

export interface History {
  readonly steps: readonly RunEventOf<'step'>[];
  readonly evaluations: readonly RunEventOf<'evaluation'>[];
  readonly epochs: readonly RunEventOf<'epoch'>[];
  readonly warnings: readonly RunEventOf<'warning'>[];
  readonly started: RunEventOf<'run_started'> | undefined;
  readonly data: RunEventOf<'data_ready'> | undefined;
  readonly model: RunEventOf<'model_ready'> | undefined;
  /** Images that could not be used: known when the data was opened, and found while it was read. */
  readonly setAside: number;
  readonly best: RunEventOf<'checkpoint'> | undefined;
  /** From the first event to the last. */
  readonly ms: number;
}

export function historyOf(events: readonly RunEvent[]): History {
  const of = <Type extends RunEventType>(type: Type): RunEventOf<Type>[] =>
    events.filter((event): event is RunEventOf<Type> => event.type === type);
  const first = events[0];
  const last = events.at(-1);
  const data = of('data_ready').at(-1);
  const warnings = of('warning');
  // A run that was taken up again meets the same images again.
  const aside = new Set(
    warnings.filter(({ code }) => code === 'image_set_aside').map(({ message }) => message),
  );
  return {
    steps: of('step'),
    evaluations: of('evaluation'),
    epochs: of('epoch'),
    warnings,
    started: of('run_started')[0],
    data,
    setAside: (data?.setAside ?? 0) + aside.size,
    model: of('model_ready').at(-1),
    best: of('checkpoint')
      .filter((event) => event.kind === 'best')
      .at(-1),
    ms: first && last ? Date.parse(last.time) - Date.parse(first.time) : 0,
  };
}

export type Points = readonly (readonly [x: number, y: number])[];

/** One metric over the evaluations that have it and happened inside the run. */
export function metricPoints(history: History, name: string): Points {
  return history.evaluations.flatMap((event) => {
    const value = event.metrics[name];
    return value === undefined || event.step === undefined ? [] : [[event.step, value] as const];
  });
}

/** Metric names that evaluations of the run had, in order of appearance. */
export function evaluatedNames(history: History): string[] {
  return [...new Set(history.evaluations.flatMap((event) => Object.keys(event.metrics)))];
}

/** At most `limit` points: the mean of equal shares of the curve. */
export function thinned(points: Points, limit = 400): Points {
  if (points.length <= limit) return points;
  return Array.from({ length: limit }, (_, i) => {
    const start = Math.floor((i * points.length) / limit);
    const end = Math.floor(((i + 1) * points.length) / limit);
    const share = points.slice(start, end);
    const mean = (axis: 0 | 1): number => share.reduce((sum, point) => sum + point[axis], 0) / share.length;
    return [mean(0), mean(1)] as const;
  });
}

/** An exponential moving average without its bias towards the start. */
export function smoothed(points: Points, decay = 0.9): Points {
  let average = 0;
  let weight = 0;
  return points.map(([x, y]) => {
    average = decay * average + (1 - decay) * y;
    weight = decay * weight + (1 - decay);
    return [x, average / weight] as const;
  });
}

/** A column per number: for `history.csv`. */
export function historyRows(history: History): { columns: string[]; rows: (string | number | null)[][] } {
  const parts = [...new Set(history.steps.flatMap((event) => Object.keys(event.parts)))];
  const metrics = evaluatedNames(history);
  const columns = [
    'step',
    'epoch',
    'loss',
    ...parts,
    'learning_rate',
    'grad_norm',
    'ms',
    'images_per_second',
    'gpu_bytes',
    ...metrics,
  ];
  const blank = (names: readonly string[]): null[] => names.map(() => null);
  const pick = (values: Metrics, names: readonly string[]): (number | null)[] =>
    names.map((name) => values[name] ?? null);
  const rows = [
    ...history.steps.map((event) => [
      event.step,
      event.epoch,
      event.loss,
      ...pick(event.parts, parts),
      event.learning_rate,
      event.grad_norm,
      event.ms,
      event.images_per_second,
      event.gpu_bytes,
      ...blank(metrics),
    ]),
    ...history.evaluations.map((event) => [
      event.step ?? null,
      event.epoch ?? null,
      null,
      ...blank(parts),
      null,
      null,
      null,
      null,
      null,
      ...pick(event.metrics, metrics),
    ]),
  ];
  return { columns, rows };
}
