/** `ocelli eval`: metrics and a report of a run, a Hugging Face folder or a hub id on a split of a recipe's data. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { ClassMap, ConfigError, counted, DataError, type SplitName } from '../../core/index.ts';
import { isHubName, isModelReference, OutputFolder } from '../../storage/index.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { showDownloads } from '../downloads.ts';
import { compact } from '../format.ts';
import { loadRecipe } from '../recipe-file.ts';
import { metricLines } from '../run-events.ts';

interface EvalOptions extends CommonOptions {
  readonly data?: string;
  readonly split: SplitName;
  readonly out: string;
  readonly report: boolean;
  readonly precision?: 'fp32' | 'fp16';
}

export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('metrics and a report of a model on a split')
    .argument('<model>', 'a run folder, a Hugging Face folder, a hub id or models:/<name>@<alias>')
    .argument('[overrides...]', 'key=value pairs that win over the recipe (data.batch_size=1)')
    .option('--data <recipe>', "the recipe whose data are used (default: the run's own)")
    .addOption(new Option('--split <split>', 'which part').choices(['train', 'val', 'test']).default('val'))
    .option('--out <dir>', 'where report and predictions go', 'evaluation')
    .option('--no-report', 'metrics alone, nothing is written')
    .addOption(
      new Option('--precision <precision>', "numbers of the forward pass (default: the recipe's)").choices([
        'fp32',
        'fp16',
      ]),
    );
  finish(
    command,
    [
      { line: 'ocelli eval runs/first', does: 'its own validation split' },
      { line: 'ocelli eval runs/first --split test --out runs/first/test', does: 'the test split' },
      {
        line: 'ocelli eval facebook/detr-resnet-50 --data coco.yaml',
        does: 'a checkpoint of the hub on your data',
      },
      {
        line: 'ocelli eval models:/shapes@champion --data recipe.yaml',
        does: "a model of the recipe's MLflow registry",
      },
      { line: 'ocelli eval runs/first --no-report --json', does: 'numbers for a program' },
      { line: 'ocelli eval runs/first --precision fp16', does: 'as WebGPU computes it in half precision' },
    ],
    runEval,
  );
}

async function runEval(context: Context, options: EvalOptions, ...args: never[]): Promise<undefined> {
  const [model, overrides] = args as unknown as [string, string[]];
  const { output } = context;
  const { recipe, warnings } = await loadRecipe(options.data ?? ownRecipe(model), overrides);
  for (const { message } of warnings) output.warn(message);
  const { evaluateModel } = await import('../../runs/index.ts');
  const { split, precision } = options;
  const results = options.report ? await OutputFolder.open(options.out) : undefined;
  const out = results?.path;
  const { device } = context;
  const onDownload = showDownloads(output);
  const request = { model, recipe, split, device, precision, out, onDownload };
  const events = evaluateModel(request, context.signal);
  for (;;) {
    const { done, value } = await events.next();
    if (done) {
      await results?.send(context.signal);
      const { metrics, categories, images, imagesPerSecond, unknownClasses, report } = value;
      output.json({
        type: 'evaluated',
        model: value.model,
        split,
        metrics,
        categories,
        images,
        images_per_second: imagesPerSecond,
        precision: value.precision,
        unknown_classes: unknownClasses,
        report,
      });
      output.result(
        `${value.model} on ${split}: ${counted(images, 'image')}, ${compact(imagesPerSecond)} images/s`,
      );
      for (const line of metricLines(metrics, new ClassMap(categories))) output.result(line);
      if (report !== undefined) output.result(`Report: ${report}`);
      if (results?.place !== undefined) output.result(`Copy:   ${results.place}`);
      return;
    }
    output.json(value);
    if (value.type === 'warning') output.warn(value.message);
  }
}

/** The recipe of a run folder, when the model is one. */
function ownRecipe(model: string): string {
  const path = join(model, 'recipe.yaml');
  if (existsSync(path)) return path;
  const expected = 'a run folder, or --data <recipe> for a model that has no data of its own';
  if (existsSync(model)) {
    throw new ConfigError({
      code: 'data_missing',
      expected,
      received: `${model}, which has no recipe.yaml`,
      fix: 'add --data <recipe>',
    });
  }
  if (isModelReference(model)) {
    throw new ConfigError({
      code: 'data_missing',
      expected,
      received: `${model}, a model of a registry, and no --data`,
      fix: 'add --data <recipe>',
    });
  }
  // organisation/name may be meant as a hub id, unless the organisation is a folder here.
  const couldBeHubId = model.includes('/') && isHubName(model) && !existsSync(dirname(model));
  if (!couldBeHubId) {
    throw new DataError({
      code: 'model_missing',
      expected,
      received: `${model}, and no such folder is here`,
      fix: 'check the path; for a Hugging Face folder or a hub id (organisation/name) add --data <recipe>',
    });
  }
  throw new ConfigError({
    code: 'data_missing',
    expected,
    received: `${model}: no such folder is here, and for a hub id --data is missing`,
    fix: 'check the path, or add --data <recipe> for the hub id',
  });
}
