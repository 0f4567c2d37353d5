/** A folder tree over a flat list of files: what a zip archive, a file list and an `index.json` have in common. */
import type { DirectoryEntry } from '../../types.ts';
import { nameOf, normalPath } from './paths.ts';
import type { MountedTree, ReadableEntry } from './tree.ts';

export interface IndexedFile extends ReadableEntry {
  readonly modified: number;
}

/** Litter that systems leave in archives and folders. */
const litter = /(^|\/)(__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini)(\/|$)/;

/** By normal path; names that lead out of the folder, and litter, are left out. */
export function indexOf(files: Iterable<readonly [string, IndexedFile]>): Map<string, IndexedFile> {
  const index = new Map<string, IndexedFile>();
  for (const [path, file] of files) {
    const plain = path.replaceAll('\\', '/');
    if (plain.split('/').includes('..') || litter.test(plain)) continue;
    index.set(normalPath(plain), file);
  }
  return index;
}

export class IndexTree implements MountedTree {
  /** Names in each folder; a folder is there because files are in it. */
  private readonly folders = new Map<string, Set<string>>([['/', new Set()]]);

  constructor(private readonly files: ReadonlyMap<string, IndexedFile>) {
    for (const path of files.keys()) {
      for (let at = path; at !== '/'; ) {
        const folder = at.slice(0, at.lastIndexOf('/')) || '/';
        const names = this.folders.get(folder) ?? new Set();
        this.folders.set(folder, names.add(nameOf(at)));
        at = folder;
      }
    }
  }

  async stat(path: string): Promise<DirectoryEntry | undefined> {
    const file = this.files.get(path);
    if (file) return entryOf(path, file);
    return this.folders.has(path) ? entryOf(path) : undefined;
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const names = this.folders.get(path);
    if (!names) {
      throw new DOMException(path, this.files.has(path) ? 'TypeMismatchError' : 'NotFoundError');
    }
    return [...names].sort().map((name) => {
      const inside = path === '/' ? `/${name}` : `${path}/${name}`;
      return entryOf(inside, this.files.get(inside));
    });
  }

  async open(path: string): Promise<IndexedFile> {
    const file = this.files.get(path);
    if (!file) throw new DOMException(path, this.folders.has(path) ? 'TypeMismatchError' : 'NotFoundError');
    return file;
  }
}

function entryOf(path: string, file?: IndexedFile): DirectoryEntry {
  return {
    name: nameOf(path),
    path,
    isDirectory: file === undefined,
    size: file?.size ?? 0,
    modified: file?.modified ?? 0,
  };
}
