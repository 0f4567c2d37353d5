/**
 * Folders, with those above them. Not by `mkdir(path, { recursive: true })`: below a file system that answers
 * "no such folder" to every new one (`/proc`), Node 20 asks for the parent and the folder in turn and never
 * comes back. Here each folder is asked for once, from the nearest one that exists downwards.
 */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Throws what the file system says: EACCES, EEXIST where a file stands, ENOENT where it takes no folders. */
export async function makeFolder(path: string): Promise<void> {
  const wanted: string[] = [];
  for (let folder = resolve(path); !(await isFolder(folder)); folder = dirname(folder))
    wanted.unshift(folder);
  for (const folder of wanted) {
    try {
      await mkdir(folder);
    } catch (error) {
      // Another process may have made it in between.
      if (!(await isFolder(folder))) throw error;
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    // What cannot be looked at is not asked for its parents: the reason is told where it lies.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}
