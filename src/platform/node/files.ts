/**
 * Files on this machine. Three promises that the rest of the house builds on:
 *
 * - A file that is written appears whole or not at all: the bytes go to a file beside it, are flushed to the
 *   disk (`fsync`) and take their name by `rename`, which POSIX makes atomic.
 * - A full disk is a `RunError` that names the path and what is left; the half-written file is gone.
 * - A missing file is a `DataError` that names the nearest folder that does exist: most are typing mistakes.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  appendFile,
  copyFile,
  link,
  lstat,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, RunError } from '../../core/index.ts';
import type { DirectoryEntry, Files } from '../types.ts';
import { makeFolder } from './make-folder.ts';

/** Half-written files carry this ending, so that listings leave them out and a later clean-up finds them. */
const unfinished = '.ocelli-unfinished';

export const files: Files = {
  async read(path, range, options) {
    return explained(path, 'read', async () => {
      const refuse = options?.links === 'refuse' ? constants.O_NOFOLLOW : 0;
      // A pipe without a writer would hold the open for ever; other files know no such waiting.
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | refuse);
      try {
        const found = await handle.stat();
        if (!found.isFile() && !found.isDirectory()) throw specialFile(path);
        const { size } = found;
        const { start, end } = range ?? { start: 0, end: size };
        if (start < 0 || end < start || end > size) throw rangeError(path, start, end, size);
        return await readExactly(handle, path, start, end - start);
      } finally {
        await handle.close();
      }
    });
  },

  async write(path, bytes, options) {
    const durable = options?.durable !== false;
    const beside = besideOf(path);
    await explained(path, 'write', async () => {
      await makeFolder(dirname(path));
      try {
        const handle = await open(beside, 'wx');
        try {
          await handle.writeFile(bytes);
          if (durable) await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(beside, path);
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
      if (durable) await flushFolder(dirname(path));
    });
  },

  async append(path, bytes) {
    await explained(path, 'append to', async () => {
      await makeFolder(dirname(path));
      await appendFile(path, bytes);
    });
  },

  async list(path) {
    return explained(path, 'list', async () => {
      const names = (await readdir(path)).filter((name) => !name.endsWith(unfinished)).sort();
      const entries = await Promise.all(names.map((name) => entryOf(join(path, name))));
      return entries.filter((entry) => entry !== undefined);
    });
  },

  async stat(path) {
    return explained(path, 'look at', () => entryOf(path));
  },

  async remove(path) {
    await explained(path, 'remove', () => rm(path, { recursive: true, force: true }));
  },

  async rename(from, to) {
    await explained(to, 'rename to', async () => {
      await makeFolder(dirname(to));
      const target = await entryOf(to);
      // A folder with content can't be replaced in one step: the old one steps aside first.
      const aside = target?.isDirectory ? `${to}.${randomBytes(4).toString('hex')}${unfinished}` : undefined;
      if (aside) await rename(to, aside);
      try {
        await rename(from, to);
      } catch (error) {
        if (aside) await rename(aside, to);
        throw error;
      }
      await flushFolder(dirname(to));
      if (aside) await rm(aside, { recursive: true, force: true });
    });
  },

  async copy(from, to) {
    const beside = besideOf(to);
    await explained(to, 'write', async () => {
      if (!(await entryOf(from))) throw await missing(from);
      await makeFolder(dirname(to));
      try {
        // Some file systems have no hard links.
        await link(from, beside).catch(() => copyFile(from, beside));
        await rename(beside, to);
        // `rename` leaves both names alone when they are one file already.
        await rm(beside, { force: true });
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
      await flushFolder(dirname(to));
    });
  },

  async makeDirectory(path) {
    await explained(path, 'make', () => makeFolder(path));
  },

  async realPath(path) {
    try {
      return await realpath(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw await explain(error, path, 'resolve');
    }
  },

  async freeBytes(path) {
    const folder = await nearestFolder(path);
    const space = await statfs(folder);
    return space.bavail * space.bsize;
  },
};

function besideOf(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}${unfinished}`;
}

/** The path that a `file:` URL means; any other text is returned as it is. */
export function localPath(place: string): string {
  return place.startsWith('file:') ? fileURLToPath(place) : place;
}

async function entryOf(path: string): Promise<DirectoryEntry | undefined> {
  try {
    const found = await stat(path);
    return {
      name: path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1),
      path,
      isDirectory: found.isDirectory(),
      size: found.size,
      modified: found.mtimeMs,
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    // A link that leads to itself is there, but nothing is behind it: reading it says so.
    if (codeOf(error) === 'ELOOP') return linkOf(path);
    throw error;
  }
}

async function linkOf(path: string): Promise<DirectoryEntry> {
  const { size, mtimeMs } = await lstat(path);
  return { name: basename(path), path, isDirectory: false, size, modified: mtimeMs };
}

async function readExactly(
  handle: Awaited<ReturnType<typeof open>>,
  path: string,
  start: number,
  length: number,
): Promise<Uint8Array> {
  // Not from Node's shared pool: the buffer is handed to other threads.
  const bytes = new Uint8Array(new ArrayBuffer(length));
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), start + done);
    if (bytesRead === 0) throw rangeError(path, start, start + length, start + done);
    done += bytesRead;
  }
  return bytes;
}

/** A renamed file survives a power cut only when its folder was flushed too; not every system can do that. */
async function flushFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isDiskFull(error)) throw error;
  }
}

async function explained<Result>(path: string, action: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw await explain(error, path, action);
  }
}

async function explain(error: unknown, path: string, action: string): Promise<unknown> {
  const code = codeOf(error);
  if (code === undefined) return error;
  if (isDiskFull(error)) {
    const free = await files.freeBytes(path).catch(() => undefined);
    return new RunError({
      code: 'disk_full',
      expected: `space on the disk to ${action} ${path}`,
      received: code === 'EDQUOT' ? 'a quota that is used up' : `${megabytes(free)} free`,
      fix: 'free some space, or choose another folder with --out; what was written before is intact',
      cause: error,
    });
  }
  // To write below a file, or where no folder can be made, is no question of a typing mistake.
  const makesFolder = error instanceof Error && 'syscall' in error && error.syscall === 'mkdir';
  if (isMissing(error) && !makesFolder && !(code === 'ENOTDIR' && action === 'write')) {
    return missing(path, error);
  }
  if (code === 'ELOOP') {
    return new DataError({
      code: 'file_is_link',
      expected: `to ${action} ${path} itself`,
      received: 'a symbolic link, or a circle of them',
      fix: 'replace the link by what it leads to',
      cause: error,
    });
  }
  const reason: Readonly<Record<string, string>> = {
    ENOENT: 'a file system that takes no new folders',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'a file system that is read-only',
    EISDIR: 'a folder where a file should be',
    EEXIST: 'a file where a folder should be',
    ENOTDIR: 'a file where a folder should be',
    EIO: 'an error of the disk',
    EMFILE: 'too many open files',
  };
  const Class = action === 'read' || action === 'list' || action === 'look at' ? DataError : RunError;
  return new Class({
    code: 'file_inaccessible',
    expected: `to ${action} ${path}`,
    received: `${reason[code] ?? 'an error of the file system'} (${code})`,
    fix: makesFolder ? 'choose another folder' : 'check the path, its permissions and the disk',
    cause: error,
  });
}

async function missing(path: string, cause?: unknown): Promise<DataError> {
  // What is listed may be a file.
  const isFile = codeOf(cause) === 'ENOTDIR' && (await stat(path).catch(() => undefined)) !== undefined;
  return new DataError({
    code: 'file_missing',
    expected: `a ${isFile ? '' : 'file or '}folder at ${path}`,
    received: isFile
      ? 'a file'
      : `nothing there; the nearest folder that exists is ${await nearestFolder(path)}`,
    fix: 'correct the path, or put the file there',
    cause,
  });
}

async function nearestFolder(path: string): Promise<string> {
  let folder = resolve(path);
  for (;;) {
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return folder;
    const parent = dirname(folder);
    if (parent === folder) return folder;
    folder = parent;
  }
}

function specialFile(path: string): DataError {
  return new DataError({
    code: 'file_special',
    expected: `a file at ${path}`,
    received: 'a pipe, a socket or a device',
    fix: 'put a file there',
  });
}

function rangeError(path: string, start: number, end: number, size: number): DataError {
  return new DataError({
    code: 'range_outside_file',
    expected: `bytes ${start} to ${end} of ${path}`,
    received: `a file of ${size} bytes`,
    fix: 'the file is shorter than it says: fetch or write it again',
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? 'an unknown number of bytes' : `${(bytes / 1e6).toFixed(1)} MB`;
}
