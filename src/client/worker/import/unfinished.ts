/**
 * Imports that were begun. A note is written before the first file of a run is copied, and removed once the run is in the
 * index; who finds a note whose run nobody holds (the tab was closed meanwhile) removes what was copied. So half a run
 * takes no room, and none is shown.
 */
import { files } from '#platform';
import { tryLock } from '../../../platform/browser/index.ts';
import { RunIndex, runLock } from '../../run-index.ts';
import { runsFolder } from '../run-folders.ts';

const notes = '/.ocelli/imports';

/** Runs `copy`; what it wrote to the run's folder stays only when it succeeds. The run's lock must be held. */
export async function wholeOrNothing<Result>(run: string, copy: () => Promise<Result>): Promise<Result> {
  const note = `${notes}/${crypto.randomUUID()}.txt`;
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

/** Removes what closed tabs have left. */
export async function removeUnfinished(): Promise<void> {
  if (!(await files.stat(notes))) return;
  for (const { path } of await files.list(notes)) {
    const run = await textOf(path);
    // A note that was cut off was no note yet.
    const isRun =
      run?.startsWith(`${runsFolder}/`) && !run.includes('..') && run.length > runsFolder.length + 1;
    if (run === undefined || !isRun) {
      await files.remove(path);
      continue;
    }
    const release = await tryLock(runLock(run));
    if (!release) continue;
    try {
      const index = await RunIndex.open();
      const known = await index.get(run);
      index.close();
      if (!known) await files.remove(run);
      await files.remove(path);
    } finally {
      release();
    }
  }
}

/** Undefined where another tab has just removed it. */
async function textOf(path: string): Promise<string | undefined> {
  return files.read(path).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
}
