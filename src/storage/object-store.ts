/**
 * What object stores have in common, S3's and Azure's: files are keys below a prefix, a listing comes in pages, and bytes
 * are read by signed addresses. Those are kept and shared, so that a page can be handed one and a range costs no signature
 * of its own. How a request is signed and how a file is written is each store's own.
 */
import { type Http, type ObjectAddress, type Refusal, SignedUrls, signedSource } from './http/index.ts';
import { listed } from './listing.ts';
import { cleanPath, cleanPrefix, joinPath } from './paths.ts';
import type { ByteSource, Entry, SignedUrl, Volume, WriteOptions } from './volume.ts';

export interface ObjectStoreOptions {
  /** As users write it: `s3://bucket`, `uc://main/default/images`. */
  readonly location: string;
  /** The folder in the bucket or container that is the volume's root; '' for all of it. */
  readonly prefix?: string;
  readonly http: Http;
}

/** A page of a listing: whole keys, in the store's order, and how the next page is asked for. */
export interface ListPage {
  readonly entries: readonly Entry[];
  readonly next: string | undefined;
}

export interface PageRequest {
  /** What keys begin with; '' for all of them. */
  readonly prefix: string;
  /** Entries at most; left out: as many as the store gives. */
  readonly size: number | undefined;
  /** `next` of the page before. */
  readonly from: string | undefined;
  /** For messages. */
  readonly label: string;
  readonly signal: AbortSignal | undefined;
}

export abstract class ObjectStoreVolume implements Volume {
  readonly location: string;
  protected readonly http: Http;
  /** Of one file each; whoever changes what they are signed with clears them. */
  protected readonly urls: SignedUrls;
  /** '', or with a slash at the end. */
  private readonly prefix: string;

  /** @param now the time as the store sees it; left out: this machine's */
  protected constructor({ location, prefix = '', http }: ObjectStoreOptions, now?: () => number) {
    this.location = location;
    this.http = http;
    const root = prefix.replace(/^\/+|\/+$/g, '');
    this.prefix = root === '' ? '' : `${root}/`;
    this.urls = new SignedUrls(
      (paths) => Promise.all(paths.map((path) => this.signRead(this.prefix + path))),
      now ? { now } : {},
    );
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    yield* listed(this.pages(prefix, undefined, signal));
  }

  async some(prefix: string, signal?: AbortSignal): Promise<boolean> {
    // Of two, one may stand for a folder.
    for await (const page of this.pages(prefix, 2, signal)) if (page.length > 0) return true;
    return false;
  }

  open(path: string): ByteSource {
    const clean = cleanPath(path, this.location);
    return signedSource({
      http: this.http,
      urls: this.urls,
      path: clean,
      label: joinPath(this.location, clean),
      renew: (address, refusal) => this.renewRead(address, refusal),
    });
  }

  sign(path: string, signal?: AbortSignal): Promise<SignedUrl> {
    return this.urls.get(cleanPath(path, this.location), signal);
  }

  abstract write(path: string, bytes: Uint8Array | string, options?: WriteOptions): Promise<void>;
  abstract remove(path: string): Promise<void>;

  protected abstract page(request: PageRequest): Promise<ListPage>;
  /** An address that reads a key. */
  protected abstract signRead(key: string): Promise<SignedUrl>;
  /** The store refused an address; whether the next one may be better. */
  protected abstract renewRead(address: ObjectAddress, refusal: Refusal): boolean;

  /** A file as the store calls it, and as messages do. */
  protected named(path: string): { readonly key: string; readonly label: string } {
    const clean = cleanPath(path, this.location);
    return { key: this.prefix + clean, label: joinPath(this.location, clean) };
  }

  private async *pages(
    prefix: string,
    size: number | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<readonly Entry[]> {
    const label = `the list of ${this.location}`;
    const below = this.prefix + cleanPrefix(prefix, this.location);
    let from: string | undefined;
    do {
      const { entries, next } = await this.page({ prefix: below, size, from, label, signal });
      from = next;
      // Consoles make "folders": empty objects whose name ends with a slash.
      yield entries
        .filter(({ path }) => path.startsWith(this.prefix) && !path.endsWith('/'))
        .map((entry) => ({ ...entry, path: entry.path.slice(this.prefix.length) }));
    } while (from !== undefined);
  }
}
