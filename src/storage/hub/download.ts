/**
 * One file of a model to disk, by one stream and resumable. Bytes go to `<file>.incomplete`; a broken connection goes on
 * where it stopped (by a ranged request), a different file on the server starts over, and only a file of the
 * announced size gets its name.
 */
import { files } from '#platform';
import { anySignal, OcelliError, RemoteError } from '../../core/index.ts';
import { sleep } from '../http/hosts.ts';

export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly size: number;
  readonly etag: string;
  /** Where the file ends up. */
  readonly path: string;
  /** For messages: `org/name/file`. */
  readonly label: string;
}

export interface DownloadOptions {
  readonly fetcher: typeof fetch;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((label: string, received: number, total: number) => void) | undefined;
  /** Tries without any progress before it gives up (5). */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection counts as dead (30,000). */
  readonly stallTime?: number;
  /** `error` where a redirect could carry a token away (`follow`). */
  readonly redirect?: 'follow' | 'error';
  /** The words of another server than the hub. */
  readonly errors?: DownloadErrors;
}

export interface DownloadErrors {
  refused(status: number): OcelliError;
  interrupted(received: number, cause: unknown): OcelliError;
  /** The server announces another size than it listed. */
  otherSize(announced: number): OcelliError;
}

/** Bytes between two writes to disk. */
const pieceSize = 4 * 2 ** 20;

export async function download(file: Download, options: DownloadOptions): Promise<void> {
  // The ETag in the name makes a changed file start over instead of being glued to the old one.
  const etag = file.etag.replace(/[^\w-]/g, '').slice(0, 16);
  const partial = `${file.path}${etag && `.${etag}`}.incomplete`;
  const attempts = options.attempts ?? 5;
  let failures = 0;
  for (;;) {
    const before = (await files.stat(partial))?.size ?? 0;
    if (before === file.size && before > 0) break;
    try {
      if (before > file.size) await files.remove(partial);
      await receive(file, partial, before > file.size ? 0 : before, options);
      const after = (await files.stat(partial))?.size ?? 0;
      if (after === file.size) break;
      throw new Error(`the connection ended after ${after} of ${file.size} bytes`);
    } catch (error) {
      // A full disk is no broken connection, and says so itself.
      if (options.signal?.aborted || error instanceof OcelliError) throw error;
      const after = (await files.stat(partial))?.size ?? 0;
      failures = after > before ? 1 : failures + 1;
      if (failures >= attempts)
        throw options.errors?.interrupted(after, error) ?? interrupted(file, after, error);
      const wait = error instanceof Postponed ? error.seconds : Math.min(30, 0.25 * 2 ** failures);
      await sleep(wait * 1000, options.signal);
    }
  }
  if (file.size === 0) await files.write(file.path, new Uint8Array());
  else await files.rename(partial, file.path);
}

/** The server asked to wait. */
class Postponed extends Error {
  constructor(
    status: number,
    readonly seconds: number,
  ) {
    super(`the server answered ${status}`);
  }
}

async function receive(
  file: Download,
  partial: string,
  start: number,
  options: DownloadOptions,
): Promise<void> {
  if (file.size === 0) {
    await files.write(partial, new Uint8Array());
    return;
  }
  const stall = new AbortController();
  const { stallTime = 30_000, redirect = 'follow' } = options;
  const watch = () =>
    setTimeout(() => stall.abort(new Error(`no byte for ${stallTime / 1000} s`)), stallTime);
  let timer = watch();
  const signal = options.signal ? anySignal([options.signal, stall.signal]) : stall.signal;
  try {
    const headers = start > 0 ? { ...file.headers, Range: `bytes=${start}-` } : file.headers;
    // Called by itself: the fetch of browsers refuses to be a method of anything else.
    const { fetcher } = options;
    const response = await fetcher(file.url, { headers, signal, redirect });
    if (response.status === 429 || response.status >= 500) {
      const asked = Number(response.headers.get('Retry-After'));
      throw new Postponed(response.status, Math.min(60, Number.isFinite(asked) && asked > 0 ? asked : 1));
    }
    if (!response.ok) throw options.errors?.refused(response.status) ?? refused(file, response.status);
    // A server that ignores the range sends the whole file again.
    const resumed = response.status === 206;
    if (start > 0 && !resumed) await files.remove(partial);
    let received = resumed ? start : 0;
    let written = received;
    const length = response.headers.get('Content-Length');
    if (options.errors && length !== null && !response.headers.get('Content-Encoding')) {
      const announced = received + Number(length);
      if (announced !== file.size) throw options.errors.otherSize(announced);
    }
    let pending: Uint8Array[] = [];
    let pendingSize = 0;
    const flush = async (): Promise<void> => {
      if (pending.length > 0 && ((await files.stat(partial))?.size ?? 0) !== written) {
        throw new Error('another process fetches the same file');
      }
      for (const piece of pending) await files.append(partial, piece);
      written += pendingSize;
      pending = [];
      pendingSize = 0;
    };
    try {
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = watch();
        received += piece.byteLength;
        if (received > file.size) throw new Error(`the server sent more than ${file.size} bytes`);
        pending.push(piece);
        pendingSize += piece.byteLength;
        if (pendingSize >= pieceSize) await flush();
        options.onProgress?.(file.label, received, file.size);
      }
    } finally {
      await flush();
    }
  } finally {
    clearTimeout(timer);
  }
}

function refused(file: Download, status: number): RemoteError {
  return new RemoteError({
    code: 'hub_refused',
    expected: `${file.label} from the hub`,
    received: `status ${status}`,
    fix:
      status === 401 || status === 403
        ? 'set HF_TOKEN to a token that may read this repository'
        : 'check the name and the revision',
  });
}

function interrupted(file: Download, received: number, cause: unknown): RemoteError {
  return new RemoteError({
    code: 'hub_interrupted',
    expected: `${file.label}, ${file.size} bytes`,
    received: `${received} bytes, then ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: 'run the command again: the download goes on where it stopped',
    cause,
  });
}
