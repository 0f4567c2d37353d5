/**
 * The origin private file system (OPFS): the browser's disk for runs, checkpoints and caches. It keeps the same
 * promises as Node's files:
 *
 * - A file that is written appears whole or not at all: the bytes go to a file beside it, are flushed, and take
 *   their name by `move`, which replaces in one step.
 * - A folder that is renamed arrives whole. OPFS moves files and no folders, so the files go one by one, and a
 *   journal says what was begun: whoever opens the disk next goes on with it (`rename.ts`).
 * - A full disk first costs caches, least recently used first, then it is a `RunError`.
 */
import type { DirectoryEntry, Files } from '../../types.ts';
import { evictCaches, noteUse, saveUses } from './caches.ts';
import { explainFileError, type FileAction, isBusy, isMissing, isQuota, rangeError } from './errors.ts';
import { HandleTree, unfinished } from './handles.ts';
import { mountsBelow } from './mounts.ts';
import { nameOf, normalPath, parentOf } from './paths.ts';
import { finishRenames, renameFolder } from './rename.ts';
import { appendBytes, moveFile, putBytes, putPieces } from './write.ts';

const tree = new HandleTree(() => navigator.storage.getDirectory());

/** Renames that a closed tab left half done are finished before anything is read. */
let opened: Promise<void> | undefined;
const ready = (): Promise<void> => {
  opened ??= finishRenames(tree).catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
};

export const opfs: Files = {
  async read(path, range) {
    return explained(path, 'read', async (normal) => {
      if (noteUse(normal)) void saveUses(opfs).catch(() => undefined);
      const file = await tree.fresh(async () => (await tree.file(normal)).getFile());
      const { start, end } = range ?? { start: 0, end: file.size };
      if (start < 0 || end < start || end > file.size) throw rangeError(path, start, end, file.size);
      return new Uint8Array(await file.slice(start, end).arrayBuffer());
    });
  },

  async write(path, bytes) {
    const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    await explained(path, 'write', (normal) =>
      withRoom(data.byteLength, () => appear(normal, (handle) => putBytes(handle, data))),
    );
  },

  async append(path, bytes) {
    const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    await explained(path, 'append to', (normal) =>
      inTurn(normal, () =>
        withRoom(data.byteLength, async () => {
          const folder = await tree.folder(parentOf(normal), true);
          const handle = await folder.getFileHandle(nameOf(normal), { create: true });
          await patiently(() => appendBytes(handle, data));
        }),
      ),
    );
  },

  async list(path) {
    return explained(path, 'list', (normal) => tree.list(normal));
  },

  async stat(path) {
    return explained(path, 'look at', (normal) => tree.stat(normal));
  },

  async remove(path) {
    await explained(path, 'remove', async (normal) => {
      try {
        const folder = await tree.folder(parentOf(normal));
        await patiently(() => folder.removeEntry(nameOf(normal), { recursive: true }));
      } catch (error) {
        if (!isMissing(error)) throw error;
      } finally {
        tree.forget(normal);
      }
    });
  },

  async rename(from, to) {
    await explained(to, 'rename to', async (normalTo) => {
      const normalFrom = normalPath(from);
      const source = await tree.stat(normalFrom);
      if (!source) throw new DOMException(`${from} is not there`, 'NotFoundError');
      if (source.isDirectory) return renameFolder(tree, normalFrom, normalTo);
      if ((await tree.stat(normalTo))?.isDirectory) await opfs.remove(normalTo);
      const folder = await tree.folder(parentOf(normalTo), true);
      await patiently(async () => moveFile(await tree.file(normalFrom), folder, nameOf(normalTo)));
    });
  },

  async copy(from, to) {
    await explained(to, 'write', async (normalTo) => {
      const file = await (await tree.file(normalPath(from))).getFile();
      await withRoom(file.size, () => appear(normalTo, (handle) => putBytes(handle, file)));
    });
  },

  async makeDirectory(path) {
    await explained(path, 'make', (normal) => tree.folder(normal, true));
  },

  async realPath(path) {
    const normal = normalPath(path);
    return (await opfs.stat(normal)) ? normal : undefined;
  },

  async freeBytes() {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return Math.max(0, quota - usage);
  },
};

/**
 * Writes a file whose bytes come in pieces, like `opfs.write`: it appears whole or not at all. `pieces` is called again
 * where room had to be made first.
 */
export async function writePieces(
  path: string,
  size: number,
  pieces: () => AsyncIterable<Uint8Array>,
): Promise<void> {
  await explained(path, 'write', (normal) =>
    withRoom(size, () => appear(normal, (handle) => putPieces(handle, pieces()))),
  );
}

/** A folder of the disk, to mount it at another path as well. */
export async function folderHandle(path: string): Promise<FileSystemDirectoryHandle> {
  return explained(path, 'look at', (normal) => tree.fresh(() => tree.folder(normal)));
}

/** Writes beside and moves: the file has its old content or the new one, never a part. */
async function appear(path: string, put: (handle: FileSystemFileHandle) => Promise<void>): Promise<void> {
  const folder = await tree.folder(parentOf(path), true);
  const beside = `${nameOf(path)}.${crypto.randomUUID().slice(0, 8)}${unfinished}`;
  const handle = await folder.getFileHandle(beside, { create: true });
  try {
    await put(handle);
    await patiently(() => moveFile(handle, folder, nameOf(path)));
  } catch (error) {
    await folder.removeEntry(beside).catch(() => undefined);
    throw error;
  }
}

/** A full disk gives up caches once. */
async function withRoom(bytes: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isQuota(error) || (await evictCaches(opfs, bytes)) === 0) throw error;
    await work();
  }
}

/** Appends to one file follow each other: the handle that writes is the only one. */
const turns = new Map<string, Promise<unknown>>();

async function inTurn<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const before = turns.get(path) ?? Promise.resolve();
  const mine = before.then(work, work);
  turns.set(path, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(path) === mine) turns.delete(path);
  }
}

/** Another tab or a reader may hold a file for a moment. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 + attempt * 5));
    }
  }
}

async function explained<Result>(
  path: string,
  action: FileAction,
  work: (normal: string) => Promise<Result>,
): Promise<Result> {
  const normal = normalPath(path);
  try {
    await ready();
    return await work(normal);
  } catch (error) {
    throw await explainFileError(error, path, action, {
      nearest: () => nearestFolder(normal),
      freeBytes: () => opfs.freeBytes(path),
    });
  }
}

async function nearestFolder(path: string): Promise<string> {
  let folder = path;
  while (folder !== '/') {
    const found: DirectoryEntry | undefined = await tree.stat(folder).catch(() => undefined);
    if (found?.isDirectory || mountsBelow(folder).length > 0) break;
    folder = parentOf(folder);
  }
  return folder;
}
