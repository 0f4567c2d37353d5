/**
 * What a user picks or drops, as sources that the worker can read: folders by File System Access where the browser
 * has it, else lists of files; zip archives stay one file and are read where they lie.
 */
import { ConfigError, RemoteError } from '../core/index.ts';
import type { HttpEntry, MountSource } from '../platform/browser/index.ts';
import type { Places } from './protocol.ts';

/** A source with the name that it should get: mount it at `/picked/<name>`. */
export interface Picked {
  readonly name: string;
  readonly source: MountSource;
}

export const mountPath = (name: string): string => `/picked/${name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')}`;

/** One folder, one archive, or loose files of a file input (with `webkitdirectory` for a folder). */
export function pickedFiles(list: Iterable<File>): Picked {
  const files = [...list];
  const [first] = files;
  if (!first) throw nothingPicked();
  if (files.length === 1 && isZip(first)) {
    return {
      name: first.name.replace(/\.zip$/i, ''),
      source: { kind: 'zip', name: first.name, archive: first },
    };
  }
  const root = first.webkitRelativePath.split('/')[0] ?? '';
  const inRoot = root !== '' && files.every((file) => file.webkitRelativePath.startsWith(`${root}/`));
  return {
    name: inRoot ? root : 'files',
    source: {
      kind: 'files',
      files: files.map((file) => ({
        path: inRoot ? file.webkitRelativePath.slice(root.length + 1) : file.webkitRelativePath || file.name,
        file,
      })),
    },
  };
}

/** A folder that the user chooses; undefined where the browser can't ask (Firefox, Safari): use a file input. */
export async function pickFolder(): Promise<Picked | undefined> {
  const picker = (
    window as unknown as {
      showDirectoryPicker?(options: { mode: 'read' }): Promise<FileSystemDirectoryHandle>;
    }
  ).showDirectoryPicker;
  if (!picker) return undefined;
  const handle = await picker.call(window, { mode: 'read' });
  return { name: handle.name, source: { kind: 'folder', handle } };
}

/** What was dropped. Must be called in the drop's own event: the items are gone after it. */
export async function dropped(data: DataTransfer): Promise<Picked> {
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry());
  const loose = items.map((item) => item.getAsFile()).filter((file) => file !== null);
  const handles = await Promise.all(items.map(handleOf));
  const [handle] = handles;
  if (handles.length === 1 && handle?.kind === 'directory') {
    return { name: handle.name, source: { kind: 'folder', handle: handle as FileSystemDirectoryHandle } };
  }
  const folders = entries.filter((entry) => entry?.isDirectory === true);
  if (folders.length === 0) return pickedFiles(loose);
  const files = (await Promise.all(entries.map((entry) => (entry ? filesBelow(entry) : [])))).flat();
  const only = entries.length === 1 ? entries[0]! : undefined;
  const strip = only ? only.name.length + 1 : 0;
  return {
    name: only?.name ?? 'files',
    source: { kind: 'files', files: files.map(({ path, file }) => ({ path: path.slice(strip), file })) },
  };
}

/** A folder behind HTTP that lists itself: `index.json` with `[{"path","size","etag"}]`. */
export async function httpFolder(base: string): Promise<Picked> {
  const root = base.endsWith('/') ? base : `${base}/`;
  const response = await fetch(new URL('index.json', root)).catch((cause: unknown) => {
    throw new RemoteError({
      code: 'download_failed',
      expected: `a list of files at ${root}index.json`,
      received: 'no answer that this page may read',
      fix: 'check the connection and the address; its server must allow other pages to read it (CORS)',
      cause,
    });
  });
  const entries: unknown = response.ok ? await response.json().catch(() => undefined) : undefined;
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw new ConfigError({
      code: 'http_index_missing',
      expected: `a list of files at ${root}index.json: [{"path","size"}]`,
      received: response.ok ? 'something else' : `status ${response.status}`,
      fix: 'add that file beside the data, or choose a zip archive',
    });
  }
  return {
    name: root.split('/').at(-2) ?? 'http',
    source: { kind: 'http', base: root, entries },
  };
}

/** Asks again for folders whose permission ended with the last session; only after a click or a key. */
export async function grantPlaces(places: Places | undefined): Promise<void> {
  for (const [path, source] of Object.entries(places ?? {})) {
    if (source.kind !== 'folder') continue;
    const handle = source.handle as FileSystemDirectoryHandle & Permissions;
    // The browser's own disk needs no permission and has no such method.
    if (!handle.queryPermission || (await handle.queryPermission({ mode: 'read' })) === 'granted') continue;
    if ((await handle.requestPermission?.({ mode: 'read' })) === 'granted') continue;
    throw new ConfigError({
      code: 'folder_permission',
      expected: `permission to read ${handle.name} (${path}) again`,
      received: 'none',
      fix: 'allow it when the browser asks, or pick the folder again',
    });
  }
}

interface Permissions {
  queryPermission?(options: { mode: 'read' }): Promise<PermissionState>;
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
}

async function handleOf(item: DataTransferItem): Promise<FileSystemHandle | null> {
  const ask = (item as DataTransferItem & { getAsFileSystemHandle?(): Promise<FileSystemHandle | null> })
    .getAsFileSystemHandle;
  return ask ? ask.call(item).catch(() => null) : null;
}

async function filesBelow(entry: FileSystemEntry): Promise<{ path: string; file: File }[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  // A reader gives a hundred entries at a time.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(filesBelow))).flat();
}

function isZip(file: File): boolean {
  return /\.zip$/i.test(file.name) || file.type === 'application/zip';
}

function isEntry(value: unknown): value is HttpEntry {
  const entry = value as Partial<HttpEntry> | null;
  return typeof entry?.path === 'string' && typeof entry.size === 'number';
}

function nothingPicked(): ConfigError {
  return new ConfigError({
    code: 'nothing_picked',
    expected: 'a folder, a zip archive or files',
    received: 'nothing',
    fix: 'choose or drop one',
  });
}
