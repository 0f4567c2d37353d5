/**
 * A folder on a web server, read only. Web servers don't list folders, so an `index.json` in the folder does:
 * `[{"path","size","etag"}]`, paths relative to where it lies. `ocelli`'s own commands need it only where they
 * list (folders of pictures); files that something names are fetched without.
 */
import { ConfigError, DataError } from '../../core/index.ts';
import { type Http, type ObjectRead, objectSize, readObject } from '../http/index.ts';
import { listed } from '../listing.ts';
import { cleanPath, cleanPrefix, escapePath, joinPath } from '../paths.ts';
import type { ByteSource, Entry, SignedUrl, Volume } from '../volume.ts';

const indexName = 'index.json';
/** Long enough to count as for good: a plain URL carries no signature that could end. */
const week = 7 * 24 * 3600_000;

export class HttpsVolume implements Volume {
  /** With a slash at the end. */
  readonly location: string;

  /** @param location the folder's URL, without query */
  constructor(
    location: string,
    private readonly http: Http,
    /** `same-host` for those who ask on behalf of others: a redirect could lead them into their own net. */
    private readonly redirects: 'any' | 'same-host' = 'any',
  ) {
    this.location = location.endsWith('/') ? location : `${location}/`;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    const inside = cleanPrefix(prefix, this.location);
    const entries = await this.index(inside.slice(0, inside.lastIndexOf('/') + 1), signal);
    yield* listed(pageOf(entries.filter(({ path }) => path.startsWith(inside))));
  }

  open(path: string): ByteSource {
    const clean = cleanPath(path, this.location);
    let etag: string | undefined;
    const reading = (signal?: AbortSignal): ObjectRead => ({
      label: this.location + clean,
      address: async () => ({ url: this.location + escapePath(clean) }),
      redirects: this.redirects,
      etag,
      signal,
    });
    return {
      path: clean,
      size: async (signal) => (await objectSize(this.http, reading(signal))).size!,
      read: async (range, signal) => {
        const found = await readObject(this.http, { ...reading(signal), range });
        etag ??= found.etag;
        return found.bytes;
      },
    };
  }

  async sign(path: string): Promise<SignedUrl> {
    const url = this.location + escapePath(cleanPath(path, this.location));
    return { url, headers: {}, expires: Date.now() + week };
  }

  async write(): Promise<void> {
    throw this.readOnly();
  }

  async remove(): Promise<void> {
    throw this.readOnly();
  }

  /** The entries of the nearest index: of the folder itself, or of one above it. */
  private async index(folder: string, signal: AbortSignal | undefined): Promise<Entry[]> {
    for (let at = folder; ; at = at.replace(/[^/]*\/$/, '')) {
      try {
        const bytes = await this.open(at + indexName).read(undefined, signal);
        return readIndex(bytes, at, this.location);
      } catch (error) {
        const missing = error instanceof DataError && error.code === 'file_missing';
        if (!missing) throw error;
        if (at === '') throw this.withoutIndex(folder, error);
      }
    }
  }

  private withoutIndex(folder: string, cause: unknown): DataError {
    return new DataError({
      code: 'folder_missing',
      expected: `an ${indexName} in ${this.location}${folder}, or above it`,
      received: 'none: a web server does not tell what lies in a folder',
      fix: `put one there: [{"path": "a.jpg", "size": 1234, "etag": "…"}, …], paths relative to it`,
      cause,
    });
  }

  private readOnly(): ConfigError {
    return new ConfigError({
      code: 'place_read_only',
      expected: 'a place that can be written',
      received: this.location,
      fix: 'write to a folder, or to s3://, abfss://, uc:// or /Volumes/…',
    });
  }
}

/** An index as entries, relative to the volume. */
function readIndex(bytes: Uint8Array, folder: string, location: string): Entry[] {
  const label = joinPath(location, folder + indexName);
  let rows: unknown;
  try {
    rows = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(label, 'text that does not parse as JSON', cause);
  }
  if (!Array.isArray(rows)) throw invalid(label, 'another JSON value');
  return rows.map((row: unknown, i) => {
    const { path, size, etag } = (row ?? {}) as Record<string, unknown>;
    if (typeof path !== 'string' || path === '' || !Number.isSafeInteger(size) || (size as number) < 0) {
      throw invalid(label, `entry ${i}: ${JSON.stringify(row)?.slice(0, 100)}`);
    }
    if (etag !== undefined && etag !== null && typeof etag !== 'string') {
      throw invalid(label, `entry ${i}: an etag that is no text`);
    }
    const version = (etag ?? '').replace(/^W\/|"/g, '') || String(size);
    return { path: folder + cleanPath(path, location + folder), size: size as number, version };
  });
}

async function* pageOf(entries: readonly Entry[]): AsyncIterable<readonly Entry[]> {
  yield entries;
}

function invalid(label: string, received: string, cause?: unknown): DataError {
  return new DataError({
    code: 'index_invalid',
    expected: `[{"path", "size", "etag"}, …] in ${label}`,
    received,
    fix: 'write the index again: path as text, size in bytes, etag as text or left out',
    cause,
  });
}
