/** What a mounted place is to those who read it. */
import type { DirectoryEntry } from '../../types.ts';

/** A tree to read from. Paths begin with `/`, which is the mount itself. */
export interface MountedTree {
  stat(path: string): Promise<DirectoryEntry | undefined>;
  list(path: string): Promise<DirectoryEntry[]>;
  /** Size, and bytes on demand. */
  open(path: string): Promise<ReadableEntry>;
}

export interface ReadableEntry {
  readonly size: number;
  read(start: number, end: number): Promise<Uint8Array>;
  /** The whole in pieces, where that is better than ranges: a packed file would be unpacked for each of them. */
  pieces?(): AsyncIterable<Uint8Array>;
}

const pieceSize = 8 * 2 ** 20;

/** A file from its start to its end, in pieces that fit into any memory. */
export async function* piecesOf(entry: ReadableEntry): AsyncIterable<Uint8Array> {
  if (entry.pieces) {
    yield* entry.pieces();
    return;
  }
  for (let at = 0; at < entry.size; at += pieceSize) {
    yield await entry.read(at, Math.min(entry.size, at + pieceSize));
  }
}
