/**
 * Zip archives as folders, by zip.js: the directory at the archive's end is read once, and each file where it
 * lies, so that an archive of many gigabytes costs the memory of one picture. Data sets come as one archive; the
 * files in it are small and stored or deflated.
 */
import {
  BlobReader,
  type Entry,
  ERR_UNSAFE_FILENAME,
  type FileEntry,
  Uint8ArrayWriter,
  ZipReader,
} from '@zip.js/zip.js';
import { DataError } from '../../../core/index.ts';
import { type IndexedFile, IndexTree, indexOf } from './index-tree.ts';

/** What a single file may unpack to. */
const largestFile = 2 ** 31;
/** Above this size, what unpacks to so many times its packed bytes is no data: it would only fill the memory. */
const suspiciousSize = 2 ** 26;
const suspiciousRatio = 200;

export async function openZip(name: string, archive: Blob): Promise<IndexTree> {
  const reader = new ZipReader(new BlobReader(archive), { useWebWorkers: false });
  let entries: Entry[];
  try {
    entries = await reader.getEntries();
  } catch (error) {
    throw leadsOut(name, error) ?? unreadable(name, error);
  }
  const files = entries.filter((entry): entry is FileEntry => !entry.directory);
  const locked = files.find((entry) => entry.encrypted);
  if (locked) {
    throw new DataError({
      code: 'zip_encrypted',
      expected: `an archive without a password (${name})`,
      received: `${locked.filename}, which is encrypted`,
      fix: 'pack the files again without a password, or unpack them and choose the folder',
    });
  }
  return new IndexTree(indexOf(files.map((entry) => [entry.filename, fileOf(name, entry)] as const)));
}

function fileOf(archive: string, entry: FileEntry): IndexedFile {
  // A reader of picture headers asks for the start of a file, and then for more of it.
  let last: WeakRef<Uint8Array> | undefined;
  const whole = async (): Promise<Uint8Array> => {
    const kept = last?.deref();
    if (kept) return kept;
    const { uncompressedSize: size, compressedSize: packed } = entry;
    const suspicious = size > suspiciousSize && size > suspiciousRatio * packed;
    if (size > largestFile || suspicious) throw tooLarge(archive, entry);
    let bytes: Uint8Array;
    try {
      bytes = await entry.getData(new Uint8ArrayWriter(), { useWebWorkers: false, checkSignature: true });
    } catch (error) {
      throw unreadable(`${archive}: ${entry.filename}`, error);
    }
    last = new WeakRef(bytes);
    return bytes;
  };
  return {
    size: entry.uncompressedSize,
    modified: entry.lastModDate.getTime(),
    // Always a copy: the bytes go to threads, and what was kept must stay.
    read: async (start, end) => (await whole()).slice(start, end),
    pieces: () => unpacked(archive, entry),
  };
}

/** Piece by piece, so that its size does not matter; never more than the archive says, and not less. */
async function* unpacked(archive: string, entry: FileEntry): AsyncIterable<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const done = entry.getData(writable, { useWebWorkers: false, checkSignature: true });
  // Told below, to whoever reads.
  done.catch(() => undefined);
  const reader = readable.getReader();
  let size = 0;
  try {
    for (;;) {
      const { done: end, value } = await reader.read();
      if (end) break;
      size += value.byteLength;
      if (size > entry.uncompressedSize) throw new Error('it unpacks to more than it says');
      yield value;
    }
    await done;
    if (size < entry.uncompressedSize) throw new Error('it unpacks to less than it says');
  } catch (error) {
    throw unreadable(`${archive}: ${entry.filename}`, error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function unreadable(name: string, cause: unknown): DataError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DataError({
    code: 'zip_unreadable',
    expected: `a zip archive that is whole (${name})`,
    received: reason,
    fix: 'pack or download it again; other kinds of archives must be unpacked first',
    cause,
  });
}

/** Names like `../../x`, which zip.js refuses. */
function leadsOut(name: string, cause: unknown): DataError | undefined {
  if (!(cause instanceof Error) || cause.message !== ERR_UNSAFE_FILENAME) return undefined;
  const { filename } = cause as Error & { readonly filename?: string };
  return new DataError({
    code: 'zip_leads_out',
    expected: `an archive whose files lie in its own folders (${name})`,
    received: `${JSON.stringify(filename?.slice(0, 80) ?? 'a name')}, which leads out of them`,
    fix: 'do not trust this archive: get its content from where it was made',
    cause,
  });
}

function tooLarge(archive: string, entry: FileEntry): DataError {
  return new DataError({
    code: 'zip_file_too_large',
    expected: `files of at most ${largestFile / 2 ** 30} GiB in ${archive}, none of them packed to less than 1/${suspiciousRatio}`,
    received: `${entry.filename} with ${entry.uncompressedSize} bytes, packed to ${entry.compressedSize}`,
    fix: 'leave that file out, or unpack the archive and choose the folder',
  });
}
