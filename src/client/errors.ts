/**
 * Errors on their way between page and worker. What a user can meet keeps its class, code and parts; anything
 * else keeps name, message and stack. Causes come along, a few levels deep.
 */
import {
  CheckpointError,
  ConfigError,
  DataError,
  DeviceError,
  type ErrorDetails,
  InterruptedError,
  OcelliError,
  RemoteError,
  RunError,
  ShapeError,
} from '../core/index.ts';

const classes = {
  CheckpointError,
  ConfigError,
  DataError,
  DeviceError,
  InterruptedError,
  RemoteError,
  RunError,
  ShapeError,
} as const;

/** An error as plain data. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Of an Ocelli error: what it was made of. */
  readonly details?: Omit<ErrorDetails, 'cause'> | undefined;
  readonly cause?: PackedError | undefined;
}

const deepest = 4;

export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error) && !(error instanceof DOMException)) {
    return { name: 'Error', message: String(error) };
  }
  const { name, message, stack } = error;
  const cause = error.cause !== undefined && depth < deepest ? packError(error.cause, depth + 1) : undefined;
  if (!(error instanceof OcelliError)) return { name, message, stack, cause };
  const { code, expected, received, hint, problems } = error;
  return {
    name,
    message,
    stack,
    details: { code, expected, received, fix: hint, problems },
    cause,
  };
}

export function unpackError({ name, message, stack, details, cause }: PackedError): Error {
  const inner = cause && unpackError(cause);
  // A class that only the worker knows (of a plugin) is a failed run here.
  const Class = classes[name as keyof typeof classes] ?? RunError;
  const error = details
    ? new Class({ ...details, cause: inner })
    : Object.assign(new Error(message, inner ? { cause: inner } : undefined), { name });
  if (stack !== undefined) error.stack = stack;
  return error;
}
