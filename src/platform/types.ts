/**
 * The seam between browser and Node: what both must offer. Nothing outside this room asks where it runs.
 * `#platform` resolves to `node/` or `browser/` by the package's import conditions.
 */
import type { Raster } from '../core/index.ts';

export interface DirectoryEntry {
  readonly name: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** Files of this machine (Node) or of this origin (browser, OPFS). Paths are absolute or relative to the working folder. */
export interface Files {
  read(path: string, range?: { start: number; end: number }): Promise<Uint8Array>;
  /** Written beside and renamed: the file appears whole or not at all. Folders are made. */
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  append(path: string, text: string): Promise<void>;
  list(path: string): Promise<DirectoryEntry[]>;
  stat(path: string): Promise<DirectoryEntry | undefined>;
  remove(path: string): Promise<void>;
  /** Atomic where the system can; replaces a folder of that name. */
  rename(from: string, to: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
}

/** A picture's bytes to 8-bit RGB: EXIF orientation applied, grey repeated, alpha dropped. */
export type DecodeImage = (bytes: Uint8Array) => Promise<Raster>;

/** RGB to a file's bytes. */
export type EncodeImage = (image: Raster, format: 'png' | 'jpeg' | 'webp') => Promise<Uint8Array>;
