/** `ocelli bench`: measurements of this build on this machine. */
import { Argument, type Command } from 'commander';
import { ConfigError } from '../../core/index.ts';
import type { BenchContext, BenchRow } from '../bench/rows.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { columns, compact } from '../format.ts';

interface BenchOptions extends CommonOptions {
  readonly recipe?: string;
  readonly profile?: boolean;
  readonly explain?: boolean;
  readonly graph?: boolean;
  readonly wgsl?: boolean;
  readonly out?: string;
}

const cases: Readonly<Record<string, () => Promise<(context: BenchContext) => Promise<void>>>> = {
  device: async () => (await import('../bench/device.ts')).benchDevice,
  images: async () => (await import('../bench/images.ts')).benchImages,
  step: async () => (await import('../bench/step.ts')).benchStep,
};

export function addBench(program: Command): void {
  const command = program
    .command('bench')
    .description('measure this build on this machine: arithmetic, pictures, training steps')
    .addArgument(new Argument('[case]', 'one of them; left out: all').choices(Object.keys(cases)))
    .option('--recipe <recipe>', 'whose training steps (default: quickstart)')
    .option('--profile', 'the kernels of a training step by GPU time (WebGPU)')
    .option('--out <file.html>', 'with --profile: also as a page with a picture')
    .option('--explain', 'the kernels that a training step is compiled to (WebGPU)')
    .option('--graph', 'with --explain: the recorded graph before it, too')
    .option('--wgsl', 'with --explain: their shaders too');
  finish(
    command,
    [
      { line: 'ocelli bench', does: 'everything, about half a minute' },
      { line: 'ocelli bench step --device webgpu', does: 'training steps on WebGPU' },
      { line: 'ocelli bench step --profile --out profile.html', does: 'where their time goes' },
      { line: 'ocelli bench --explain --recipe recipe.yaml', does: 'what they are compiled to' },
      { line: 'ocelli bench images --json', does: 'rows for a program' },
    ],
    runBench,
  );
}

async function runBench(context: Context, options: BenchOptions, ...args: never[]): Promise<undefined> {
  const [only] = args as unknown as [string | undefined];
  const { output, device, signal } = context;
  const { recipe, graph = false, wgsl = false } = options;
  refuseWithoutEffect(options, only);
  if (options.explain) {
    const { explainStep } = await import('../bench/profile.ts');
    for (const line of await explainStep({ device, signal, recipe }, { graph, wgsl })) {
      output.json({ line });
      if (!output.options.json) output.result(line);
    }
    return;
  }
  if (options.profile) return profile(context, options);
  const row = (result: BenchRow): void => {
    output.json(result);
    if (output.options.json) return;
    const [line] = columns([
      [result.case.padEnd(18), result.metric.padEnd(18), compact(result.value), result.unit],
    ]);
    output.result(line!);
  };
  for (const [name, load] of Object.entries(cases)) {
    if (only !== undefined && only !== name) continue;
    output.say(`Measuring ${name} …`);
    const measure = await load();
    await measure({ device, signal, recipe, row });
  }
  return;
}

/** Options that would change nothing are refused. */
function refuseWithoutEffect(options: BenchOptions, only: string | undefined): void {
  const { explain, profile, graph, wgsl, out, recipe } = options;
  const problem =
    (wgsl && !explain && (['--wgsl together with --explain', '--wgsl alone'] as const)) ||
    (graph && !explain && (['--graph together with --explain', '--graph alone'] as const)) ||
    (out !== undefined && !profile && (['--out together with --profile', '--out alone'] as const)) ||
    (explain && profile && (['either --explain or --profile', 'both'] as const)) ||
    ((explain || profile || recipe !== undefined) &&
      only !== undefined &&
      only !== 'step' &&
      ([
        'the case step, or none, with --explain, --profile and --recipe',
        `the case ${only}, which trains nothing`,
      ] as const));
  if (!problem) return;
  throw new ConfigError({
    code: 'wrong_usage',
    expected: problem[0],
    received: problem[1],
    fix: 'see ocelli bench --help',
  });
}

async function profile(
  { output, device, signal }: Context,
  { recipe = 'quickstart', out }: BenchOptions,
): Promise<undefined> {
  const { profileLines, profileStep, writeProfilePage } = await import('../bench/profile.ts');
  output.say(`Timing the kernels of ${recipe} …`);
  const measured = await profileStep({ device, signal, recipe });
  for (const kernel of measured.profile.kernels) output.json({ case: `step/${recipe}`, ...kernel });
  if (!output.options.json) for (const line of profileLines(measured.profile)) output.result(line);
  if (out !== undefined) {
    await writeProfilePage(out, measured, recipe);
    output.say(`Wrote ${out}.`);
  }
  return;
}
