/**
 * Zip archives as folders, by zip.js: the directory at the archive's end is read once, and each file where it
 * lies, so that an archive of many gigabytes costs the memory of one picture. Data sets come as one archive; the
 * files in it are small and stored or deflated.
 */
import { BlobReader, type Entry, type FileEntry, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
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
    throw unreadable(name, error);
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
  };
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

function tooLarge(archive: string, entry: FileEntry): DataError {
  return new DataError({
    code: 'zip_file_too_large',
    expected: `files of at most ${largestFile / 2 ** 30} GiB in ${archive}, none of them packed to less than 1/${suspiciousRatio}`,
    received: `${entry.filename} with ${entry.uncompressedSize} bytes, packed to ${entry.compressedSize}`,
    fix: 'leave that file out, or unpack the archive and choose the folder',
  });
}
