/**
 * Bytes of files in a Databricks volume, down a ladder:
 *
 * 1. A URL of the object store that the workspace signs: bytes travel past Databricks, ranges share one URL, and
 *    one that has expired is asked for anew (three times in a row at most).
 * 2. The Files API itself, where no URL can be had (not enabled, network zone unknown, any other reason) or the
 *    store refuses it (a firewall, a private network).
 *
 * What can't change soon is remembered: a workspace that makes no URLs is not asked again, a store that nobody
 * reaches is left alone for some minutes. A mid-stream break is taken up by range on either rung. The workspace's
 * token goes to the workspace only, never to the store.
 */
import { DataError } from '../../core/index.ts';
import { type Http, type ObjectBytes, readObject, SignedUrls } from '../http/index.ts';
import type { SignedUrl } from '../volume.ts';
import { type FilesApi, FilesApiRefusal, isAboutToken } from './files-api.ts';

/** Milliseconds that a URL is asked for. */
const urlLife = 3_600_000;
/** Milliseconds for which a store that can't be reached is left alone. */
const restAfterFailure = 300_000;

/** Reasons by which a workspace says that it makes no URLs at all, here. */
const neverSigns = new Set(['FILES_API_API_IS_NOT_ENABLED', 'FILES_API_REQUESTER_NETWORK_ZONE_UNKNOWN']);

type Range = { readonly start: number; readonly end: number };

export interface ReaderOptions {
  /** No URLs at all: `DATABRICKS_DISABLE_EXPERIMENTAL_FILES_API_CLIENT`. */
  readonly plain?: boolean | undefined;
  readonly now?: (() => number) | undefined;
}

export class Reader {
  private readonly urls: SignedUrls;
  /** Milliseconds since 1970 until which the store is not asked. */
  private plainUntil: number;
  private readonly now: () => number;

  constructor(
    private readonly api: FilesApi,
    private readonly http: Http,
    options: ReaderOptions = {},
  ) {
    this.now = options.now ?? Date.now;
    this.plainUntil = options.plain ? Number.POSITIVE_INFINITY : 0;
    this.urls = new SignedUrls(
      (paths) => Promise.all(paths.map((path) => this.ask(path).catch((error: unknown) => asError(error)))),
      { now: this.now },
    );
  }

  /** @param path absolute: `/Volumes/…` */
  async read(path: string, range: Range | undefined, signal?: AbortSignal): Promise<ObjectBytes> {
    if (this.now() < this.plainUntil) return this.readPlain(path, range, signal);
    const refused = await this.urls.get(path, signal).then(
      () => undefined,
      (error: unknown) => this.noteSigning(error),
    );
    signal?.throwIfAborted();
    if (refused) return this.readPlain(path, range, signal);
    try {
      return await readObject(this.http, {
        label: path,
        range,
        signal,
        address: (limit) => this.urls.get(path, limit),
        renew: (address, refusal) => {
          this.urls.forget(path, address);
          return refusal.kind === 'expired';
        },
      });
    } catch (error) {
      signal?.throwIfAborted();
      // About the file itself: the workspace would say the same.
      if (error instanceof DataError && error.code !== 'file_missing') throw error;
      const bytes = await this.readPlain(path, range, signal);
      this.noteStore(error);
      return bytes;
    }
  }

  /** A URL for somebody else. Throws where the workspace makes none. */
  async sign(path: string, signal?: AbortSignal): Promise<SignedUrl> {
    try {
      return await this.urls.get(path, signal);
    } catch (error) {
      throw this.api.failure(error, path);
    }
  }

  private async ask(path: string): Promise<SignedUrl> {
    const expires = this.now() + urlLife;
    return { ...(await this.api.downloadUrl(path, new Date(expires))), expires };
  }

  private async readPlain(
    path: string,
    range: Range | undefined,
    signal?: AbortSignal,
  ): Promise<ObjectBytes> {
    let renewed = false;
    return readObject(this.http, {
      label: path,
      range,
      signal,
      redirects: 'none',
      address: (limit) => this.api.plainAddress(path, limit),
      renew: async ({ headers }, refusal) => {
        if (!isAboutToken(refusal) || renewed) return false;
        renewed = true;
        return this.api.access.renew(headers?.Authorization ?? '');
      },
    });
  }

  private noteSigning(error: unknown): unknown {
    // The same token opens no other door.
    if (error instanceof FilesApiRefusal && isAboutToken(error.refusal)) throw error;
    if (error instanceof FilesApiRefusal && neverSigns.has(error.reason)) {
      this.plainUntil = Number.POSITIVE_INFINITY;
    }
    return error ?? new Error('no URL');
  }

  /** The workspace had the bytes that the store did not give. */
  private noteStore(error: unknown): void {
    const code = (error as { code?: unknown }).code;
    if (code !== 'file_missing') this.plainUntil = Math.max(this.plainUntil, this.now() + restAfterFailure);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
