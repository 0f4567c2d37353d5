/**
 * What every verb has in common: the options `--json`, `--quiet` and `--device`, examples in its help, Ctrl-C,
 * and how it ends. A verb is a function that gets its context and returns; the exit code comes from the error
 * that it throws, and the process ends by itself when nothing is left to do.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { reportFailure } from './failure.ts';
import { listenForInterrupts } from './interrupt.ts';
import { Output } from './output.ts';

export const deviceChoices = ['auto', 'webgpu', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceChoices)[number];

export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly device?: DeviceName;
}

export interface Context {
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly device: DeviceName;
  /** The device, when the user named one. */
  readonly askedDevice: DeviceName | undefined;
}

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** Adds the common options, the examples and the way to run. `run` may return an exit code other than 0. */
export function finish<Options extends CommonOptions>(
  command: Command,
  examples: readonly Example[],
  run: (context: Context, options: Options, ...args: never[]) => Promise<number | undefined>,
): void {
  command
    .option('--json', 'print one JSON object per line on stdout, and nothing else there')
    .option('--quiet', 'leave out progress and remarks')
    .addOption(
      new Option('--device <device>', 'where tensors live (default: auto)').choices([...deviceChoices]),
    )
    .addHelpText('after', `\nExamples:\n${exampleLines(examples)}`)
    .action(async (...actionArgs: unknown[]) => {
      const args = actionArgs.slice(0, -2) as never[];
      const options = actionArgs.at(-2) as Options;
      process.exitCode = await runCommand(options, (context) => run(context, options, ...args));
    });
}

async function runCommand(
  options: CommonOptions,
  run: (context: Context) => Promise<number | undefined>,
): Promise<number> {
  const output = new Output({ json: options.json === true, quiet: options.quiet === true });
  const interrupts = listenForInterrupts((text) => output.error(text));
  try {
    const code = await run({
      output,
      signal: interrupts.signal,
      device: options.device ?? 'auto',
      askedDevice: options.device,
    });
    return interrupts.signal.aborted && !code ? 130 : (code ?? 0);
  } catch (error) {
    // Whatever an aborted request threw: the reason is the interrupt.
    return reportFailure(interrupts.signal.aborted ? interrupts.signal.reason : error, output);
  } finally {
    interrupts.end();
  }
}

function exampleLines(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(({ line }) => line.length));
  return examples
    .map(({ line, does }) => (width > 60 ? `  # ${does}\n  ${line}` : `  ${line.padEnd(width)}   ${does}`))
    .join('\n');
}

export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const most = high === Number.MAX_SAFE_INTEGER ? '' : ` and ≤ ${high}`;
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected a whole number ≥ ${low}${most}.`);
    }
    return value;
  };
}

export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  }
  return value;
}
