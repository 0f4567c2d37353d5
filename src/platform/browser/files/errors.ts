/** What a browser's file systems throw, told as the errors that the rest of the house knows from Node's files. */
import { DataError, OcelliError, RunError } from '../../../core/index.ts';

export type FileAction =
  | 'read'
  | 'list'
  | 'look at'
  | 'write'
  | 'append to'
  | 'remove'
  | 'rename to'
  | 'make';

export function isMissing(error: unknown): boolean {
  return nameOfError(error) === 'NotFoundError';
}

/** A file where a folder was expected, or the other way round. */
export function isOtherKind(error: unknown): boolean {
  return nameOfError(error) === 'TypeMismatchError';
}

export function isQuota(error: unknown): boolean {
  return nameOfError(error) === 'QuotaExceededError';
}

/** Another context holds the file open; it will be free in a moment. */
export function isBusy(error: unknown): boolean {
  return nameOfError(error) === 'NoModificationAllowedError';
}

function nameOfError(error: unknown): string | undefined {
  return error instanceof Error || error instanceof DOMException ? error.name : undefined;
}

/** Bytes; no single file of a run is larger. */
const largestShortage = 4e9;

export interface Surroundings {
  /** The nearest folder that does exist. */
  nearest(): Promise<string>;
  freeBytes(): Promise<number>;
}

export async function explainFileError(
  error: unknown,
  path: string,
  action: FileAction,
  around: Surroundings,
): Promise<unknown> {
  if (error instanceof OcelliError || nameOfError(error) === undefined) return error;
  if (isQuota(error)) {
    const free = await around.freeBytes().catch(() => undefined);
    return new RunError({
      code: 'disk_full',
      expected: `space in the browser's storage to ${action} ${path}`,
      received: roomLeft(free),
      fix: "remove old runs, or free space on the disk (the browser's quota is a share of it); what was written before is intact",
      cause: error,
    });
  }
  if (isMissing(error)) {
    return new DataError({
      code: 'file_missing',
      expected: `a file or folder at ${path}`,
      received: `nothing there; the nearest folder that exists is ${await around.nearest()}`,
      fix: 'correct the path, or put the file there',
      cause: error,
    });
  }
  const reasons: Readonly<Record<string, string>> = {
    TypeMismatchError: 'a folder where a file should be, or a file where a folder should be',
    NotAllowedError: 'no permission any more',
    NotReadableError: 'a file that changed since it was picked',
    NoModificationAllowedError: 'a file that another tab holds open',
    InvalidStateError: 'a file that changed meanwhile',
    SecurityError: 'storage that the browser keeps closed here (a private window, or a third-party frame)',
  };
  const reason = reasons[nameOfError(error)!];
  if (reason === undefined) return error;
  const Class = action === 'read' || action === 'list' || action === 'look at' ? DataError : RunError;
  return new Class({
    code: 'file_inaccessible',
    expected: `to ${action} ${path}`,
    received: `${reason} (${nameOfError(error)})`,
    fix: 'pick the file or folder again; close other tabs that work on this run',
    cause: error,
  });
}

/** Some browsers estimate generously, whatever the disk holds: a page shall not measure it. */
function roomLeft(free: number | undefined): string {
  if (free === undefined || free > largestShortage) return 'no room: the browser takes no more for this page';
  return `${(free / 1e6).toFixed(1)} MB free`;
}

export function rangeError(path: string, start: number, end: number, size: number): DataError {
  return new DataError({
    code: 'range_outside_file',
    expected: `bytes ${start} to ${end} of ${path}`,
    received: `a file of ${size} bytes`,
    fix: 'the file is shorter than it says: fetch or write it again',
  });
}

export function readOnly(path: string, action: FileAction): RunError {
  return new RunError({
    code: 'file_inaccessible',
    expected: `to ${action} ${path}`,
    received: 'a place that was picked for reading',
    fix: 'write to another folder',
  });
}
