/**
 * Errors that teach. Every error that a user can meet says what was expected, what was received and how to
 * fix it, carries a stable `code` for scripts, and knows the exit code of the command line (docs/cli.md).
 * Internal mistakes stay plain `Error`s: they exit with 1 and a stack trace.
 */

export interface ErrorDetails {
  /** Stable, machine-readable: `unknown_model_type`, `file_missing`, … */
  readonly code: string;
  readonly expected: string;
  readonly received: string;
  readonly fix: string;
  readonly cause?: unknown;
  /** Several problems that were found together, one per entry, as lines of text. */
  readonly problems?: readonly string[];
}

export abstract class OcelliError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly expected: string;
  readonly received: string;
  readonly problems: readonly string[];
  /** The exit code of the command line for this kind of failure. */
  abstract readonly exitCode: number;

  constructor(details: ErrorDetails) {
    const list = details.problems?.length
      ? `\n${details.problems.map((line) => `  - ${line}`).join('\n')}`
      : '';
    super(`Expected ${details.expected}. Received: ${details.received}. Fix: ${details.fix}${list}`, {
      cause: details.cause,
    });
    // Our own classes name themselves below: a bundler may shorten the names of classes.
    this.name = new.target.name;
    this.code = details.code;
    this.hint = details.fix;
    this.expected = details.expected;
    this.received = details.received;
    this.problems = details.problems ?? [];
  }
}

/** Wrong use: the recipe, an argument, an unknown model type, a metric that the task does not compute. */
export class ConfigError extends OcelliError {
  override readonly name = 'ConfigError';
  readonly exitCode = 2;
}

/** Data or files: COCO, images, an empty split, a class that only val has. */
export class DataError extends OcelliError {
  override readonly name = 'DataError';
  readonly exitCode = 3;
}

/** Weights or checkpoints that are truncated, inconsistent or lie about their size. */
export class CheckpointError extends OcelliError {
  override readonly name = 'CheckpointError';
  readonly exitCode = 3;
}

/** The device that was asked for is missing, was lost, or its memory does not suffice. */
export class DeviceError extends OcelliError {
  override readonly name = 'DeviceError';
  readonly exitCode = 4;
}

/** A server said no or could not be reached: hub, volume, MLflow. */
export class RemoteError extends OcelliError {
  override readonly name = 'RemoteError';
  readonly exitCode = 5;
  /** Whether the server refuses whoever asks, not the one thing that was asked for: nothing else will come either. */
  readonly signInRefused: boolean;

  constructor(details: ErrorDetails & { readonly signInRefused?: boolean }) {
    super(details);
    this.signInRefused = details.signInRefused ?? false;
  }
}

/** Tensors that do not fit together. */
export class ShapeError extends OcelliError {
  override readonly name = 'ShapeError';
  readonly exitCode = 1;
}

/** A run that cannot go on: loss not finite, disk full. */
export class RunError extends OcelliError {
  override readonly name = 'RunError';
  readonly exitCode = 1;
}

/** The user interrupted; a checkpoint was written before. */
export class InterruptedError extends OcelliError {
  override readonly name = 'InterruptedError';
  readonly exitCode = 130;
}

/** The exit code for anything that was thrown. */
export function exitCodeOf(error: unknown): number {
  return error instanceof OcelliError ? error.exitCode : 1;
}
