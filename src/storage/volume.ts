/**
 * Where bytes live. A `Volume` is a tree of files that may be far away; signed URLs, retries and caches are
 * hidden behind it. Local folders are one kind; Unity Catalog, S3, Azure and HTTPS implement the same.
 */

/** Bytes that may be far away. */
export interface ByteSource {
  readonly path: string;
  /** In bytes. */
  size(signal?: AbortSignal): Promise<number>;
  /** The whole, or `[start, end)`, as bytes of the caller's own. A range past the end is an error. */
  read(range?: { start: number; end: number }, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Where another thread finds the same bytes by itself, as plain data: a place and a path below it. Missing
   * where it can't: tokens and connections stay with their owner.
   */
  readonly elsewhere?: Elsewhere | undefined;
  /** The same past what is kept of it here: to find out whether it can still be had. Missing where nothing is kept. */
  readonly fresh?: ByteSource | undefined;
}

export interface Elsewhere {
  readonly place: string;
  readonly path: string;
  /** A part of the file; left out: the whole. */
  readonly range?: { readonly start: number; readonly end: number };
}

export interface Entry {
  /** Relative to the volume's root, with `/`. */
  readonly path: string;
  readonly size: number;
  /** Changes when the content does: ETag, or size and time of modification. */
  readonly version: string;
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
  readonly contentType?: string;
}

/**
 * An address that reads one file without any other right, until it expires. It is a secret: it goes into no log,
 * error, event or file.
 */
export interface SignedUrl {
  readonly url: string;
  /** To be sent exactly so, beside a `Range`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface Volume {
  /** The place as the user wrote it, for messages; never with a token. */
  readonly location: string;
  /** Files below a prefix, recursively, in ascending order of their paths (by code points). */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry>;
  /** Whether any file lies below a prefix, by one request; missing where listing tells it as soon. */
  some?(prefix: string, signal?: AbortSignal): Promise<boolean>;
  open(path: string): ByteSource;
  /** An address for a file's bytes, where the storage behind has such: for those who may not hold its keys. */
  sign?(path: string, signal?: AbortSignal): Promise<SignedUrl>;
  write(path: string, bytes: Uint8Array | string, options?: WriteOptions): Promise<void>;
  /** One file. What is not there is removed already; a folder with files in it is never removed. */
  remove(path: string): Promise<void>;
}

/** Whether any file lies below a prefix. */
export async function hasFiles(volume: Volume, prefix: string, signal?: AbortSignal): Promise<boolean> {
  if (volume.some) return volume.some(prefix, signal);
  for await (const _ of volume.list(prefix, signal)) return true;
  return false;
}
