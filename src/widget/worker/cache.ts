/**
 * Weights in Cache Storage, so that the second visit downloads nothing. An entry notes its own size and the version that
 * the server named (ETag, date, length). It is used only if it is as long as it says, and if the server, asked for the
 * headers alone, still names the same version; when the server can't be reached the copy counts.
 *
 * A page without Cache Storage (not secure, or a sandbox without an origin) or without room just downloads again.
 */
import { type FileVersion, versionOf } from './download.ts';

const cacheName = 'ocelli-models-v1';
const bytesHeader = 'X-Ocelli-Bytes';
const storedHeader = 'X-Ocelli-Stored';

/** A copy that the server still names; without a server, any whole one. */
export async function cached(
  url: string,
  signal?: AbortSignal,
  fetcher: typeof fetch = fetch,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const found = await find(url);
  if (found && (await isCurrent(url, found.headers, signal, fetcher))) return found.bytes();
  if (found) await (await openCache())?.delete(url);
  return undefined;
}

/** A copy, whatever the server says. */
export async function stored(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return (await find(url))?.bytes();
}

async function find(
  url: string,
): Promise<{ readonly headers: Headers; bytes(): Promise<Uint8Array<ArrayBuffer>> } | undefined> {
  const cache = await openCache();
  const found = await cache?.match(url).catch(() => undefined);
  if (!cache || !found) return undefined;
  const body = await found.blob();
  if (body.size > 0 && String(body.size) === found.headers.get(bytesHeader)) {
    return { headers: found.headers, bytes: async () => new Uint8Array(await body.arrayBuffer()) };
  }
  await cache.delete(url);
  return undefined;
}

/** A failure is none: the file was downloaded. When there is no room, older entries go. */
export async function remember(
  url: string,
  bytes: Uint8Array<ArrayBuffer>,
  version: FileVersion,
): Promise<void> {
  const cache = await openCache();
  if (!cache) return;
  const headers = new Headers({ [bytesHeader]: String(bytes.length), [storedHeader]: String(Date.now()) });
  if (version.etag) headers.set('ETag', version.etag);
  if (version.modified) headers.set('Last-Modified', version.modified);
  if (version.length !== undefined) headers.set('Content-Length', String(version.length));
  for (;;) {
    try {
      await cache.put(url, new Response(bytes, { headers }));
      return;
    } catch {
      if (!(await dropOldest(cache))) return;
    }
  }
}

async function isCurrent(
  url: string,
  stored: Headers,
  signal: AbortSignal | undefined,
  fetcher: typeof fetch,
): Promise<boolean> {
  let answer: Response;
  try {
    answer = await fetcher(url, { method: 'HEAD', cache: 'no-cache', ...(signal ? { signal } : {}) });
  } catch {
    signal?.throwIfAborted();
    return true;
  }
  // The server doesn't answer such questions, or not now.
  if (answer.status === 405 || answer.status === 501 || answer.status >= 500) return true;
  if (!answer.ok) return false;
  const now = versionOf(answer.headers);
  const then = versionOf(stored);
  if (now.etag && then.etag) return weak(now.etag) === weak(then.etag);
  const same = <Value>(a: Value | undefined, b: Value | undefined): boolean =>
    a === undefined || b === undefined || a === b;
  return same(now.modified, then.modified) && same(now.length, then.length);
}

const weak = (etag: string): string => etag.replace(/^W\//, '');

async function dropOldest(cache: Cache): Promise<boolean> {
  let oldest: { readonly request: Request; readonly stored: number } | undefined;
  for (const request of await cache.keys()) {
    const stored = Number((await cache.match(request))?.headers.get(storedHeader) ?? 0);
    if (!oldest || stored < oldest.stored) oldest = { request, stored };
  }
  return oldest !== undefined && cache.delete(oldest.request);
}

async function openCache(): Promise<Cache | undefined> {
  try {
    return await caches.open(cacheName);
  } catch {
    return undefined;
  }
}
