/**
 * What a run folder says about how it wants to be tracked: its resolved recipe, its events, its files. Live
 * tracking and a later `ocelli push` read the same, so both send the same.
 */

import { parse } from 'yaml';
import { files, gitCommit, hostName, userName } from '#platform';
import { DataError, OcelliError, type RunEvent } from '../core/index.ts';
import { flattenParams } from './points.ts';
import type { RunDescription } from './session.ts';

export type LogModel = 'all' | 'best' | 'none';

export interface TrackingPlan {
  readonly description: RunDescription;
  /** From the recipe; undefined when the run is only recorded. */
  readonly trackingUri: string | undefined;
  readonly logModel: LogModel;
  readonly registeredModelName: string | undefined;
  readonly task: string;
}

interface RecipeFile {
  readonly model?: { readonly model_name?: string; readonly task_type?: string };
  readonly mlflow?: {
    readonly tracking_uri?: string | null;
    readonly experiment_name?: string | null;
    readonly run_name?: string | null;
    readonly registered_model_name?: string | null;
    readonly log_model?: LogModel | boolean | null;
    readonly tags?: Readonly<Record<string, unknown>> | null;
  } | null;
}

export async function readPlan(runFolder: string): Promise<TrackingPlan> {
  const path = `${runFolder}/recipe.yaml`;
  if (!(await files.stat(path))) {
    throw new DataError({
      code: 'not_a_run',
      expected: 'a run folder with recipe.yaml and events.jsonl',
      received: runFolder,
      fix: 'name the folder that `ocelli train` printed',
    });
  }
  const recipe = await readRecipe(path);
  const started = (await readEvents(runFolder)).find((event) => event.type === 'run_started');
  const mlflow = recipe.mlflow ?? {};
  const commit = await gitCommit();
  const task = recipe.model?.task_type ?? started?.task ?? 'unknown';
  return {
    trackingUri: mlflow.tracking_uri ?? undefined,
    logModel:
      mlflow.log_model === true ? 'best' : mlflow.log_model === false ? 'none' : (mlflow.log_model ?? 'best'),
    registeredModelName: mlflow.registered_model_name ?? undefined,
    task,
    description: {
      runFolder,
      experimentName: mlflow.experiment_name ?? `${task}_training`,
      runName: started?.runName ?? mlflow.run_name ?? runFolder.split('/').at(-1)!,
      startTime: started ? Date.parse(started.time) : Date.now(),
      params: flattenParams(recipe as Record<string, unknown>).filter(
        ({ key }) => !key.startsWith('mlflow.'),
      ),
      tags: {
        'mlflow.user': userName(),
        'mlflow.source.name': 'ocelli',
        'mlflow.source.type': 'LOCAL',
        ...(commit ? { 'mlflow.source.git.commit': commit } : {}),
        framework: 'ocelli',
        task,
        host: hostName(),
        ...(recipe.model?.model_name ? { model: recipe.model.model_name } : {}),
        ...(started ? { device: started.device, 'ocelli.version': started.version } : {}),
        ...Object.fromEntries(Object.entries(mlflow.tags ?? {}).map(([key, value]) => [key, String(value)])),
      },
    },
  };
}

/** As it stands there, without the schema: a run of another version can be sent too. */
async function readRecipe(path: string): Promise<RecipeFile> {
  let received: string;
  try {
    const recipe: unknown = parse(new TextDecoder().decode(await files.read(path)));
    if (typeof recipe === 'object' && recipe !== null && !Array.isArray(recipe)) return recipe;
    received = 'no sections';
  } catch (error) {
    if (error instanceof OcelliError) throw error;
    received = error instanceof Error ? error.message.split('\n')[0]! : String(error);
  }
  throw new DataError({
    code: 'run_recipe_broken',
    expected: `the resolved recipe of a run in ${path}`,
    received,
    fix: 'restore the file from a copy: MLflow gets its values as params',
  });
}

/** The run's events in order. A last line that was cut off by a crash is left out. */
export async function readEvents(runFolder: string): Promise<RunEvent[]> {
  return readJsonLines<RunEvent>(`${runFolder}/events.jsonl`);
}

/** Lines of JSON; a cut-off last line is left out, any other broken line is an error. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  if (!(await files.stat(path))) return [];
  const lines = new TextDecoder().decode(await files.read(path)).split('\n');
  const whole = lines.slice(0, -1).filter((line) => line.trim() !== '');
  return whole.map((line, i) => {
    try {
      return JSON.parse(line) as T;
    } catch (cause) {
      throw new DataError({
        code: 'events_broken',
        expected: `JSON on line ${i + 1} of ${path}`,
        received: line.slice(0, 80),
        fix: 'restore the file from a copy, or delete the broken line',
        cause,
      });
    }
  });
}
