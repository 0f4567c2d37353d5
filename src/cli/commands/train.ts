/** `ocelli train`: the main job. The work is `runs/`'; here is what the arguments mean and what is shown. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError, counted, type RunEvent } from '../../core/index.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { showDownloads } from '../downloads.ts';
import { duration } from '../format.ts';
import { loadRecipe, shippedRecipes } from '../recipe-file.ts';
import { RunDisplay } from '../run-events.ts';
import { nearRun, newestRun } from '../run-folders.ts';

interface TrainOptions extends CommonOptions {
  readonly out?: string;
  readonly resume?: string | true;
}

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train, evaluate, export, report and track one run')
    .argument('[recipe]', `a YAML file, a run folder, or one that ships: ${shippedRecipes().join(', ')}`)
    .argument('[overrides...]', 'key=value pairs that win over the recipe (training.max_epochs=3)')
    .option(
      '--out <dir>',
      'the run folder, or a place that gets a copy of it (default: <output.results_dir>/<run_name>-<time>)',
    )
    .option(
      '--resume [dir]',
      'go on with the run in this folder (default: --out, or the newest run of the recipe)',
    );
  finish(
    command,
    [
      { line: 'ocelli train quickstart', does: 'generated shapes, no file needed' },
      {
        line: 'ocelli train recipe.yaml training.max_epochs=3 data.batch_size=8',
        does: 'with other settings',
      },
      {
        line: 'ocelli train recipe.yaml --out runs/first --device webgpu',
        does: 'into this folder, on WebGPU',
      },
      { line: 'ocelli train --resume runs/first', does: 'go on where it was interrupted' },
      { line: 'ocelli train recipe.yaml --json | jq .loss', does: 'events for a program' },
    ],
    runTrain,
  );
}

async function runTrain(context: Context, options: TrainOptions, ...args: never[]): Promise<undefined> {
  const [recipeArgument, overrideArguments] = args as unknown as [string | undefined, string[]];
  const plan = planOf(recipeArgument, overrideArguments, await near(options, context.signal));
  const { recipe, warnings } = await loadRecipe(plan.recipe, plan.overrides);
  const out = plan.resume ? (plan.folder ?? (await newestRun(recipe))) : options.out;
  const { train } = await import('../../runs/index.ts');
  const display = new RunDisplay(context.output, {
    epochs: recipe.training.max_epochs,
    logEvery: recipe.training.log_every_n_steps,
    monitor: recipe.training.monitor_metric,
  });
  const onDownload = showDownloads(context.output);
  const request = { recipe, out, device: context.askedDevice, resume: plan.resume, warnings, onDownload };
  let run = '';
  let setAside = 0;
  for await (const event of train(request, context.signal)) {
    display.show(event);
    if (event.type === 'run_started') run = event.run;
    if (event.type === 'data_ready') setAside += event.setAside;
    if (event.type === 'warning' && event.code === 'image_set_aside') setAside++;
    if (event.type === 'finished') showEnd(context, event, display, setAside);
    if (event.type === 'stopped' && event.reason === 'interrupted') {
      context.output.result(`Stopped after ${counted(event.step, 'step')}. Checkpoint: ${event.checkpoint}`);
      context.output.result(`Go on with: ocelli train --resume ${run}`);
    }
  }
  return;
}

/** A run that is to go on may lie at a place: then it is fetched first. */
async function near(options: TrainOptions, signal: AbortSignal): Promise<TrainOptions> {
  const { resume, out } = options;
  if (typeof resume === 'string') return { ...options, resume: await nearRun(resume, signal) };
  if (resume && out !== undefined) return { ...options, out: await nearRun(out, signal) };
  return options;
}

interface Plan {
  readonly recipe: string;
  readonly overrides: readonly string[];
  readonly resume: boolean;
  /** The run folder to go on with, when it is named. */
  readonly folder: string | undefined;
}

/**
 * `--resume` may stand before the recipe or an override and would swallow it: what is a recipe file or has an
 * equals sign is not taken for a folder.
 */
function planOf(recipe: string | undefined, overrides: readonly string[], options: TrainOptions): Plan {
  let words = [...(recipe === undefined ? [] : [recipe]), ...overrides];
  let folder = typeof options.resume === 'string' ? options.resume : undefined;
  if (folder !== undefined && (/\.ya?ml$/.test(folder) || (folder.includes('=') && !existsSync(folder)))) {
    words = [folder, ...words];
    folder = undefined;
  }
  const resume = options.resume !== undefined;
  if (resume) folder ??= options.out;
  const named = words.findIndex((word) => !word.includes('=') || existsSync(word));
  const chosen = named >= 0 ? words[named]! : folder === undefined ? undefined : recipeOfRun(folder);
  if (chosen === undefined) {
    throw new ConfigError({
      code: 'recipe_missing',
      expected: 'a recipe',
      received: words.join(' ') || 'nothing',
      fix: '`ocelli train quickstart`, or write one with `ocelli init`',
    });
  }
  return { recipe: chosen, overrides: words.filter((_, i) => i !== named), resume, folder };
}

function recipeOfRun(folder: string): string {
  const path = join(folder, 'recipe.yaml');
  if (existsSync(path)) return path;
  throw new ConfigError({
    code: 'nothing_to_resume',
    expected: 'a run folder with its recipe.yaml',
    received: `${folder}, ${existsSync(folder) ? 'which has none' : 'and no such folder is here'}`,
    fix: 'name the folder that `ocelli train` printed: --resume <dir>',
  });
}

function showEnd(
  context: Context,
  event: RunEvent & { readonly type: 'finished' },
  display: RunDisplay,
  setAside: number,
): void {
  const { output } = context;
  output.result(`Done in ${duration(event.ms)}: ${display.metricsText(event.metrics)}`);
  if (setAside > 0) output.result(`Images set aside: ${setAside} (each is named in events.jsonl)`);
  output.result(`Run:    ${event.run}`);
  if (event.place !== undefined) output.result(`Copy:   ${event.place}`);
  for (const [name, path] of [
    ['Report:', join(event.run, 'report', 'index.html')],
    ['Model: ', join(event.run, 'model')],
  ] as const) {
    if (existsSync(path)) output.result(`${name} ${path}`);
  }
}
