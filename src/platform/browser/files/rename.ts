/**
 * Renaming a folder where the file system only moves files. What is begun is finished, by this tab or by the next
 * one that opens the disk: a journal is written first, in two phases.
 *
 *   clear   the old folder of that name is being removed; nothing has arrived yet
 *   move    files are moving, one by one, each in one step
 *
 * Either phase can be repeated from its start and gives the same. A lock keeps others from finishing a rename
 * that is still running.
 */
import { withLock } from '../locks.ts';
import { isMissing } from './errors.ts';
import type { HandleTree } from './handles.ts';
import { nameOf, parentOf } from './paths.ts';
import { moveFile, putBytes } from './write.ts';

interface Journal {
  readonly from: string;
  readonly to: string;
  readonly phase: 'clear' | 'move';
}

const lock = 'ocelli-rename';
const journalFolder = '/.ocelli';
const journalName = 'rename.json';

export function renameFolder(tree: HandleTree, from: string, to: string): Promise<void> {
  return withLock(lock, async () => {
    await finish(tree);
    await note(tree, { from, to, phase: 'clear' });
    await finish(tree);
  });
}

/** Goes on with what another tab began and did not end. */
export function finishRenames(tree: HandleTree): Promise<void> {
  return withLock(lock, () => finish(tree));
}

async function finish(tree: HandleTree): Promise<void> {
  let journal = await readJournal(tree);
  if (journal?.phase === 'clear') {
    await remove(tree, journal.to);
    journal = { ...journal, phase: 'move' };
    await note(tree, journal);
  }
  if (journal === undefined) return;
  await moveAll(tree, journal.from, journal.to);
  await remove(tree, journal.from);
  await remove(tree, `${journalFolder}/${journalName}`);
}

async function moveAll(tree: HandleTree, from: string, to: string): Promise<void> {
  const source = await folderOr(tree, from);
  if (!source) return;
  const target = await tree.folder(to, true);
  const folders: string[] = [];
  const files: FileSystemFileHandle[] = [];
  for await (const handle of source.values()) {
    if (handle.kind === 'directory') folders.push(handle.name);
    else files.push(handle);
  }
  for (const file of files) await moveFile(file, target, file.name);
  for (const name of folders) await moveAll(tree, `${from}/${name}`, `${to}/${name}`);
}

async function folderOr(tree: HandleTree, path: string): Promise<FileSystemDirectoryHandle | undefined> {
  tree.forget(path);
  try {
    return await tree.folder(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function remove(tree: HandleTree, path: string): Promise<void> {
  tree.forget(path);
  try {
    await (await tree.folder(parentOf(path))).removeEntry(nameOf(path), { recursive: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** A journal that was cut off in the middle never came into force. */
async function readJournal(tree: HandleTree): Promise<Journal | undefined> {
  try {
    const folder = await tree.folder(journalFolder);
    const file = await (await folder.getFileHandle(journalName)).getFile();
    return JSON.parse(await file.text()) as Journal;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function note(tree: HandleTree, journal: Journal): Promise<void> {
  const folder = await tree.folder(journalFolder, true);
  const beside = await folder.getFileHandle(`${journalName}.next`, { create: true });
  await putBytes(beside, new TextEncoder().encode(JSON.stringify(journal)));
  await moveFile(beside, folder, journalName);
}
