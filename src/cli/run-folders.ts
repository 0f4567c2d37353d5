/** Run folders below the recipe's `output.results_dir`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Recipe, usablePlace } from '../config/index.ts';
import { ConfigError } from '../core/index.ts';

/** The newest run of a recipe that has a checkpoint to go on from; run folders end with their time. */
export async function newestRun(recipe: Recipe): Promise<string> {
  const parent = usablePlace(recipe.output.results_dir, 'output.results_dir');
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
