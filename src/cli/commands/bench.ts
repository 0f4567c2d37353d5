/** `ocelli bench`: measurements of this build on this machine. */
import { Argument, type Command } from 'commander';
import type { BenchContext, BenchRow } from '../bench/rows.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { columns, compact } from '../format.ts';

const cases: Readonly<Record<string, () => Promise<(context: BenchContext) => Promise<void>>>> = {
  device: async () => (await import('../bench/device.ts')).benchDevice,
  images: async () => (await import('../bench/images.ts')).benchImages,
  step: async () => (await import('../bench/step.ts')).benchStep,
};

export function addBench(program: Command): void {
  const command = program
    .command('bench')
    .description('measure this build on this machine: arithmetic, pictures, training steps')
    .addArgument(new Argument('[case]', 'one of them; left out: all').choices(Object.keys(cases)));
  finish(
    command,
    [
      { line: 'ocelli bench', does: 'everything, about half a minute' },
      { line: 'ocelli bench step --device webgpu', does: 'training steps on WebGPU' },
      { line: 'ocelli bench images --json', does: 'rows for a program' },
    ],
    runBench,
  );
}

async function runBench(context: Context, _options: CommonOptions, ...args: never[]): Promise<undefined> {
  const [only] = args as unknown as [string | undefined];
  const { output, device, signal } = context;
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
    await measure({ device, signal, row });
  }
  return;
}
