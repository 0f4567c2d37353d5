/** A run before its first event: the folder, the recipe in it, the event log, the checkpoint to go on from. */
import { files } from '#platform';
import { parseRecipe, type Recipe, refuseSecrets, resolvedYaml, usablePlace } from '../config/index.ts';
import { CheckpointError, ConfigError, type RunEventBody } from '../core/index.ts';
import { OutputFolder } from '../storage/index.ts';
import { type CheckpointState, CheckpointStore } from '../training/index.ts';
import { EventLog, RunFolder, runFolderName } from './folder.ts';
import { pinRecipe, pinRecipeAgain } from './model-version.ts';
import { RunStream } from './stream.ts';

export interface OpenRunRequest {
  /** Left out only when a run is resumed: then it is the one in its folder. */
  readonly recipe?: Recipe | undefined;
  readonly out?: string | undefined;
  readonly resume?: boolean | undefined;
}

export interface OpenRun {
  /** As it lies in the folder: a model of a registry by its version. */
  readonly recipe: Recipe;
  /** How the recipe named that model, where it was by an alias. */
  readonly requestedModel: string | undefined;
  readonly folder: RunFolder;
  /** The folder, and the place that it is copied to. */
  readonly output: OutputFolder;
  readonly log: EventLog;
  readonly stream: RunStream;
  /** The checkpoint that the run goes on from. */
  readonly from: { readonly path: string; readonly state: CheckpointState } | undefined;
  readonly warnings: readonly RunEventBody[];
}

export async function openRun(request: OpenRunRequest, signal?: AbortSignal): Promise<OpenRun> {
  if (request.recipe) refuseSecrets(request.recipe);
  return request.resume ? openAgain(request, signal) : openNew(request, signal);
}

async function openNew({ recipe: given, out }: OpenRunRequest, signal?: AbortSignal): Promise<OpenRun> {
  if (!given) throw new Error('a new run needs a recipe');
  const { recipe, requested } = await pinRecipe(given, signal);
  const results = out === undefined ? usablePlace(recipe.output.results_dir, 'output.results_dir') : '';
  const output = await OutputFolder.open(
    out ?? `${results}/${runFolderName(recipe.mlflow.run_name, new Date())}`,
  );
  const folder = new RunFolder(output.path);
  await folder.checkUnused();
  await output.checkUnused();
  await files.write(folder.file('recipe.yaml'), resolvedYaml(recipe));
  // A place that can't be written is known before the first step.
  await output.begin();
  await output.send();
  const log = await EventLog.open(folder, 0);
  const stream = new RunStream(log);
  return { recipe, requestedModel: requested, folder, output, log, stream, from: undefined, warnings: [] };
}

async function openAgain({ recipe: given, out }: OpenRunRequest, signal?: AbortSignal): Promise<OpenRun> {
  if (out === undefined) {
    throw new ConfigError({
      code: 'resume_needs_folder',
      expected: 'the folder of the run to go on with',
      received: 'none',
      fix: 'name it: --resume <run folder>',
    });
  }
  const output = await OutputFolder.openExisting(out);
  const folder = new RunFolder(output.path);
  if (!(await files.stat(folder.file('recipe.yaml')))) {
    throw new CheckpointError({
      code: 'not_a_run',
      expected: 'a run folder with recipe.yaml and checkpoints',
      received: out,
      fix: 'name the folder that `ocelli train` printed',
    });
  }
  const stored = await storedRecipe(folder);
  const pinned = given ? await pinRecipeAgain(given, stored, signal) : await pinRecipe(stored, signal);
  const { recipe, requested } = pinned;
  const store = new CheckpointStore(files, folder.checkpoints);
  const path = await store.latest();
  const state = path === undefined ? undefined : await store.stateOf(path);
  const from = path !== undefined && state ? { path, state } : undefined;
  const log = await EventLog.open(folder, from?.state.events ?? 0);
  if (given) await files.write(folder.file('recipe.yaml'), resolvedYaml(recipe));
  const begins: RunEventBody = {
    type: 'warning',
    code: 'no_checkpoint',
    message: `${out} has no checkpoint yet: the run begins again from its first step`,
  };
  const warnings = [...pinned.warnings, ...(from ? [] : [begins])];
  const stream = new RunStream(log);
  return { recipe, requestedModel: requested, folder, output, log, stream, from, warnings };
}

async function storedRecipe(folder: RunFolder): Promise<Recipe> {
  return parseRecipe(await folder.readText('recipe.yaml'), { source: folder.file('recipe.yaml') }).recipe;
}
