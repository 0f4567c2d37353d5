/**
 * A local folder as a volume. Paths are relative to the folder and can't leave it: `..`, absolute paths and
 * symbolic links that point outside are refused, because annotation files come from others and name files.
 * The folder itself may be a link.
 */
import { type DirectoryEntry, files } from '#platform';
import { DataError } from '../core/index.ts';
import type { ByteSource, Entry, Volume, WriteOptions } from './volume.ts';

export class LocalVolume implements Volume {
  readonly location: string;
  private realRoot: string | undefined;
  /** Folders, relative, that were seen to lie inside the root. */
  private readonly safeFolders = new Set<string>();

  /** @param location the folder, absolute or relative to the working folder; it need not exist yet. */
  constructor(location: string) {
    this.location = location;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    // A prefix may end within a name: what is before its last slash is the folder to look into.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.walk(normal(this.location, folder), prefix, new Set(), signal);
  }

  open(path: string): ByteSource {
    const place = () => this.inside(path);
    return {
      path,
      elsewhere: { place: this.location, path },
      async size() {
        const at = await place();
        const found = await files.stat(at);
        // Reading tells what is wrong in words; the size of what is missing has none.
        return found && !found.isDirectory ? found.size : (await files.read(at)).length;
      },
      read: async (range, signal) => {
        signal?.throwIfAborted();
        return this.read(path, range);
      },
    };
  }

  /**
   * Loaders read thousands of files of a few folders: a folder is resolved once, and a file that is no link
   * then lies where its folder does.
   */
  private async read(path: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    const relative = normal(this.location, path);
    const folder = relative.slice(0, Math.max(0, relative.lastIndexOf('/')));
    if (this.safeFolders.has(folder)) {
      try {
        return await files.read(`${this.location}/${relative}`, range, { links: 'refuse' });
      } catch (error) {
        if (!(error instanceof DataError) || error.code !== 'file_is_link') throw error;
      }
    }
    const bytes = await files.read(await this.inside(path), range);
    await this.inside(folder);
    this.safeFolders.add(folder);
    return bytes;
  }

  async write(path: string, bytes: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await files.write(await this.inside(path), bytes);
  }

  async remove(path: string): Promise<void> {
    const place = await this.inside(path);
    // As in an object store, where nothing has the name of a folder: who may remove files removes them one by one.
    if ((await files.stat(place))?.isDirectory) throw folderKept(this.location, path);
    await files.remove(place);
  }

  /** Folders are walked in the order of the paths below them, so that the whole listing ascends. */
  private async *walk(
    folder: string,
    prefix: string,
    above: ReadonlySet<string>,
    signal?: AbortSignal,
  ): AsyncIterable<Entry> {
    signal?.throwIfAborted();
    const place = await this.inside(folder);
    const real = (await files.realPath(place)) ?? place;
    if (above.has(real)) throw loop(this.location, folder);
    const within = new Set(above).add(real);
    const key = (entry: DirectoryEntry): string => entry.name + (entry.isDirectory ? '/' : '');
    const entries = await files.list(place);
    entries.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory) {
        // Whole folders that can't match the prefix are not walked.
        if (`${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`)) {
          yield* this.walk(path, prefix, within, signal);
        }
      } else if (path.startsWith(prefix)) {
        yield { path, size: entry.size, version: `${entry.size}-${Math.round(entry.modified)}` };
      }
    }
  }

  /** The file's place on this machine, once it is sure that it lies inside the root. */
  private async inside(path: string): Promise<string> {
    const relative = normal(this.location, path);
    const place = relative === '' ? this.location : `${this.location}/${relative}`;
    this.realRoot ??= await files.realPath(this.location);
    if (this.realRoot === undefined) return place;
    // What doesn't exist yet is judged by the part that does.
    for (let existing = place; existing.length > this.location.length; existing = parent(existing)) {
      const real = await files.realPath(existing);
      if (real === undefined) continue;
      if (real !== this.realRoot && !real.startsWith(asFolder(this.realRoot))) {
        throw escapes(this.location, path);
      }
      break;
    }
    return place;
  }
}

/** A relative path without `.` and empty parts. */
function normal(root: string, path: string): string {
  const parts = path.replaceAll('\\', '/').split('/');
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || parts.includes('..') || path.includes('\0')) {
    throw escapes(root, path);
  }
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function asFolder(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

function escapes(root: string, path: string): DataError {
  return new DataError({
    code: 'path_outside_root',
    expected: `a path that stays inside ${root}`,
    received: `${path}, which leads outside of it`,
    fix: 'name the file relative to that folder, without .. or links that lead outside',
  });
}

function folderKept(root: string, path: string): DataError {
  return new DataError({
    code: 'is_folder',
    expected: `a file to remove in ${root}`,
    received: `${path === '' ? 'the folder itself' : path}, a folder`,
    fix: 'name the files in it, one by one',
  });
}

function loop(root: string, folder: string): DataError {
  return new DataError({
    code: 'link_loop',
    expected: `folders below ${root} without circles`,
    received: `${folder} links to a folder above it`,
    fix: 'remove that symbolic link',
  });
}
