/**
 * The run folder in what a user picked, and what lies in it. A folder is a run's when it has `recipe.yaml` and
 * `events.jsonl`. Archives and file managers put other folders around it, so the two levels below are looked at as well,
 * and no more: who picks a data set by mistake shall not wait until all of it has been read.
 *
 * Names come from elsewhere: each is checked before anything is written under it.
 */
import { ConfigError, DataError } from '../../../core/index.ts';
import type { MountedTree } from '../../../platform/browser/index.ts';

export interface FoundRun {
  /** Of the run folder, in the tree: `/` or `/shapes-20260102-030405`. */
  readonly root: string;
  /** What the folder is called; undefined where it is all that was picked. */
  readonly name: string | undefined;
}

export interface RunFile {
  /** Below the run folder: `checkpoints/last/state.json`. */
  readonly path: string;
  readonly size: number;
}

/** Folders around the run. */
const deepest = 2;
const foldersLookedAt = 500;

/** @throws ConfigError where there is none, or more than one */
export async function findRun(tree: MountedTree, signal: AbortSignal): Promise<FoundRun> {
  let level = ['/'];
  for (let depth = 0; depth <= deepest; depth++) {
    const runs: string[] = [];
    const below: string[] = [];
    for (const folder of level.slice(0, foldersLookedAt)) {
      signal.throwIfAborted();
      if ((await isFile(tree, folder, 'recipe.yaml')) && (await isFile(tree, folder, 'events.jsonl'))) {
        runs.push(folder);
      } else if (depth < deepest) {
        for (const entry of await tree.list(folder)) if (entry.isDirectory) below.push(entry.path);
      }
    }
    const [root] = runs;
    if (runs.length > 1) throw severalRuns(runs);
    if (root !== undefined) return { root, name: root === '/' ? undefined : nameOf(root) };
    level = below;
  }
  throw notARun(await described(tree));
}

const mostFiles = 20_000;
const deepestFile = 12;

/** Every file of the run, ascending. */
export async function listRun(
  tree: MountedTree,
  { root }: FoundRun,
  signal: AbortSignal,
): Promise<RunFile[]> {
  const found: RunFile[] = [];
  const walk = async (folder: string, path: string, depth: number): Promise<void> => {
    signal.throwIfAborted();
    for (const entry of await tree.list(folder)) {
      requirePlainName(entry.name, path);
      const inside = path === '' ? entry.name : `${path}/${entry.name}`;
      if (!entry.isDirectory) found.push({ path: inside, size: entry.size });
      else if (depth < deepestFile) await walk(entry.path, inside, depth + 1);
      else throw tooMuch(`no folders more than ${deepestFile} deep`, inside);
      if (found.length > mostFiles) throw tooMuch(`at most ${mostFiles} files`, 'more of them');
    }
  };
  await walk(root, '', 1);
  return found;
}

const longestName = 200;

/** Control characters, separators of any system, and the endings that this disk keeps for itself. */
export function requirePlainName(name: string, folder = ''): void {
  const strange = /[\p{Cc}/\\]/u.test(name) || name === '' || name === '.' || name === '..';
  if (!strange && name.length <= longestName && !name.endsWith('.ocelli-unfinished')) return;
  throw new DataError({
    code: 'run_file_name',
    expected: `names of files of at most ${longestName} ordinary characters`,
    received: `${JSON.stringify(name.slice(0, 60))} in ${folder === '' ? 'the run folder' : folder}`,
    fix: 'rename or remove that file, and open the run again',
  });
}

async function isFile(tree: MountedTree, folder: string, name: string): Promise<boolean> {
  return (await tree.stat(folder === '/' ? `/${name}` : `${folder}/${name}`))?.isDirectory === false;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What was picked, in words: people see at once that it is another folder. */
async function described(tree: MountedTree): Promise<string> {
  const names = (await tree.list('/')).map(({ name }) => name);
  if (names.length === 0) return 'an empty folder';
  if (names.includes('recipe.yaml'))
    return 'recipe.yaml alone: the run left no events, so nothing happened yet';
  if (names.includes('events.jsonl')) return 'events.jsonl without the recipe.yaml of the run';
  if (names.includes('config.json') && names.some((name) => name.endsWith('.safetensors'))) {
    return 'a model (config.json and weights): choose it in the view Model';
  }
  const shown = names.slice(0, 5).map((name) => name.slice(0, 40));
  return `${shown.join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}

function notARun(received: string): ConfigError {
  return new ConfigError({
    code: 'import_not_a_run',
    expected: 'a run folder, with recipe.yaml and events.jsonl in it',
    received,
    fix: 'choose the folder that the run wrote (runs/<name>-<time>), or a zip archive of it',
  });
}

function severalRuns(runs: readonly string[]): ConfigError {
  const names = runs.slice(0, 5).map(nameOf);
  return new ConfigError({
    code: 'import_several_runs',
    expected: 'the folder of one run',
    received: `${runs.length} runs: ${names.join(', ')}${runs.length > names.length ? ', …' : ''}`,
    fix: 'open them one by one',
  });
}

function tooMuch(expected: string, received: string): DataError {
  return new DataError({
    code: 'import_too_many_files',
    expected: `a run folder with ${expected}`,
    received,
    fix: 'choose the run folder itself, without what else was put into it',
  });
}
