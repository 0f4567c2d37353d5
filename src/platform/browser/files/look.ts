/** A look at the disk that needs no file tree: pages load this alone. */

/** Whether a folder of the browser's disk has anything in it. */
export async function hasEntries(path: string): Promise<boolean> {
  try {
    let folder = await navigator.storage.getDirectory();
    for (const part of path.split('/').filter(Boolean)) folder = await folder.getDirectoryHandle(part);
    return !(await folder.keys().next()).done;
  } catch {
    // Not there, or a disk that the browser keeps closed.
    return false;
  }
}
