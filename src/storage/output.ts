/**
 * Where results go when that is not this machine. A run works in a folder here, because it appends, renames and
 * reads back what it wrote, and the folder is copied to its place: at the start (so that a place that can't be
 * written is known before the first step), after each checkpoint, and at the end. What was removed here (older
 * checkpoints) is removed there. A checkpoint there is whole when it has its `state.json`: that goes first when
 * files are replaced, and comes last. One checkpoint is replaced after the other, and what is gone here goes at the end:
 * where copying ends in the middle (the volume is full), those that lay there before are whole, but for one.
 *
 * `place.txt` in the folder names the place, so that a resumed run goes on copying.
 */
import { files } from '#platform';
import { ConfigError, DataError } from '../core/index.ts';
import type { Place } from './kind.ts';
import { joinPath } from './paths.ts';
import { localFolder, openPlace } from './place.ts';
import { type Entry, hasFiles, type Volume } from './volume.ts';

const note = 'place.txt';
/** Files at a time. */
const copiesAtATime = 4;

export class OutputFolder {
  /** What lies at the place, by path: size and time of the file here that it was copied from. */
  private readonly sent = new Map<string, string>();

  private constructor(
    /** On this machine. */
    readonly path: string,
    /** As the user wrote it, without a slash at the end; undefined: the folder here is all. */
    readonly place: string | undefined,
    private readonly at: Place | undefined,
  ) {}

  /**
   * For results that shall lie at a place: the place itself where that is a folder of this machine, else a folder
   * of that name in `workFolder`.
   */
  static async open(place: string, workFolder = 'runs'): Promise<OutputFolder> {
    const local = await localFolder(place);
    if (local !== undefined) return new OutputFolder(local, undefined, undefined);
    const clean = place.replace(/\/+$/, '');
    const name = clean.slice(clean.lastIndexOf('/') + 1);
    return new OutputFolder(`${workFolder}/${name}`, clean, await openPlace(clean, { as: 'folder' }));
  }

  /**
   * Of a run that goes on: its folder here, which says itself where it is copied to, or its place, from which
   * it is fetched when nothing of it is here.
   */
  static async openExisting(place: string, signal?: AbortSignal): Promise<OutputFolder> {
    const local = await localFolder(place);
    let output: OutputFolder;
    if (local === undefined) {
      output = await OutputFolder.open(place);
      await output.fetch(signal);
    } else {
      if (!(await files.stat(`${local}/${note}`))) return new OutputFolder(local, undefined, undefined);
      const named = new TextDecoder().decode(await files.read(`${local}/${note}`)).trim();
      output = new OutputFolder(local, named, await openPlace(named, { as: 'folder' }));
    }
    await output.remember(signal);
    return output;
  }

  /** Refuses a place where another run has left its checkpoints or its model. */
  async checkUnused(): Promise<void> {
    if (!this.at) return;
    for (const part of ['checkpoints', 'model']) {
      const below = `${joinPath(this.at.path, part)}/`;
      if (await hasFiles(this.at.volume, below).catch(orMissing(false))) {
        throw new ConfigError({
          code: 'run_folder_taken',
          expected: 'a new place for this run',
          received: `${this.place}, where a run has left its ${part}`,
          fix: `go on with it by --resume ${this.place}, or choose another --out`,
        });
      }
    }
  }

  /** Writes the note about the place, when there is one. */
  async begin(): Promise<void> {
    if (this.place !== undefined) await files.write(`${this.path}/${note}`, `${this.place}\n`);
  }

  /** Checkpoints that lie at the place: one that is not here any more shall go there too. */
  private async remember(signal?: AbortSignal): Promise<void> {
    const { volume, path } = this.at!;
    for (const entry of await entriesBelow(volume, `${joinPath(path, 'checkpoints')}/`, signal)) {
      this.sent.set(path === '' ? entry.path : entry.path.slice(path.length + 1), 'of another time');
    }
  }

  /** Brings what lies at the place here, when nothing is here: to go on with a run of another machine. */
  private async fetch(signal?: AbortSignal): Promise<void> {
    if (!this.at) return;
    const { volume, path } = this.at;
    const prefix = path === '' ? '' : `${path}/`;
    const entries = await entriesBelow(volume, prefix, signal);
    if (await files.stat(`${this.path}/recipe.yaml`)) {
      await this.checkSameRun(entries.find((entry) => entry.path === `${prefix}events.jsonl`)?.size ?? 0);
      return;
    }
    if (!entries.some((entry) => entry.path === `${prefix}recipe.yaml`)) {
      throw new DataError({
        code: 'not_a_run',
        expected: `a run with its recipe.yaml at ${this.place}`,
        received: entries.length === 0 ? 'nothing' : 'other files',
        fix: 'name the place that the run was copied to',
      });
    }
    // The recipe last: with it the folder counts as fetched.
    entries.sort((a, b) => Number(a.path.endsWith('recipe.yaml')) - Number(b.path.endsWith('recipe.yaml')));
    for (const entry of entries) {
      const bytes = await volume.open(entry.path).read(undefined, signal);
      await files.write(`${this.path}/${entry.path.slice(prefix.length)}`, bytes);
    }
    await this.begin();
  }

  /** What is here must be that run, and no older than what lies at the place: it would replace it. */
  private async checkSameRun(eventsThere: number): Promise<void> {
    const named = await files.stat(`${this.path}/${note}`);
    const place = named && new TextDecoder().decode(await files.read(`${this.path}/${note}`)).trim();
    const eventsHere = (await files.stat(`${this.path}/events.jsonl`))?.size ?? 0;
    if (place === this.place && eventsHere >= eventsThere) return;
    throw new ConfigError({
      code: 'run_folder_taken',
      expected: `${this.path} to be free for the run at ${this.place}`,
      received: place === this.place ? 'an older state of it: it went on elsewhere' : 'another run',
      fix: `move ${this.path} away, or work in another folder`,
    });
  }

  /** Copies what has changed since the last time, and removes what is gone. */
  async send(signal?: AbortSignal): Promise<void> {
    if (!this.at) return;
    const { volume, path: root } = this.at;
    const here = new Map<string, string>();
    for await (const [path, version] of filesBelow(this.path, '')) {
      if (path !== note) here.set(path, version);
    }
    const copy = async (path: string): Promise<void> => {
      const bytes = await files.read(`${this.path}/${path}`);
      await volume.write(joinPath(root, path), bytes, {
        ...(signal ? { signal } : {}),
        contentType: contentType(path),
      });
      this.sent.set(path, here.get(path)!);
    };
    const remove = async (path: string): Promise<void> => {
      await volume.remove(joinPath(root, path));
      this.sent.delete(path);
    };
    const changed = [...here].filter(([path, version]) => this.sent.get(path) !== version);
    const { checkpoints, others } = byCheckpoint(changed.map(([path]) => path));
    // Before the checkpoints: none may be ahead of the events.
    await inLanes(others, copy);
    for (const [checkpoint, paths] of checkpoints) {
      const state = `${checkpoint}/${stateFile}`;
      if (this.sent.has(state)) await remove(state);
      await inLanes(
        paths.filter((path) => path !== state),
        copy,
      );
      if (here.has(state)) await copy(state);
    }
    const gone = [...this.sent.keys()].filter((path) => !here.has(path));
    for (const path of gone.filter(isState)) await remove(path);
    for (const path of gone.filter((each) => !isState(each))) await remove(path);
  }
}

async function entriesBelow(volume: Volume, prefix: string, signal?: AbortSignal): Promise<Entry[]> {
  const list = async (): Promise<Entry[]> => {
    const entries: Entry[] = [];
    for await (const entry of volume.list(prefix, signal)) entries.push(entry);
    return entries;
  };
  return list().catch(orMissing([]));
}

/** A folder that is not there is empty in object stores, and an error where folders are things (Databricks). */
const orMissing =
  <T>(nothing: T) =>
  (error: unknown): T => {
    if (error instanceof DataError && error.code === 'file_missing') return nothing;
    throw error;
  };

/** What makes a checkpoint whole. */
const stateFile = 'state.json';

function isState(path: string): boolean {
  return path.endsWith(`/${stateFile}`);
}

/** Paths by the checkpoint that they are part of, and those of no checkpoint. */
function byCheckpoint(paths: readonly string[]): {
  readonly checkpoints: ReadonlyMap<string, readonly string[]>;
  readonly others: readonly string[];
} {
  const checkpoints = new Map<string, string[]>();
  const others: string[] = [];
  for (const path of paths) {
    const [checkpoint] = /^checkpoints\/[^/]+(?=\/)/.exec(path) ?? [];
    if (checkpoint === undefined) others.push(path);
    else checkpoints.set(checkpoint, [...(checkpoints.get(checkpoint) ?? []), path]);
  }
  return { checkpoints, others };
}

async function* filesBelow(root: string, folder: string): AsyncIterable<[path: string, version: string]> {
  for (const entry of await files.list(folder === '' ? root : `${root}/${folder}`)) {
    const path = joinPath(folder, entry.name);
    // A checkpoint that is being written, or was when the process ended.
    if (entry.name.startsWith('.writing-')) continue;
    if (entry.isDirectory) yield* filesBelow(root, path);
    else yield [path, `${entry.size}-${entry.modified}`];
  }
}

/** A few at a time. After a failure nothing more is begun, and what was is waited for. */
async function inLanes(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    try {
      while (next < paths.length) await work(paths[next++]!);
    } catch (error) {
      next = paths.length;
      throw error;
    }
  };
  const lanes = Array.from({ length: Math.min(copiesAtATime, paths.length) }, lane);
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}

/** So that a report that lies in a bucket opens in a browser. */
function contentType(path: string): string {
  const types: Record<string, string> = {
    html: 'text/html; charset=utf-8',
    json: 'application/json',
    jsonl: 'application/x-ndjson',
    csv: 'text/csv; charset=utf-8',
    md: 'text/markdown; charset=utf-8',
    yaml: 'application/yaml',
    txt: 'text/plain; charset=utf-8',
    jpg: 'image/jpeg',
    png: 'image/png',
    webp: 'image/webp',
  };
  return types[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream';
}
