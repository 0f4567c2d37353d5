/**
 * A run as it is compared: its curves and last metrics from `events.jsonl`, its settings from `recipe.yaml`. Both are read
 * through the worker.
 */
import type { RunRecord } from '../../client/index.ts';
import { type ClassMap, classesOf, classesOfData, type Metrics } from '../../core/index.ts';
import { namedMetrics } from '../class-metrics.ts';
import { type Curves, emptyCurves, takeEvent } from '../curves.ts';
import { type FileReader, readEvents, readText } from '../event-log.ts';

export interface RunHistory {
  readonly record: RunRecord;
  readonly curves: Curves;
  /** Of the last evaluation of each split, by full name (`val_accuracy`, `val_map of cat`), as the curves' metrics. */
  readonly metrics: Metrics;
  /** Names of its classes, in alphabetical order. */
  readonly classNames: readonly string[];
  /** Milliseconds of training. */
  readonly ms: number;
  readonly parameters: number | undefined;
  /** Every setting of the resolved recipe by its dotted key, as text. */
  readonly settings: ReadonlyMap<string, string>;
}

/** What is missing (a run that failed before its first event) is empty, not an error. */
export async function readHistory(client: FileReader, record: RunRecord): Promise<RunHistory> {
  const recipe = readText(client, `${record.run}/recipe.yaml`);
  const curves = emptyCurves();
  let metrics: Metrics = {};
  let classNames: readonly string[] = [];
  let classes: ClassMap | undefined;
  let ms = 0;
  let parameters: number | undefined;
  for await (const events of readEvents(client, record.run)) {
    for (const event of events) {
      if (event.type === 'evaluation') {
        const named = namedMetrics(event.metrics, classes);
        metrics = { ...metrics, ...named };
        takeEvent(curves, { ...event, metrics: named });
        continue;
      }
      takeEvent(curves, event);
      if (event.type === 'data_ready') {
        classNames = event.classes.toSorted();
        classes = classesOfData(event) ?? (await classesOfModel(client, record.run));
      } else if (event.type === 'step') ms += event.ms;
      else if (event.type === 'model_ready') ({ parameters } = event);
    }
  }
  return { record, curves, metrics, classNames, ms, parameters, settings: await settingsOf(await recipe) };
}

/** Of a log without the ids of its classes: the model that the run left has them, where it left one. */
async function classesOfModel(client: FileReader, run: string): Promise<ClassMap | undefined> {
  try {
    return classesOf(
      JSON.parse(await readText(client, `${run}/model/config.json`)) as Record<string, unknown>,
    );
  } catch {
    return undefined;
  }
}

/** Whether all of them know the same classes; one that did not come to its data has none to differ in. */
export function haveSameClasses(histories: readonly Pick<RunHistory, 'classNames'>[]): boolean {
  const told = histories.filter(({ classNames }) => classNames.length > 0);
  return new Set(told.map(({ classNames }) => JSON.stringify(classNames))).size <= 1;
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
