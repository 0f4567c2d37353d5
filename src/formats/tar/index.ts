/**
 * Tar archives (POSIX ustar): headers of 512 bytes, contents filled up to the same, two empty blocks at the end.
 * Enough for archives of plain files, and the same bytes for the same files: no times, no owners.
 */
import { DataError } from '../../core/index.ts';

const block = 512;

export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Where a file's content lies in an archive. */
export interface TarPlace {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** An archive that grows file by file. */
export class TarWriter {
  readonly places: TarPlace[] = [];
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  /** Bytes of the archive if it ended now. */
  get size(): number {
    return this.length + 2 * block;
  }

  add({ name, content }: TarFile): void {
    this.put(header(name, content.length));
    this.places.push({ name, start: this.length, end: this.length + content.length });
    this.put(content);
    this.put(new Uint8Array(-content.length & (block - 1)));
  }

  finish(): Uint8Array {
    const archive = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.parts) {
      archive.set(part, at);
      at += part.length;
    }
    return archive;
  }

  private put(part: Uint8Array): void {
    this.parts.push(part);
    this.length += part.length;
  }
}

/** The files of an archive, by their headers. */
export function listTar(archive: Uint8Array): TarPlace[] {
  const places: TarPlace[] = [];
  let at = 0;
  while (at + block <= archive.length) {
    const head = archive.subarray(at, at + block);
    if (head.every((byte) => byte === 0)) return places;
    if (octal(head, 148, 8) !== checksum(head))
      throw broken(`a header at byte ${at} whose checksum is wrong`);
    const start = at + block;
    const size = octal(head, 124, 12);
    if (start + size > archive.length) throw broken('an archive that is cut off');
    const kind = head[156];
    if (kind === 0 || kind === 0x30) places.push({ name: text(head, 0, 100), start, end: start + size });
    at = start + Math.ceil(size / block) * block;
  }
  throw broken('an archive without its end');
}

function header(name: string, size: number): Uint8Array {
  const head = new Uint8Array(block);
  const put = (value: string, at: number): void => head.set(new TextEncoder().encode(value), at);
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > 100 || size >= 8 ** 11) {
    throw new DataError({
      code: 'tar_entry_too_large',
      expected: 'file names up to 100 bytes and files below 8 GiB in a tar archive',
      received: `${name} of ${size} bytes`,
      fix: 'shorten the name, or leave the file out',
    });
  }
  head.set(bytes);
  put('0000644\0', 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  put(`${size.toString(8).padStart(11, '0')}\0`, 124);
  put(`${'0'.repeat(11)}\0`, 136);
  put('0', 156);
  put('ustar\0', 257);
  put('00', 263);
  put(`${checksum(head).toString(8).padStart(6, '0')}\0 `, 148);
  return head;
}

/** The sum of the bytes, those of the checksum itself taken as spaces. */
function checksum(head: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 0x20 : head[i]!;
  return sum;
}

function text(head: Uint8Array, start: number, length: number): string {
  const field = head.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** A number of a header. A minus sign, which `parseInt` would take, could lead back to a file that was read. */
function octal(head: Uint8Array, start: number, length: number): number {
  const digits = text(head, start, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw broken(`a header with "${digits}" for a number`);
  return Number.parseInt(digits || '0', 8);
}

function broken(received: string): DataError {
  return new DataError({
    code: 'tar_invalid',
    expected: 'a tar archive',
    received,
    fix: 'write or fetch the archive again',
  });
}
