/** What a mounted place is to those who read it. */
import type { DirectoryEntry } from '../../types.ts';

/** A tree to read from. Paths begin with `/`, which is the mount itself. */
export interface MountedTree {
  stat(path: string): Promise<DirectoryEntry | undefined>;
  list(path: string): Promise<DirectoryEntry[]>;
  /** Size, and bytes on demand. */
  open(
    path: string,
  ): Promise<{ readonly size: number; read(start: number, end: number): Promise<Uint8Array> }>;
}
