/**
 * A Unity Catalog volume of a Databricks workspace, `/Volumes/<catalog>/<schema>/<volume>`, for machines where it is
 * not mounted. Listing is the Files API's: one folder and a thousand entries per request, so large data sets should
 * keep their files in shards. Reading and writing are in `read.ts` and `upload.ts`.
 */
import { environmentVariable } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { type Http, sharedHttp } from '../http/index.ts';
import type { Environment, Place } from '../kind.ts';
import { cleanPath, cleanPrefix, comparePaths, joinPath } from '../paths.ts';
import type { ByteSource, Entry, SignedUrl, Volume, WriteOptions } from '../volume.ts';
import { databricksAccess } from './access.ts';
import { FilesApi, FilesApiRefusal, type FolderEntry } from './files-api.ts';
import { Reader } from './read.ts';
import type { DatabricksAccess } from './types.ts';
import { Uploader, type UploadSizes } from './upload.ts';

/** Folders that are listed ahead of the one that is read. */
const listedAhead = 8;

export interface DatabricksVolumeOptions {
  readonly http?: Http | undefined;
  readonly environment?: Environment | undefined;
  readonly now?: (() => number) | undefined;
  /** When files go in parts, and how large those are. */
  readonly sizes?: UploadSizes | undefined;
}

export class DatabricksVolume implements Volume {
  private readonly api: FilesApi;
  private readonly reader: Reader;
  private readonly uploader: Uploader;

  /** @param location `/Volumes/<catalog>/<schema>/<volume>` */
  constructor(
    readonly location: string,
    access: DatabricksAccess,
    options: DatabricksVolumeOptions = {},
  ) {
    const http = options.http ?? sharedHttp();
    const environment = options.environment ?? environmentVariable;
    const plain = /^(1|true|yes|on)$/i.test(
      environment('DATABRICKS_DISABLE_EXPERIMENTAL_FILES_API_CLIENT') ?? '',
    );
    this.api = new FilesApi(access, http);
    this.reader = new Reader(this.api, http, { plain, now: options.now });
    this.uploader = new Uploader(this.api, http, options.sizes, plain);
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    // What is before the last slash is the folder to look into; the rest begins a name.
    const clean = cleanPrefix(prefix, this.location);
    const folder = clean.slice(0, Math.max(0, clean.lastIndexOf('/')));
    yield* this.walk(folder, this.entries(folder, signal), clean, signal);
  }

  open(path: string): ByteSource {
    const clean = cleanPath(path, this.location);
    const absolute = this.absolute(clean);
    return {
      path: clean,
      size: (signal) => this.told(absolute, () => this.api.sizeOf(absolute, signal)),
      read: (range, signal) =>
        this.told(absolute, async () => (await this.reader.read(absolute, range, signal)).bytes),
    };
  }

  async sign(path: string, signal?: AbortSignal): Promise<SignedUrl> {
    return this.reader.sign(this.absolute(cleanPath(path, this.location)), signal);
  }

  async write(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const absolute = this.absolute(cleanPath(path, this.location));
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    await this.told(absolute, async () => {
      try {
        await this.uploader.write(absolute, bytes, options.signal);
      } catch (error) {
        // Some workspaces make the folders above a file, some don't.
        if (!(error instanceof FilesApiRefusal) || error.refusal.kind !== 'missing') throw error;
        await this.api.makeFolder(absolute.slice(0, absolute.lastIndexOf('/')), options.signal);
        await this.uploader.write(absolute, bytes, options.signal);
      }
    });
  }

  async remove(path: string): Promise<void> {
    const absolute = this.absolute(cleanPath(path, this.location));
    try {
      await this.api.remove(absolute);
    } catch (error) {
      if (error instanceof FilesApiRefusal && error.refusal.kind === 'missing') return;
      throw this.api.failure(error, absolute);
    }
  }

  private async *walk(
    folder: string,
    entries: Promise<FolderEntry[]>,
    prefix: string,
    signal?: AbortSignal,
  ): AsyncIterable<Entry> {
    const found = (await entries)
      .map((entry) => ({ ...entry, path: joinPath(folder, entry.name) }))
      .filter(({ path, isFolder }) =>
        isFolder ? `${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`) : path.startsWith(prefix),
      )
      // In the order of the paths below, so that the whole listing ascends.
      .sort((a, b) => comparePaths(sortKey(a), sortKey(b)));
    const folders = found.filter(({ isFolder }) => isFolder);
    const started = new Map<string, Promise<FolderEntry[]>>();
    let next = 0;
    const lookAhead = (): void => {
      for (; next < folders.length && started.size < listedAhead; next++) {
        const { path } = folders[next]!;
        const listing = this.entries(path, signal);
        // Whoever comes to it hears of its failure.
        listing.catch(() => undefined);
        started.set(path, listing);
      }
    };
    for (const { path, isFolder, size, modified } of found) {
      signal?.throwIfAborted();
      if (isFolder) {
        lookAhead();
        const below = started.get(path)!;
        yield* this.walk(path, below, prefix, signal);
        started.delete(path);
      } else {
        yield { path, size, version: `${size}-${modified}` };
      }
    }
  }

  private entries(folder: string, signal?: AbortSignal): Promise<FolderEntry[]> {
    const absolute = this.absolute(folder);
    return this.told(absolute, () => this.api.listFolder(absolute, signal));
  }

  private absolute(path: string): string {
    return path === '' ? this.location : `${this.location}/${path}`;
  }

  /** The workspace's refusals, in words. */
  private async told<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.api.failure(error, path);
    }
  }
}

const sortKey = ({ path, isFolder }: { readonly path: string; readonly isFolder: boolean }): string =>
  isFolder ? `${path}/` : path;

/** The volume of a `/Volumes/…` place and the path in it. */
export function splitVolumePlace(place: string): { readonly location: string; readonly path: string } {
  const match = /^\/Volumes\/([^/]+)\/([^/]+)\/([^/]+)(?:\/(.*))?$/s.exec(place);
  const names = match?.slice(1, 4) ?? [];
  if (!match || names.some((name) => cleanPath(name, 'the catalog') !== name)) {
    throw new ConfigError({
      code: 'volume_place_invalid',
      expected: '/Volumes/<catalog>/<schema>/<volume>/<path>',
      received: JSON.stringify(place),
      fix: 'write all three names, as the catalog explorer shows them',
    });
  }
  const location = `/Volumes/${names.join('/')}`;
  return { location, path: cleanPath(match[4] ?? '', location) };
}

/** One per volume and way to sign in: tokens and URLs are shared by all who read there. */
const opened = new Map<string, Promise<DatabricksVolume>>();

/** Opens a `/Volumes/…` place by the environment or a profile. */
export async function openDatabricks(place: string): Promise<Place> {
  const { location, path } = splitVolumePlace(place);
  const identity = [
    'HOST',
    'TOKEN',
    'CLIENT_ID',
    'CLIENT_SECRET',
    'AUTH_TYPE',
    'CONFIG_PROFILE',
    'CONFIG_FILE',
  ]
    .map((name) => environmentVariable(`DATABRICKS_${name}`) ?? '')
    .join('\n');
  const key = `${location}\n${identity}`;
  let volume = opened.get(key);
  if (!volume) {
    volume = databricksAccess().then((access) => new DatabricksVolume(location, access));
    opened.set(key, volume);
    volume.catch(() => opened.delete(key));
  }
  return { volume: await volume, path };
}
