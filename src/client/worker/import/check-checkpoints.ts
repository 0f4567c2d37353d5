/**
 * Which checkpoints of a run folder can be trusted: those with a `state.json` of the format that we know, and beside it
 * every file that it lists, with its size. A folder that was copied while its run went on may have one that is not whole;
 * it is left out, and the run goes on from the one before.
 */
import { CheckpointError } from '../../../core/index.ts';
import { type RunFile, requirePlainName } from './find-run.ts';

export interface CheckedCheckpoints {
  /** Folders: `checkpoints/last`. */
  readonly whole: readonly string[];
  readonly broken: readonly string[];
}

const knownFormat = 1;

/** @throws CheckpointError for a format of another version */
export async function checkCheckpoints(
  files: readonly RunFile[],
  read: (path: string) => Promise<string>,
): Promise<CheckedCheckpoints> {
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const folders = new Set(files.flatMap(({ path }) => /^checkpoints\/[^/]+(?=\/)/.exec(path)?.[0] ?? []));
  const whole: string[] = [];
  const broken: string[] = [];
  for (const folder of folders) {
    const path = `${folder}/state.json`;
    const state = sizes.has(path) ? parsed(await read(path)) : undefined;
    if (typeof state?.format === 'number' && state.format !== knownFormat)
      throw otherFormat(path, state.format);
    (state && isWhole(state, folder, sizes) ? whole : broken).push(folder);
  }
  return { whole, broken };
}

type State = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is State =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): State | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What going on from it takes for granted. */
function isWhole(state: State, folder: string, sizes: ReadonlyMap<string, number>): boolean {
  const { format, progress, identity, optimizer, events, seed, files } = state;
  if (format !== knownFormat || !isObject(progress) || !isObject(identity) || !isObject(optimizer))
    return false;
  if (![progress.step, progress.epoch, progress.cursor, events, seed].every(Number.isFinite)) return false;
  if (!isObject(files) || !('model.safetensors' in files && 'optimizer.safetensors' in files)) return false;
  return Object.entries(files).every(([name, size]) => {
    requirePlainName(name, folder);
    return sizes.get(`${folder}/${name}`) === size;
  });
}

function otherFormat(path: string, format: number): CheckpointError {
  return new CheckpointError({
    code: 'checkpoint_format_unknown',
    expected: `checkpoints of format ${knownFormat}`,
    received: `format ${format} (${path})`,
    fix: 'reload this page: a newer version of it may know that format; or open the run where it was trained',
  });
}
