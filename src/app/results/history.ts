/**
 * A run as it is compared: its curves and last metrics from `events.jsonl`, its settings from `recipe.yaml`. Both are read
 * through the worker.
 */
import type { RunRecord, TrainingClient } from '../../client/index.ts';
import type { Metrics } from '../../core/index.ts';
import { type Curves, emptyCurves, takeEvent } from '../curves.ts';
import { readEvents, readText } from '../event-log.ts';

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

/** What is missing (a run that failed before its first event) is empty, not an error. */
export async function readHistory(client: TrainingClient, record: RunRecord): Promise<RunHistory> {
  const recipe = readText(client, `${record.run}/recipe.yaml`);
  const curves = emptyCurves();
  const metrics: Record<string, number> = {};
  let ms = 0;
  let parameters: number | undefined;
  for await (const events of readEvents(client, record.run)) {
    for (const event of events) {
      takeEvent(curves, event);
      if (event.type === 'step') ms += event.ms;
      else if (event.type === 'evaluation') Object.assign(metrics, event.metrics);
      else if (event.type === 'model_ready') ({ parameters } = event);
    }
  }
  return { record, curves, metrics, ms, parameters, settings: await settingsOf(await recipe) };
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
