/**
 * Putting bytes into an OPFS file. A dedicated worker has synchronous access handles, which write in place and
 * flush to the disk; the page itself and shared workers have only writable streams, which copy the file first.
 */

/** `move` is in every browser that has WebGPU, and not yet in TypeScript's library. */
interface MovableHandle {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/** In one step; replaces a file of that name. */
export function moveFile(
  handle: FileSystemFileHandle,
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<void> {
  return (handle as FileSystemFileHandle & MovableHandle).move(folder, name);
}

/** What dedicated workers have; TypeScript knows it in its library for workers only. */
interface SyncAccess {
  write(buffer: Uint8Array, options?: { readonly at: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface SyncHandle {
  createSyncAccessHandle(): Promise<SyncAccess>;
}

function isSync(handle: object): handle is SyncHandle {
  return 'createSyncAccessHandle' in handle;
}

const chunk = 16 * 2 ** 20;

/** Replaces what is in the file. */
export async function putBytes(handle: FileSystemFileHandle, data: Uint8Array | Blob): Promise<void> {
  if (!isSync(handle)) return stream(handle, data, false);
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    if (data instanceof Blob) {
      for (let at = 0; at < data.size; at += chunk) {
        writeAll(access, new Uint8Array(await data.slice(at, at + chunk).arrayBuffer()), at);
      }
    } else {
      writeAll(access, data, 0);
    }
    access.flush();
  } finally {
    access.close();
  }
  await expectSize(handle, data instanceof Blob ? data.size : data.byteLength);
}

/** Replaces what is in the file by bytes that come in pieces. */
export async function putPieces(
  handle: FileSystemFileHandle,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  let at = 0;
  if (isSync(handle)) {
    const access = await handle.createSyncAccessHandle();
    try {
      access.truncate(0);
      for await (const piece of pieces) {
        writeAll(access, piece, at);
        at += piece.byteLength;
      }
      access.flush();
    } finally {
      access.close();
    }
  } else {
    const writable = await handle.createWritable();
    try {
      for await (const piece of pieces) {
        await writable.write(piece as Uint8Array<ArrayBuffer>);
        at += piece.byteLength;
      }
      await writable.close();
    } catch (error) {
      await writable.abort().catch(() => undefined);
      throw error;
    }
  }
  await expectSize(handle, at);
}

/** Adds to the end of the file. */
export async function appendBytes(handle: FileSystemFileHandle, data: Uint8Array): Promise<void> {
  if (!isSync(handle)) return stream(handle, data, true);
  const access = await handle.createSyncAccessHandle();
  const end = access.getSize();
  try {
    try {
      writeAll(access, data, end);
    } catch (error) {
      // Not half a line.
      access.truncate(end);
      throw error;
    }
    access.flush();
  } finally {
    access.close();
  }
  try {
    await expectSize(handle, end + data.byteLength);
  } catch (error) {
    const again = await handle.createSyncAccessHandle();
    again.truncate(end);
    again.close();
    throw error;
  }
}

/** In private windows Chromium reports bytes as written that its quota did not take. */
async function expectSize(handle: FileSystemFileHandle, size: number): Promise<void> {
  const found = (await handle.getFile()).size;
  if (found !== size) throw new DOMException(`${found} of ${size} bytes were kept`, 'QuotaExceededError');
}

/** A full disk takes a part and says so by its count alone. */
function writeAll(access: SyncAccess, data: Uint8Array, at: number): void {
  const written = access.write(data, { at });
  if (written < data.byteLength) {
    throw new DOMException(`${written} of ${data.byteLength} bytes were written`, 'QuotaExceededError');
  }
}

async function stream(handle: FileSystemFileHandle, data: Uint8Array | Blob, append: boolean): Promise<void> {
  const writable = await handle.createWritable({ keepExistingData: append });
  try {
    if (append) await writable.seek((await handle.getFile()).size);
    await writable.write(data as Blob | Uint8Array<ArrayBuffer>);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => undefined);
    throw error;
  }
}
