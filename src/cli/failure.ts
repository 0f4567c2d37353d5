/** An error as people and programs get it. The stack of an unexpected one is shown when `DEBUG` is set. */
import { exitCodeOf, InterruptedError, OcelliError } from '../core/index.ts';
import type { Output } from './output.ts';

/** Tells about the error and returns the exit code. */
export function reportFailure(error: unknown, output: Output): number {
  const exitCode = exitCodeOf(error);
  if (error instanceof InterruptedError) {
    output.error('Interrupted.');
    return exitCode;
  }
  if (error instanceof OcelliError) {
    output.error(`Error: ${error.message}`);
    if (process.env.DEBUG && error.cause) output.error(`Cause: ${stackOf(error.cause)}`);
  } else {
    output.error(`Error: ${messageOf(error)}`);
    output.error(
      process.env.DEBUG ? stackOf(error) : 'This is not expected. DEBUG=1 shows where it happened.',
    );
  }
  if (!output.failureTold) output.json(failureEvent(error, exitCode));
  return exitCode;
}

function failureEvent(error: unknown, exitCode: number): Readonly<Record<string, unknown>> {
  const known = error instanceof OcelliError ? error : undefined;
  return {
    type: 'failed',
    time: new Date().toISOString(),
    code: known?.code ?? 'unexpected',
    message: messageOf(error),
    hint: known?.hint ?? 'DEBUG=1 shows where it happened',
    ...(known?.problems.length ? { problems: known.problems } : {}),
    exit_code: exitCode,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
