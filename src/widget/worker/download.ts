/**
 * One file over HTTP, into memory. A `Content-Length` is a claim: it draws the progress bar and is checked, but memory is
 * taken only for bytes that came, and a file above the limit is refused whatever the header said. Where the server
 * compressed the answer the header counts other bytes and says nothing here.
 */
import { CheckpointError, RemoteError } from '../../core/index.ts';
import { readPieces } from '../pieces.ts';

export interface DownloadOptions {
  /** For messages. */
  readonly label: string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((received: number, total: number | undefined) => void) | undefined;
  readonly fetcher?: typeof fetch;
}

/** What the server said about a file; each only where a page may read it. */
export interface FileVersion {
  readonly etag?: string | undefined;
  readonly modified?: string | undefined;
  /** Bytes, where the answer is not compressed. */
  readonly length?: number | undefined;
}

export interface Downloaded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly version: FileVersion;
  readonly type: string;
}

export function versionOf(headers: Headers): FileVersion {
  const text = headers.get('Content-Length');
  const compressed = (headers.get('Content-Encoding') ?? 'identity') !== 'identity';
  const length = text !== null && /^\d+$/.test(text) && !compressed ? Number(text) : undefined;
  return {
    etag: headers.get('ETag') ?? undefined,
    modified: headers.get('Last-Modified') ?? undefined,
    length: Number.isSafeInteger(length) ? length : undefined,
  };
}

/** Undefined when there is no such file (404, 410). Everything else that is not the file is a RemoteError. */
export async function download(url: string, options: DownloadOptions): Promise<Downloaded | undefined> {
  const { label, maxBytes, signal, onProgress, fetcher = fetch } = options;
  let response: Response;
  try {
    // Asks the server whether the browser's own copy is still right.
    response = await fetcher(url, { cache: 'no-cache', ...(signal ? { signal } : {}) });
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreachable(label, url, cause);
  }
  if (response.status === 404 || response.status === 410) return undefined;
  if (!response.ok) throw refused(label, response.status);
  const version = versionOf(response.headers);
  if ((version.length ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw tooLarge(label, version.length!, maxBytes);
  }
  const bytes = await collect(response, version.length, options);
  onProgress?.(bytes.length, bytes.length);
  return { bytes, version, type: response.headers.get('Content-Type') ?? '' };
}

async function collect(
  response: Response,
  announced: number | undefined,
  { label, maxBytes, onProgress, signal }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  let received = 0;
  const pieces = await readPieces(response, {
    signal,
    arrived(bytes) {
      received = bytes;
      if (bytes > maxBytes) throw tooLarge(label, bytes, maxBytes);
      onProgress?.(bytes, announced !== undefined && announced >= bytes ? announced : undefined);
    },
    broken: (bytes, cause) => interrupted(label, bytes, announced, cause),
  });
  if (announced !== undefined && announced !== received) throw interrupted(label, received, announced);
  const bytes = new Uint8Array(received);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

function tooLarge(label: string, bytes: number, limit: number): CheckpointError {
  return new CheckpointError({
    code: 'model_too_large',
    expected: `a file of at most ${megabytes(limit)}`,
    received: `${label} with ${megabytes(bytes)} or more`,
    fix: 'choose a smaller model, its fp16 file (dtype="fp16"), or raise the attribute max-megabytes',
  });
}

function refused(label: string, status: number): RemoteError {
  return new RemoteError({
    code: 'model_refused',
    expected: label,
    received: `status ${status}`,
    fix:
      status === 401 || status === 403
        ? 'the model is private, gated or does not exist: check the name, or serve it from a place that pages may read'
        : status === 429
          ? 'the server asks to slow down: try again in a few minutes'
          : 'check the address, and try again',
  });
}

function unreachable(label: string, url: string, cause: unknown): RemoteError {
  return new RemoteError({
    code: 'model_unreachable',
    expected: `an answer of ${new URL(url).host} for ${label}`,
    received: cause instanceof Error ? cause.message : String(cause),
    fix: "check the connection; the server must allow this page's origin (CORS), and the page's Content-Security-Policy the server (connect-src)",
    cause,
  });
}

function interrupted(
  label: string,
  received: number,
  announced: number | undefined,
  cause?: unknown,
): RemoteError {
  const reason = cause instanceof Error ? `, then ${cause.message}` : '';
  return new RemoteError({
    code: 'model_interrupted',
    expected: announced === undefined ? `the whole of ${label}` : `${label}, ${announced} bytes`,
    received: `${received} bytes${reason}`,
    fix: 'check the connection, and try again',
    cause,
  });
}
