/**
 * The command line: one verb per file in `commands/`, put together here. Wrong use (an unknown verb or option, a
 * missing argument) ends with exit code 2, help with 0.
 */
import { Command, CommanderError } from 'commander';
import { addBench } from './commands/bench.ts';
import { addData } from './commands/data.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEval } from './commands/eval.ts';
import { addExport } from './commands/export.ts';
import { addGateway } from './commands/gateway.ts';
import { addInit } from './commands/init.ts';
import { addPredict } from './commands/predict.ts';
import { addPush } from './commands/push.ts';
import { addTrain } from './commands/train.ts';
import { onReaderGone } from './output.ts';
import { packageInfo } from './package-info.ts';

const verbs: readonly ((program: Command) => void)[] = [
  addInit,
  addDoctor,
  addData,
  addTrain,
  addEval,
  addPredict,
  addExport,
  addPush,
  addGateway,
  addBench,
];

export async function runProgram(args: readonly string[]): Promise<void> {
  // Help is written before any command has an output of its own.
  onReaderGone(process.stdout);
  const program = buildProgram();
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (process.exitCode === 2 && args.includes('--json')) console.log(JSON.stringify(usageFailure(error)));
  }
}

/** For programs, what people have read on stderr: no command has an output of its own yet. */
function usageFailure(error: CommanderError): Readonly<Record<string, unknown>> {
  return {
    type: 'failed',
    time: new Date().toISOString(),
    code: 'wrong_usage',
    message: error.message,
    hint: '--help shows what is known, with examples',
    exit_code: 2,
  };
}

export function buildProgram(): Command {
  const program = new Command('ocelli');
  program
    .description('Fine-tunes Hugging Face vision models on WebGPU and runs them, from one YAML recipe.')
    .version(packageInfo().version, '-v, --version')
    .showHelpAfterError('(--help shows what is known, with examples)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\n`ocelli <command> --help` shows arguments, options and examples.');
  for (const add of verbs) add(program);
  // Errors of usage are thrown, so that one place decides the exit code.
  for (const command of [program, ...descendants(program)]) command.exitOverride();
  return program;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child as Command, ...descendants(child as Command)]);
}
