/**
 * Repositories of the Hugging Face hub as volumes. A repository is pinned to one commit when it is opened, and
 * its files are fetched once into the cache that the Python library uses too
 * (`$HF_HOME/hub/models--org--name/snapshots/<commit>/…`), so what either has downloaded serves both.
 *
 * Environment: `HF_ENDPOINT` (another server with the hub's layout), `HF_TOKEN`, `HF_HOME`, `HF_HUB_CACHE`,
 * `HF_HUB_OFFLINE=1` (the cache alone).
 */
import { fileDownloadInfo, HubApiError, modelInfo } from '@huggingface/hub';
import { environmentVariable, files, homeDirectory } from '#platform';
import { ConfigError, RemoteError } from '../../core/index.ts';
import type { ByteSource, Entry, Volume } from '../volume.ts';
import { download } from './download.ts';

export interface HubOptions {
  /** Branch, tag or commit (`main`). */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (file: string, received: number, total: number) => void;
  readonly environment?: (name: string) => string | undefined;
  readonly fetcher?: typeof fetch;
}

/** `org/name` or `name`, as the hub allows them. */
const repositoryName = /^(?:[\w.-]+\/)?[\w.-]+$/;

export function isHubName(name: string): boolean {
  return (
    repositoryName.test(name) && !name.split('/').some((part) => /^\.+$/.test(part) || part.includes('..'))
  );
}

/** Opens a model repository. Unknown names, missing rights and an unreachable hub are `RemoteError`s. */
export async function openHub(repository: string, options: HubOptions = {}): Promise<Volume> {
  if (!isHubName(repository)) {
    throw new ConfigError({
      code: 'hub_name_invalid',
      expected: 'a hub id such as facebook/detr-resnet-50',
      received: repository,
      fix: 'write organisation/name as on the hub, or give a folder that exists',
    });
  }
  const environment = options.environment ?? environmentVariable;
  const home =
    environment('HF_HOME') ?? `${environment('XDG_CACHE_HOME') ?? `${homeDirectory()}/.cache`}/huggingface`;
  const cache = `${environment('HF_HUB_CACHE') ?? `${home}/hub`}/models--${repository.replaceAll('/', '--')}`;
  const hub = new HubRepository(repository, options.revision ?? 'main', cache, environment, options);
  await hub.pin();
  return hub;
}

class HubRepository implements Volume {
  private commit = '';
  private names: readonly string[] = [];
  private offline: boolean;
  private readonly fetcher: typeof fetch;

  constructor(
    private readonly repository: string,
    private readonly revision: string,
    private readonly cache: string,
    private readonly environment: (name: string) => string | undefined,
    private readonly options: HubOptions,
  ) {
    this.fetcher = options.fetcher ?? fetch;
    this.offline = /^(1|true|yes|on)$/i.test(environment('HF_HUB_OFFLINE') ?? '');
  }

  get location(): string {
    return `hub:${this.repository}@${this.commit.slice(0, 12)}`;
  }

  /** Finds out which commit the revision is; without a connection, the one that the cache remembers. */
  async pin(): Promise<void> {
    const reference = `${this.cache}/refs/${this.revision}`;
    if (!this.offline) {
      try {
        const info = await modelInfo({
          name: this.repository,
          revision: this.revision,
          additionalFields: ['sha', 'filePaths'],
          ...this.connection(),
        });
        this.commit = info.sha;
        this.names = info.filePaths;
        await files.write(reference, info.sha);
        return;
      } catch (error) {
        const unreachable = !(error instanceof HubApiError) || error.statusCode >= 500;
        if (!unreachable || !(await files.stat(reference))) throw this.explain(error);
        this.offline = true;
      }
    }
    if (await files.stat(reference)) {
      this.commit = new TextDecoder().decode(await files.read(reference)).trim();
    } else if (/^[0-9a-f]{40}$/.test(this.revision)) {
      this.commit = this.revision;
    } else {
      throw new RemoteError({
        code: 'hub_offline',
        expected: `${this.repository} (${this.revision}) in the cache, because HF_HUB_OFFLINE is set`,
        received: 'nothing',
        fix: 'unset HF_HUB_OFFLINE once, or copy the model to a folder and name that',
      });
    }
  }

  async *list(prefix: string): AsyncIterable<Entry> {
    const names = this.offline ? await this.cachedNames('') : this.names;
    for (const path of names.toSorted()) {
      if (path.startsWith(prefix))
        yield { path, size: (await files.stat(this.cached(path)))?.size ?? -1, version: this.commit };
    }
  }

  open(path: string): ByteSource {
    const local = this.cached(path);
    let fetched: Promise<void> | undefined;
    const ensure = (): Promise<void> => {
      fetched ??= this.fetch(path);
      return fetched;
    };
    return {
      path,
      size: async () => {
        await ensure();
        return (await files.stat(local))!.size;
      },
      read: async (range) => {
        await ensure();
        return files.read(local, range);
      },
    };
  }

  async write(): Promise<void> {
    throw this.readOnly();
  }

  async remove(): Promise<void> {
    throw this.readOnly();
  }

  private async fetch(path: string): Promise<void> {
    const local = this.cached(path);
    if (await files.stat(local)) return;
    if (this.offline) throw this.missing(path);
    let info: Awaited<ReturnType<typeof fileDownloadInfo>>;
    try {
      info = await fileDownloadInfo({
        repo: this.repository,
        path,
        revision: this.commit,
        ...this.connection(),
      });
    } catch (error) {
      throw this.explain(error);
    }
    if (!info) throw this.missing(path);
    const { accessToken, hubUrl } = this.connection();
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await download(
      {
        url: `${hubUrl}/${this.repository}/resolve/${this.commit}/${encoded}`,
        headers: accessToken ? { Authorization: `Bearer ${accessToken}` } : {},
        size: info.size,
        etag: info.etag,
        path: local,
        label: `${this.repository}/${path}`,
      },
      { fetcher: this.fetcher, signal: this.options.signal, onProgress: this.options.onProgress },
    );
  }

  private connection(): { hubUrl: string; fetch: typeof fetch; accessToken?: string } {
    const token = this.environment('HF_TOKEN');
    const hubUrl = (this.environment('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, '');
    return { hubUrl, fetch: this.fetcher, ...(token ? { accessToken: token } : {}) };
  }

  private cached(path: string): string {
    if (path.split('/').some((part) => part === '..' || part === '.' || part === '') || path.includes('\\')) {
      throw new RemoteError({
        code: 'hub_path_invalid',
        expected: 'a path inside the repository',
        received: path,
        fix: 'name a file of the repository without . or ..',
      });
    }
    return `${this.cache}/snapshots/${this.commit}/${path}`;
  }

  private async cachedNames(folder: string): Promise<string[]> {
    const root = `${this.cache}/snapshots/${this.commit}`;
    if (!(await files.stat(`${root}/${folder}`))) return [];
    const nested = await Promise.all(
      (await files.list(`${root}/${folder}`)).map(async (entry) => {
        const path = folder ? `${folder}/${entry.name}` : entry.name;
        if (entry.isDirectory) return this.cachedNames(path);
        return path.endsWith('.incomplete') ? [] : [path];
      }),
    );
    return nested.flat();
  }

  private readOnly(): ConfigError {
    return new ConfigError({
      code: 'hub_read_only',
      expected: 'a place that can be written',
      received: this.location,
      fix: 'write to a folder or a volume',
    });
  }

  private missing(path: string): RemoteError {
    return new RemoteError({
      code: 'hub_file_missing',
      expected: `${path} in ${this.repository} (${this.revision})`,
      received: this.offline ? 'no such file in the cache, and the hub was not asked' : 'no such file',
      fix: this.offline
        ? 'connect to the hub once, or unset HF_HUB_OFFLINE'
        : 'choose a repository that has it',
    });
  }

  /** The library's errors carry the whole URL, which may be signed: only status and reason go on. */
  private explain(error: unknown): RemoteError {
    const { hubUrl } = this.connection();
    const status = error instanceof HubApiError ? error.statusCode : undefined;
    const reason =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    return new RemoteError({
      code: status === undefined ? 'hub_unreachable' : 'hub_refused',
      expected: `the model ${this.repository} (${this.revision}) on ${hubUrl}`,
      received: status === undefined ? `no answer (${reason})` : `status ${status}`,
      fix:
        status === 401 || status === 403
          ? 'the model is private, gated or does not exist: check the name, accept its terms on the hub, and set HF_TOKEN'
          : status === 404
            ? 'check the name, or give the path of a folder'
            : status === 429
              ? 'the hub asks to slow down: try again in a few minutes, or set HF_TOKEN'
              : 'check the connection, or set HF_ENDPOINT; a model that was downloaded before loads without one',
      cause: status === undefined ? error : undefined,
    });
  }
}
