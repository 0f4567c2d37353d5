/**
 * Imports that were begun. A note is written before the first file of a run is copied, and removed once the run is in the
 * index; who finds a note whose run nobody holds (the tab was closed meanwhile) removes what was copied. So half a run
 * takes no room, and none is shown.
 */
import { files } from '#platform';
import { tryLock, withLock } from '../../../platform/browser/index.ts';
import { importNotes, RunIndex, runLock } from '../../run-index.ts';
import { runsFolder } from '../run-folders.ts';

/** Runs `copy`; what it wrote to the run's folder stays only when it succeeds. The run's lock must be held. */
export async function wholeOrNothing<Result>(run: string, copy: () => Promise<Result>): Promise<Result> {
  const note = `${importNotes}/${crypto.randomUUID()}.txt`;
  await files.write(note, run);
  try {
    const result = await copy();
    await files.remove(note);
    return result;
  } catch (error) {
    // What can't be removed now keeps its note, for the next time.
    await files.remove(run).then(
      () => files.remove(note),
      () => undefined,
    );
    throw error;
  }
}

/**
 * Removes what closed tabs have left.
 *
 * @param others what to do about runs that somebody holds: another tab that copies, or one that was just reloaded and is
 *   about to end
 */
export async function removeUnfinished(others: 'wait' | 'leave'): Promise<void> {
  if (!(await files.stat(importNotes))) return;
  for (const { path } of await files.list(importNotes)) {
    const run = await textOf(path);
    // A note that was cut off was no note yet.
    const isRun =
      run?.startsWith(`${runsFolder}/`) && !run.includes('..') && run.length > runsFolder.length + 1;
    if (run === undefined || !isRun) {
      await files.remove(path);
      continue;
    }
    if (others === 'wait') await withLock(runLock(run), () => settle(run, path));
    else await settleIfFree(run, path);
  }
}

async function settleIfFree(run: string, note: string): Promise<void> {
  const release = await tryLock(runLock(run));
  try {
    if (release) await settle(run, note);
  } finally {
    release?.();
  }
}

/** A run of the index is whole; only its note was left. */
async function settle(run: string, note: string): Promise<void> {
  if (!(await files.stat(note))) return;
  const index = await RunIndex.open();
  const known = await index.get(run);
  index.close();
  if (!known) await files.remove(run);
  await files.remove(note);
}

/** Undefined where another tab has just removed it. */
async function textOf(path: string): Promise<string | undefined> {
  return files.read(path).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
}
