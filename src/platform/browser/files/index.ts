/**
 * The file tree of a page and its workers: the browser's own disk (OPFS), with places that were picked for
 * reading in it. See `opfs.ts` and `mounts.ts`.
 */
import type { DirectoryEntry, Files } from '../../types.ts';
import { explainFileError, type FileAction, rangeError, readOnly } from './errors.ts';
import { findMount, mountsBelow } from './mounts.ts';
import { opfs } from './opfs.ts';
import { normalPath, parentOf } from './paths.ts';
import type { MountedTree } from './tree.ts';

export const files: Files = {
  async read(path, range) {
    const inside = await findMount(normalPath(path));
    if (!inside) return opfs.read(path, range);
    return explained(path, 'read', async () => {
      const source = await inside.tree.open(inside.path);
      const { start, end } = range ?? { start: 0, end: source.size };
      if (start < 0 || end < start || end > source.size) throw rangeError(path, start, end, source.size);
      const bytes = await source.read(start, end);
      if (bytes.byteLength !== end - start) throw rangeError(path, start, end, start + bytes.byteLength);
      return bytes;
    });
  },

  write: async (path, bytes) => (await ours(path, 'write')).write(path, bytes),
  append: async (path, bytes) => (await ours(path, 'append to')).append(path, bytes),
  remove: async (path) => (await ours(path, 'remove')).remove(path),
  makeDirectory: async (path) => (await ours(path, 'make')).makeDirectory(path),

  async rename(from, to) {
    await ours(from, 'rename to');
    await (await ours(to, 'rename to')).rename(from, to);
  },

  async copy(from, to) {
    const disk = await ours(to, 'write');
    if (await findMount(normalPath(from))) await disk.write(to, await files.read(from));
    else await disk.copy(from, to);
  },

  async list(path) {
    const normal = normalPath(path);
    const inside = await findMount(normal);
    if (inside) {
      const entries = await explained(path, 'list', () => inside.tree.list(inside.path));
      return entries.map((entry) => atMount(inside.at, entry));
    }
    const leading = mountsBelow(normal).map((name) =>
      folderEntry(normal === '/' ? `/${name}` : `${normal}/${name}`),
    );
    const own = await opfs.list(path).catch((error: unknown) => {
      if (leading.length > 0) return [];
      throw error;
    });
    const names = new Set(leading.map(({ name }) => name));
    return [...leading, ...own.filter(({ name }) => !names.has(name))].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  },

  async stat(path) {
    const normal = normalPath(path);
    const inside = await findMount(normal);
    if (inside) {
      const entry = await explained(path, 'look at', () => inside.tree.stat(inside.path));
      return entry && atMount(inside.at, entry);
    }
    return (await opfs.stat(path)) ?? (mountsBelow(normal).length > 0 ? folderEntry(normal) : undefined);
  },

  async realPath(path) {
    const normal = normalPath(path);
    return (await files.stat(normal)) ? normal : undefined;
  },

  freeBytes: (path) => opfs.freeBytes(path),
};

/** The path that a `file:` URL means; any other text is returned as it is. */
export function localPath(place: string): string {
  return place.startsWith('file:') ? decodeURIComponent(new URL(place).pathname) : place;
}

/** The disk that can be written; a picked place can not. */
async function ours(path: string, action: FileAction): Promise<Files> {
  if (await findMount(normalPath(path))) throw readOnly(path, action);
  return opfs;
}

function atMount(at: string, entry: DirectoryEntry): DirectoryEntry {
  if (entry.path !== '/') return { ...entry, path: at + entry.path };
  return folderEntry(at);
}

function folderEntry(path: string): DirectoryEntry {
  return { name: path.slice(path.lastIndexOf('/') + 1), path, isDirectory: true, size: 0, modified: 0 };
}

async function explained<Result>(
  path: string,
  action: FileAction,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw await explainFileError(error, path, action, {
      nearest: () => nearestFolder(normalPath(path)),
      freeBytes: () => opfs.freeBytes(path),
    });
  }
}

async function nearestFolder(path: string): Promise<string> {
  let folder = path;
  while (folder !== '/' && !(await isFolder(folder))) folder = parentOf(folder);
  return folder;
}

async function isFolder(path: string): Promise<boolean> {
  const inside = await findMount(path);
  const tree: Pick<MountedTree, 'stat'> = inside ? inside.tree : opfs;
  return (await tree.stat(inside ? inside.path : path).catch(() => undefined))?.isDirectory === true;
}
