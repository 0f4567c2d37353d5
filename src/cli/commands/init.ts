/** `ocelli init`: writes a commented recipe to start from. */
import { existsSync, fstatSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Argument, type Command } from 'commander';
import { files } from '#platform';
import { recipeTemplate, type TemplateTask, templateTasks } from '../../config/index.ts';
import { ConfigError } from '../../core/index.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { packageInfo } from '../package-info.ts';

interface InitOptions extends CommonOptions {
  readonly out?: string;
  readonly model?: string;
  readonly force?: boolean;
}

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write a commented recipe to start from')
    .addArgument(
      new Argument('[task]', 'what the model shall learn').choices(templateTasks).default('classification'),
    )
    .option(
      '--out <file>',
      'where to write it (default: recipe.yaml, or stdout where that is a file); - is stdout',
    )
    .option('--model <name>', "hub id or folder, instead of the task's usual checkpoint")
    .option('--force', 'replace a file that exists');
  finish(
    command,
    [
      { line: 'ocelli init', does: 'recipe.yaml for image classification' },
      { line: 'ocelli init detection --out cells.yaml', does: 'for object detection' },
      { line: 'ocelli init detection --model hustvl/yolos-tiny', does: 'with another checkpoint' },
      { line: 'ocelli init classification > photos.yaml', does: 'the same with the shell' },
      { line: 'ocelli init classification --out -', does: 'to look at, without a file' },
    ],
    runInit,
  );
}

async function runInit(context: Context, options: InitOptions, ...args: never[]): Promise<undefined> {
  const [task] = args as unknown as [TemplateTask];
  const out = options.out ?? (!options.json && stdoutIsFile() ? '-' : 'recipe.yaml');
  const toStdout = out === '-';
  const text = recipeTemplate(task, {
    schema: schemaAddress(toStdout ? '.' : dirname(out)),
    ...(options.model === undefined ? {} : { model: options.model }),
  });
  if (toStdout) {
    if (context.output.options.json) context.output.json({ type: 'recipe', task, text });
    else context.output.result(text.trimEnd());
    return;
  }
  if (existsSync(out) && !options.force) {
    throw new ConfigError({
      code: 'file_exists',
      expected: `no file at ${out} yet`,
      received: 'one that exists',
      fix: 'choose another name with --out, or replace it with --force',
    });
  }
  await files.write(out, text);
  context.output.json({ type: 'recipe', task, path: out });
  context.output.result(`Wrote ${out}.`);
  context.output.say(`Fill in the data paths, then: ocelli data check ${out} && ocelli train ${out}`);
}

/** `ocelli init detection > cells.yaml` means that file. */
function stdoutIsFile(): boolean {
  try {
    return fstatSync(1).isFile();
  } catch {
    return false;
  }
}

/** From the recipe's folder to the schema of the installed package. */
function schemaAddress(folder: string): string {
  const path = relative(resolve(folder), join(packageInfo().folder, 'configs', 'recipe.schema.json'));
  const address = path.split(sep).join('/');
  return address.startsWith('.') ? address : `./${address}`;
}
