/**
 * A run folder of elsewhere becomes a run of this browser: of `ocelli train` on a server, or of another browser. It is
 * looked at first (what is it, is it whole, is there room, is it here already), then copied, and shown last of all, so a
 * run in the list is a whole one.
 *
 * Not all of it is taken at its word: what the folder says about other places stays behind, because a copy that goes on
 * here must not write over the results of the run where it was trained.
 */
import { files } from '#platform';
import { parseRecipe, type Recipe, resolvedYaml } from '../../../config/index.ts';
import { counted, DataError, type RunEvent } from '../../../core/index.ts';
import {
  type MountedTree,
  makeRoom,
  openSource,
  piecesOf,
  tryLock,
  writePieces,
} from '../../../platform/browser/index.ts';
import { CheckpointStore } from '../../../training/index.ts';
import type { ImportedRun, ImportProgress, ImportRequest } from '../../protocol.ts';
import { RunIndex, type RunRecord, runLock } from '../../run-index.ts';
import { missingData, placesOf } from '../data-places.ts';
import { recordAfter } from '../recorder.ts';
import { folderName, runsFolder } from '../run-folders.ts';
import { checkCheckpoints } from './check-checkpoints.ts';
import { checkLog } from './check-log.ts';
import { findRun, listRun, type RunFile } from './find-run.ts';
import { requireRoom } from './room.ts';
import { removeUnfinished, wholeOrNothing } from './unfinished.ts';

export type ImportListener = (progress: ImportProgress) => void;

/** What was found in the folder, checked. */
interface CheckedRun {
  readonly tree: MountedTree;
  readonly root: string;
  /** Copied as they lie there. */
  readonly files: readonly RunFile[];
  /** What was read to be checked, as it is to be written: nothing is read twice, so nothing changes in between. */
  readonly texts: ReadonlyMap<string, string>;
  readonly record: RunRecord;
  readonly notes: readonly string[];
}

/** @throws an error that says what was expected, received and what to do; then nothing of the run is here */
export async function importRun(
  { name, source }: ImportRequest,
  listener: ImportListener,
  signal: AbortSignal,
): Promise<ImportedRun> {
  await removeUnfinished('leave');
  listener({ bytes: 0, total: undefined });
  const tree = await openSource(source);
  const found = await findRun(tree, signal);
  const run = await check(tree, found.root, await listRun(tree, found, signal));
  const index = await RunIndex.open();
  try {
    const records = await index.list(new Set());
    const same = await sameRun(run, records);
    if (same) return { run: same.run, name: same.name, known: true, bytes: 0, notes: [] };
    const total = run.files.reduce((sum, { size }) => sum + size, 0);
    await requireRoom(total, { makeRoom, freeBytes: () => files.freeBytes(runsFolder) });
    const { path, release } = await freeFolder(folderName(found.name ?? name));
    try {
      return await wholeOrNothing(path, async () => {
        await copy(run, path, (bytes) => listener({ bytes, total }), signal);
        const record = { ...run.record, run: path, name: freeName(run.record, records) };
        const checkpoint = await new CheckpointStore(files, `${path}/checkpoints`).latest();
        const dataMissing = placesOf(await missingData(path));
        signal.throwIfAborted();
        await index.put({ ...record, checkpoint, dataMissing });
        return { run: path, name: record.name, known: false, bytes: total, notes: run.notes };
      });
    } finally {
      release();
    }
  } finally {
    index.close();
  }
}

/** Larger ones are no logs and no recipes. */
const largestText: Readonly<Record<string, number>> = { 'events.jsonl': 2 ** 28, 'recipe.yaml': 2 ** 20 };
const largestState = 2 ** 22;

async function check(tree: MountedTree, root: string, listing: readonly RunFile[]): Promise<CheckedRun> {
  const notes: string[] = [];
  const texts = new Map<string, string>();
  const read = async (path: string): Promise<string> => {
    const size = listing.find((file) => file.path === path)?.size ?? 0;
    const most = largestText[path] ?? largestState;
    if (size > most) throw textTooLarge(path, size, most);
    const entry = await tree.open(root === '/' ? `/${path}` : `${root}/${path}`);
    const text = new TextDecoder().decode(await entry.read(0, entry.size));
    texts.set(path, text);
    return text;
  };
  const { recipe, text: recipeText, note } = ownRecipe(await read('recipe.yaml'));
  texts.set('recipe.yaml', recipeText);
  if (note !== undefined) notes.push(note);
  const log = checkLog(await read('events.jsonl'));
  texts.set('events.jsonl', log.text);
  if (log.cut) notes.push('The last event was half a line, and is left out.');
  const { broken } = await checkCheckpoints(listing, read);
  for (const folder of broken) notes.push(`${folder} is not whole, and is left out.`);
  if (listing.some(({ path }) => path === placeNote)) {
    notes.push('Where it was trained it is copied to another place; the run here is a copy of its own.');
  }
  const left = (path: string): boolean =>
    path === placeNote || broken.some((folder) => path.startsWith(`${folder}/`));
  return {
    tree,
    root,
    files: listing.filter(({ path }) => !left(path)),
    texts,
    record: recordOf(log.events, recipe),
    notes,
  };
}

/** Names the place that a run's results are copied to (storage/output.ts). */
const placeNote = 'place.txt';

/** The recipe, without where checkpoints were copied to. */
function ownRecipe(text: string): { readonly recipe: Recipe; readonly text: string; readonly note?: string } {
  const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
  const { checkpoint_dir } = recipe.training;
  if (checkpoint_dir === null) return { recipe, text };
  const own = { ...recipe, training: { ...recipe.training, checkpoint_dir: null } };
  const note = `Its checkpoints were copied to ${checkpoint_dir}; here they are not.`;
  return { recipe: own, text: resolvedYaml(own), note };
}

/** What the list of runs shows of it. */
function recordOf(events: readonly RunEvent[], recipe: Recipe): RunRecord {
  let record: RunRecord | undefined;
  for (const event of events) record = recordAfter(record, event, record);
  const { name, model, device, task, status, metrics, problem, ...rest } = record!;
  return {
    ...rest,
    name: plain(name) || 'run',
    task: recipe.model.task_type,
    model: plain(model) || plain(task),
    device: plain(device),
    // Nobody trains it here, whatever goes on elsewhere.
    status: status === 'running' || status === 'paused' ? 'interrupted' : status,
    metrics: Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value))),
    ...(problem ? { problem } : {}),
  };
}

const longestText = 200;

/** One line of text: without characters that turn, hide or break what stands around them. */
function plain(text: string): string {
  return [
    ...text
      .replace(/\p{C}+/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  ]
    .slice(0, longestText)
    .join('');
}

/** The run of this browser that has the same log. */
async function sameRun(
  { record, texts }: CheckedRun,
  records: readonly RunRecord[],
): Promise<RunRecord | undefined> {
  for (const candidate of records) {
    if (candidate.startedAt !== record.startedAt) continue;
    const log = await files.read(`${candidate.run}/events.jsonl`).catch(() => undefined);
    if (log && new TextDecoder().decode(log) === texts.get('events.jsonl')) return candidate;
  }
  return undefined;
}

/** Other states of one run are told apart by a number. */
function freeName({ name, startedAt }: RunRecord, records: readonly RunRecord[]): string {
  const taken = new Set(records.filter((other) => other.startedAt === startedAt).map((other) => other.name));
  let free = name;
  for (let count = 2; taken.has(free); count++) free = `${name} (${count})`;
  return free;
}

/** A folder that is not there, and its run's lock. */
async function freeFolder(name: string): Promise<{ readonly path: string; release(): void }> {
  for (let count = 1; ; count++) {
    const path = `${runsFolder}/${name}${count === 1 ? '' : `-${count}`}`;
    const release = await tryLock(runLock(path));
    if (!release) continue;
    if (!(await files.stat(path))) return { path, release };
    release();
  }
}

async function copy(
  { tree, root, files: listing, texts }: CheckedRun,
  to: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let before = 0;
  for (const { path, size } of listing) {
    signal.throwIfAborted();
    const text = texts.get(path);
    if (text !== undefined) await files.write(`${to}/${path}`, text);
    else {
      const pieces = async function* (): AsyncIterable<Uint8Array> {
        const entry = await tree.open(root === '/' ? `/${path}` : `${root}/${path}`);
        let copied = 0;
        for await (const piece of piecesOf(entry)) {
          signal.throwIfAborted();
          yield piece;
          copied += piece.byteLength;
          onBytes(before + copied);
        }
        if (copied !== size) throw changed(path, size, copied);
      };
      await writePieces(`${to}/${path}`, size, pieces);
    }
    before += size;
    onBytes(before);
  }
}

function changed(path: string, expected: number, received: number): DataError {
  return new DataError({
    code: 'import_changed',
    expected: `${path} with ${counted(expected, 'byte')}`,
    received: counted(received, 'byte'),
    fix: 'open the run again: it was written to while it was copied',
  });
}

function textTooLarge(path: string, size: number, most: number): DataError {
  return new DataError({
    code: 'import_file_too_large',
    expected: `${path} of at most ${counted(most, 'byte')}`,
    received: counted(size, 'byte'),
    fix: 'choose the folder that the run wrote; this file is not what a run writes',
  });
}
