/**
 * Places beside the browser's own disk, for reading: a folder that was picked or dropped, a list of files, a zip
 * archive, a folder behind HTTP. Each appears in the file tree below `/picked/<name>`, so that a recipe names it
 * like any other path. A source is plain data for `postMessage`: the page sends it to the worker, and the worker
 * to its threads.
 */
import type { DirectoryEntry } from '../../types.ts';
import { HandleTree } from './handles.ts';
import { type IndexedFile, IndexTree, indexOf } from './index-tree.ts';
import { normalPath } from './paths.ts';
import type { MountedTree } from './tree.ts';

export type MountSource =
  /** A folder of this machine that the user gave a handle of (File System Access). */
  | { readonly kind: 'folder'; readonly handle: FileSystemDirectoryHandle }
  /** Files with their paths, as a folder input or a drop gives them. */
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly file: File }[] }
  | {
      readonly kind: 'zip';
      readonly name: string;
      readonly archive: Blob;
      /** The folder in the archive that is meant; left out: all of it. */
      readonly below?: string | undefined;
    }
  /** Files behind a web server, with what its `index.json` says. */
  | { readonly kind: 'http'; readonly base: string; readonly entries: readonly HttpEntry[] };

export interface HttpEntry {
  readonly path: string;
  readonly size: number;
  readonly etag?: string | undefined;
}

const mounts = new Map<string, { readonly source: MountSource; tree: Promise<MountedTree> | undefined }>();
const listeners = new Set<(change: MountChange) => void>();

/** What threads are told; `source` is missing where a mount went away. */
export interface MountChange {
  readonly path: string;
  readonly source?: MountSource | undefined;
}

/** Makes a source readable at a path. An archive that is none is refused here. */
export async function mount(path: string, source: MountSource): Promise<void> {
  const normal = normalPath(path);
  const entry = { source, tree: openSource(source) };
  await entry.tree;
  mounts.set(normal, entry);
  for (const listener of listeners) listener({ path: normal, source });
}

export function unmount(path: string): void {
  const normal = normalPath(path);
  if (!mounts.delete(normal)) return;
  for (const listener of listeners) listener({ path: normal });
}

/** What is mounted now. */
export function mounted(): MountChange[] {
  return [...mounts].map(([path, { source }]) => ({ path, source }));
}

/** Tells every change from now on; returns how to stop. */
export function onMountChange(listener: (change: MountChange) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** In a thread: does as its owner did. The archive is looked into when the first file is read. */
export function applyMountChange({ path, source }: MountChange): void {
  if (source) mounts.set(path, { source, tree: undefined });
  else mounts.delete(path);
}

/** The mount that a path lies in, and the path in it; undefined for the browser's own disk. */
export async function findMount(
  path: string,
): Promise<{ readonly at: string; readonly tree: MountedTree; readonly path: string } | undefined> {
  for (const [at, entry] of mounts) {
    if (path !== at && !path.startsWith(`${at}/`)) continue;
    entry.tree ??= openSource(entry.source);
    return { at, tree: await entry.tree, path: path.slice(at.length) || '/' };
  }
  return undefined;
}

/** Mounts and the folders that lead to them, as a listing of `path` shows them. */
export function mountsBelow(path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const names = new Set<string>();
  for (const at of mounts.keys()) {
    if (at.startsWith(prefix)) names.add(at.slice(prefix.length).split('/')[0]!);
  }
  return [...names].sort();
}

/** A source as a tree, without a place in the file tree: for looking into it. */
export async function openSource(source: MountSource): Promise<MountedTree> {
  switch (source.kind) {
    case 'folder':
      return openFolder(source.handle);
    case 'files':
      return new IndexTree(indexOf(source.files.map(({ path, file }) => [path, ofBlob(file)] as const)));
    case 'zip': {
      // Loaded where an archive is opened: pages name it alone.
      const { openZip } = await import('./zip.ts');
      const tree = await openZip(source.name, source.archive);
      return source.below === undefined ? tree : treeBelow(tree, source.below);
    }
    case 'http':
      return new IndexTree(indexOf(source.entries.map((entry) => [entry.path, ofUrl(source.base, entry)])));
  }
}

/** A folder of a tree as a tree of its own. */
function treeBelow(tree: MountedTree, folder: string): MountedTree {
  const root = normalPath(folder);
  const inner = (path: string): string => normalPath(root + path);
  const seen = (entry: DirectoryEntry): DirectoryEntry => ({
    ...entry,
    path: entry.path.slice(root.length) || '/',
  });
  return {
    async stat(path) {
      const entry = await tree.stat(inner(path));
      return entry && seen(entry);
    },
    list: async (path) => (await tree.list(inner(path))).map(seen),
    open: (path) => tree.open(inner(path)),
  };
}

function openFolder(handle: FileSystemDirectoryHandle): MountedTree {
  const tree = new HandleTree(async () => handle);
  return {
    stat: (path) => tree.stat(path),
    list: (path) => tree.list(path),
    async open(path) {
      const file = await tree.fresh(async () => (await tree.file(path)).getFile());
      return ofBlob(file);
    },
  };
}

function ofBlob(file: Blob): IndexedFile {
  return {
    size: file.size,
    modified: file instanceof File ? file.lastModified : 0,
    read: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
  };
}

function ofUrl(base: string, { path, size }: HttpEntry): IndexedFile {
  const url = new URL(
    path.split('/').map(encodeURIComponent).join('/'),
    base.endsWith('/') ? base : `${base}/`,
  );
  return {
    size,
    modified: 0,
    async read(start, end) {
      const whole = start === 0 && end === size;
      if (start === end) return new Uint8Array();
      const response = await fetch(url, whole ? {} : { headers: { Range: `bytes=${start}-${end - 1}` } });
      if (!response.ok) throw new DOMException(`${url.pathname}: status ${response.status}`, 'NotFoundError');
      const bytes = new Uint8Array(await response.arrayBuffer());
      // A server without ranges answers 200 with everything.
      return !whole && response.status === 200 ? bytes.slice(start, end) : bytes;
    },
  };
}
