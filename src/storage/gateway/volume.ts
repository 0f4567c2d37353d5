/**
 * A volume that a gateway offers. Bytes come from the store itself by addresses that the gateway signs, a batch at a
 * time; where the store lets this page not in (no CORS rule: the browser tells no more than that nothing came), they
 * come through the gateway. That is found out once, and looked at again after some minutes.
 */
import { DataError, type RemoteError } from '../../core/index.ts';
import { Http, type ObjectBytes, readObject, SignedUrls } from '../http/index.ts';
import { cleanPath, cleanPrefix } from '../paths.ts';
import type { ByteSource, Entry, SignedUrl, Volume, WriteOptions } from '../volume.ts';
import type { GatewayClient } from './client.ts';

/** Milliseconds for which a store that lets nobody in is left alone. */
const restAfterFailure = 300_000;
type Range = { readonly start: number; readonly end: number };

export class GatewayVolume implements Volume {
  private readonly urls: SignedUrls;
  private readonly store: Http;
  /** Once, with a single try: it is expected to fail where there is no CORS rule. */
  private readonly stranger: Http;
  /** Milliseconds since 1970 until which bytes come through the gateway. */
  private passedUntil = 0;
  private reached = false;
  /** The first read, which finds out. */
  private probing: Promise<void> | undefined;

  constructor(
    /** As the gateway offers it. */
    readonly location: string,
    private readonly gateway: GatewayClient,
    options: { readonly store?: Http; readonly batch?: number } = {},
  ) {
    // Conditions cost a preflight, which stores may refuse.
    this.store = options.store ?? new Http({ conditional: false, perHost: 64 });
    this.stranger = new Http({ ...this.store.options, attempts: 1 });
    this.urls = new SignedUrls((paths) => gateway.sign(location, paths), {
      batch: Math.min(100, options.batch ?? 100),
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    yield* await this.gateway.list(this.location, cleanPrefix(prefix, this.location), signal);
  }

  open(path: string): ByteSource {
    const clean = cleanPath(path, this.location);
    let size: number | undefined;
    return {
      path: clean,
      size: async () => {
        if (size === undefined) {
          const first = await this.read(clean, { start: 0, end: 1 }).catch((error: unknown) => {
            if (error instanceof DataError && error.code === 'range_outside_file') return undefined;
            throw error;
          });
          // An empty file has no first byte; a page may not see Content-Range.
          size = first?.size ?? (await this.passed(clean, { start: 0, end: 1 }).catch(emptyFile)).size ?? 0;
        }
        return size;
      },
      read: async (range, signal) => {
        const found = await this.read(clean, range, signal);
        size ??= found.size;
        return found.bytes;
      },
    };
  }

  sign(path: string, signal?: AbortSignal): Promise<SignedUrl> {
    return this.urls.get(cleanPath(path, this.location), signal);
  }

  async write(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    await this.gateway.put(this.location, cleanPath(path, this.location), bytes, options.signal);
  }

  async remove(path: string): Promise<void> {
    await this.gateway.remove(this.location, cleanPath(path, this.location));
  }

  private async read(path: string, range: Range | undefined, signal?: AbortSignal): Promise<ObjectBytes> {
    // Of many readers that begin at once, one finds out for all.
    while (!this.reached && Date.now() >= this.passedUntil && this.probing) await this.probing;
    signal?.throwIfAborted();
    if (Date.now() < this.passedUntil) return this.passed(path, range, signal);
    if (this.reached) return this.direct(this.store, path, range, signal);
    let found = (): void => {};
    this.probing = new Promise((resolve) => {
      found = resolve;
    });
    try {
      return await this.direct(this.stranger, path, range, signal);
    } finally {
      this.probing = undefined;
      found();
    }
  }

  private async direct(
    http: Http,
    path: string,
    range: Range | undefined,
    signal?: AbortSignal,
  ): Promise<ObjectBytes> {
    let refused: string | undefined;
    try {
      const bytes = await readObject(http, {
        label: `${this.location}/${path}`,
        range,
        signal,
        address: (limit) => this.urls.get(path, limit),
        renew: async (address, refusal) => {
          this.urls.forget(path, address);
          // The gateway may hold it for good still: then it reads the bytes itself, and finds out.
          const again = address.url === refused;
          refused = address.url;
          return refusal.kind === 'expired' && !again;
        },
      });
      this.reached = true;
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      // About the file: the gateway would say the same.
      if (error instanceof DataError) throw error;
      const bytes = await this.passed(path, range, signal);
      const { code } = error as RemoteError;
      if (code !== 'access_expired') {
        this.reached = false;
        this.passedUntil = Date.now() + restAfterFailure;
      }
      return bytes;
    }
  }

  private passed(path: string, range: Range | undefined, signal?: AbortSignal): Promise<ObjectBytes> {
    return readObject(this.gateway.bytesHttp, {
      label: `${this.location}/${path}`,
      range,
      signal,
      redirects: 'none',
      address: async () => ({ url: this.gateway.bytesUrl(this.location, path) }),
    });
  }
}

function emptyFile(error: unknown): ObjectBytes {
  if (error instanceof DataError && error.code === 'range_outside_file') {
    return { bytes: new Uint8Array(), size: 0, etag: undefined };
  }
  throw error;
}
