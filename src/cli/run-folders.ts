/** Run folders below the recipe's `output.results_dir`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Recipe, usablePlace } from '../config/index.ts';
import { ConfigError } from '../core/index.ts';
import { localFolder, OutputFolder } from '../storage/index.ts';

/** The newest run of a recipe that has a checkpoint to go on from; run folders end with their time. */
export async function newestRun(recipe: Recipe): Promise<string> {
  const results = usablePlace(recipe.output.results_dir, 'output.results_dir');
  // Runs whose results go to a far place work in a folder here.
  const parent = (await localFolder(results)) ?? 'runs';
  const name = `${recipe.mlflow.run_name}-`;
  const found = (existsSync(parent) ? readdirSync(parent) : [])
    .filter((folder) => folder.startsWith(name) && existsSync(join(parent, folder, 'checkpoints', 'last')))
    .toSorted()
    .at(-1);
  if (found !== undefined) return join(parent, found);
  throw new ConfigError({
    code: 'nothing_to_resume',
    expected: `a run ${join(parent, name)}… with a checkpoint`,
    received: 'none',
    fix: 'name the run folder: --resume <dir>; or leave --resume out to start',
  });
}

/** The folder on this machine of a run that is named by its folder or its place; fetched, where it has to be. */
export async function nearRun(run: string, signal: AbortSignal): Promise<string> {
  const isFar = /^[a-z][a-z0-9+.-]+:/i.test(run) || (run.startsWith('/Volumes/') && !existsSync(run));
  return isFar ? (await OutputFolder.openExisting(run, signal)).path : run;
}
