/**
 * A run as it is compared: its curves and last metrics from `events.jsonl`, its settings from `recipe.yaml`. Both are read
 * through the worker. A long log is taken in slices, so that the page stays smooth.
 */
import type { RunRecord, TrainingClient } from '../../client/index.ts';
import type { Metrics, RunEvent } from '../../core/index.ts';
import { type Curves, emptyCurves, takeEvent } from '../curves.ts';

export interface RunHistory {
  readonly record: RunRecord;
  readonly curves: Curves;
  /** Of the last evaluation of each split, by full name (`val_accuracy`). */
  readonly metrics: Metrics;
  /** Milliseconds of training. */
  readonly ms: number;
  readonly parameters: number | undefined;
  /** Every setting of the resolved recipe by its dotted key, as text. */
  readonly settings: ReadonlyMap<string, string>;
}

const linesAtOnce = 500;

/** What is missing (a run that failed before its first event) is empty, not an error. */
export async function readHistory(client: TrainingClient, record: RunRecord): Promise<RunHistory> {
  const [events, recipe] = await Promise.all([
    textOf(client, `${record.run}/events.jsonl`),
    textOf(client, `${record.run}/recipe.yaml`),
  ]);
  const curves = emptyCurves();
  const metrics: Record<string, number> = {};
  let ms = 0;
  let parameters: number | undefined;
  const lines = events.split('\n');
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    for (const event of eventsOf(lines.slice(at, at + linesAtOnce))) {
      takeEvent(curves, event);
      if (event.type === 'step') ms += event.ms;
      else if (event.type === 'evaluation') Object.assign(metrics, event.metrics);
      else if (event.type === 'model_ready') ({ parameters } = event);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { record, curves, metrics, ms, parameters, settings: await settingsOf(recipe) };
}

/** A line that is being written while we read is left out. */
function eventsOf(lines: readonly string[]): RunEvent[] {
  return lines.flatMap((line) => {
    if (!line.endsWith('}')) return [];
    try {
      return [JSON.parse(line) as RunEvent];
    } catch {
      return [];
    }
  });
}

/** Settings that are not the same in all runs; a key that a run lacks is undefined there. */
export function differences(
  histories: readonly Pick<RunHistory, 'settings'>[],
): { readonly key: string; readonly values: readonly (string | undefined)[] }[] {
  const keys = [...new Set(histories.flatMap(({ settings }) => [...settings.keys()]))].sort();
  return keys
    .map((key) => ({ key, values: histories.map(({ settings }) => settings.get(key)) }))
    .filter(({ values }) => new Set(values).size > 1);
}

async function settingsOf(yaml: string): Promise<ReadonlyMap<string, string>> {
  if (yaml === '') return new Map();
  const { parse } = await import('yaml');
  return new Map(flat(parse(yaml) as unknown));
}

function flat(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => flat(inner, path === '' ? key : `${path}.${key}`));
  }
  return [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
}

async function textOf(client: TrainingClient, path: string): Promise<string> {
  return client.worker.readFile(path).then(
    (file) => file.text(),
    () => '',
  );
}
