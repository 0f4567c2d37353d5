/**
 * Walking a tree of file system handles: path to handle, with the handles of folders kept, because each part of a
 * path costs a message to the browser's own process.
 */
import type { DirectoryEntry } from '../../types.ts';
import { isMissing, isOtherKind } from './errors.ts';
import { partsOf } from './paths.ts';

/** Half-written files carry this ending; listings leave them out. */
export const unfinished = '.ocelli-unfinished';

export class HandleTree {
  private readonly folders = new Map<string, FileSystemDirectoryHandle>();

  constructor(private readonly open: () => Promise<FileSystemDirectoryHandle>) {}

  /** @throws DOMException NotFoundError, TypeMismatchError */
  async folder(path: string, create = false): Promise<FileSystemDirectoryHandle> {
    const known = this.folders.get(path);
    if (known) return known;
    const parts = partsOf(path);
    const name = parts.pop();
    const handle =
      name === undefined
        ? await this.open()
        : await (await this.folder(`/${parts.join('/')}`, create)).getDirectoryHandle(name, { create });
    this.folders.set(path, handle);
    return handle;
  }

  async file(path: string): Promise<FileSystemFileHandle> {
    const parts = partsOf(path);
    const name = parts.pop();
    // The root is a folder.
    if (name === undefined) throw new DOMException('a folder', 'TypeMismatchError');
    return (await this.folder(`/${parts.join('/')}`)).getFileHandle(name);
  }

  /** Folders at and below a path may be gone or others now. */
  forget(path: string): void {
    for (const known of this.folders.keys()) {
      if (known === path || known.startsWith(path === '/' ? '/' : `${path}/`)) this.folders.delete(known);
    }
  }

  /** Kept handles of folders that another context has replaced fail with "not found": then they are looked up anew. */
  async fresh<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error) || this.folders.size <= 1) throw error;
      this.forget('/');
      return work();
    }
  }

  async stat(path: string): Promise<DirectoryEntry | undefined> {
    const parts = partsOf(path);
    const name = parts.at(-1) ?? '';
    try {
      return await this.fresh(async () => {
        if (name === '') return folderEntry('', path);
        const folder = await this.folder(`/${parts.slice(0, -1).join('/')}`);
        try {
          return await fileEntry(name, path, await folder.getFileHandle(name));
        } catch (error) {
          if (!isOtherKind(error)) throw error;
          await folder.getDirectoryHandle(name);
          return folderEntry(name, path);
        }
      });
    } catch (error) {
      if (isMissing(error) || isOtherKind(error)) return undefined;
      throw error;
    }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const handles: (FileSystemFileHandle | FileSystemDirectoryHandle)[] = [];
    await this.fresh(async () => {
      handles.length = 0;
      const folder = await this.folder(path);
      for await (const handle of folder.values()) handles.push(handle);
    });
    const prefix = path === '/' ? '' : path;
    const entries = handles
      .filter(({ name }) => !name.endsWith(unfinished))
      .map((handle) =>
        handle.kind === 'directory'
          ? folderEntry(handle.name, `${prefix}/${handle.name}`)
          : fileEntry(handle.name, `${prefix}/${handle.name}`, handle),
      );
    // A file may be removed between the listing and the look at it.
    const settled = await Promise.all(
      entries.map((entry) =>
        Promise.resolve(entry).catch((error: unknown) => {
          if (isMissing(error)) return undefined;
          throw error;
        }),
      ),
    );
    return settled
      .filter((entry) => entry !== undefined)
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
}

function folderEntry(name: string, path: string): DirectoryEntry {
  return { name, path, isDirectory: true, size: 0, modified: 0 };
}

async function fileEntry(name: string, path: string, handle: FileSystemFileHandle): Promise<DirectoryEntry> {
  const { size, lastModified } = await handle.getFile();
  return { name, path, isDirectory: false, size, modified: lastModified };
}
