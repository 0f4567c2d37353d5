/** The Files API of the double, `/api/2.0/fs`: each function is one endpoint. */
import { type Answer, answers } from './answers.ts';
import type { Store } from './store.ts';

export interface FilesRequest {
  readonly method: string;
  /** Decoded, after `/api/2.0/fs`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface StoreAddresses {
  /** A URL of the store, or of a front that does harm before it. */
  address(method: string, url: string): string;
  /** The URL of a resumable upload (Google Cloud only). */
  resumable(session: string): string;
}

export type Cloud = 'aws' | 'azure' | 'gcp';

interface Session {
  readonly key: string;
  readonly uploadId: string;
}

export class FilesEndpoints {
  cloud: Cloud = 'aws';
  /** Entries in one page of a listing at most. */
  pageLimit = 1000;
  /** Seconds that a URL lasts at most, whatever was asked for. */
  longestUrl = 604_800;
  /** Whether writing a file makes the folders above it. */
  makesFolders = true;
  private readonly sessions = new Map<string, Session>();

  constructor(
    private readonly store: Store,
    private readonly addresses: StoreAddresses,
  ) {}

  keyOfSession(session: string): string | undefined {
    return this.sessions.get(session)?.key;
  }

  async answer(request: FilesRequest): Promise<Answer> {
    const { method, path, query } = request;
    const key = /^\/(?:files|directories)\/Volumes\/(.+)$/s.exec(path)?.[1]?.replace(/\/+$/, '');
    if (key !== undefined && key.split('/').length < 3) return answers.invalid('Invalid path');
    const routes: Record<string, () => Promise<Answer>> = {
      'GET directories': () => this.listFolder(key!, query),
      'HEAD directories': () => this.statFolder(key!),
      'PUT directories': () => this.makeFolder(key!),
      'DELETE directories': () => this.removeFolder(key!),
      'PUT files': () => this.put(key!, request),
      'DELETE files': () => this.remove(key!),
      'POST files': () =>
        query.get('action') === 'initiate-upload' ? this.initiate(key!, query) : this.complete(key!, request),
      'POST create-download-url': () => this.downloadUrl(request),
      'POST create-upload-url': () => this.uploadUrl(request),
      'POST create-upload-part-urls': () => this.partUrls(request),
      'POST create-abort-upload-url': () => this.abortUrl(request),
      'POST create-resumable-upload-url': () => this.resumableUrl(request),
    };
    return (await routes[`${method} ${path.split('/')[1]}`]?.()) ?? answers.unknownRoute;
  }

  private async listFolder(key: string, query: URLSearchParams): Promise<Answer> {
    const size = Math.min(this.pageLimit, Number(query.get('page_size') ?? 1000));
    const token = query.get('page_token') || undefined;
    const found = await this.store.list(`${key}/`, size, token);
    const isVolume = key.split('/').length === 3;
    if (!token && found.files.length === 0 && found.folders.length === 0 && !isVolume) {
      if (!(await this.folderExists(key))) return answers.folderMissing;
    }
    const contents = [
      ...found.folders.map((name) => ({
        path: `/Volumes/${key}/${name}/`,
        name,
        is_directory: true,
        last_modified: 0,
      })),
      ...found.files.map(({ name, size: bytes, modified }) => ({
        path: `/Volumes/${key}/${name}`,
        name,
        is_directory: false,
        file_size: bytes,
        last_modified: modified,
      })),
    ];
    return { status: 200, body: { contents, ...(found.next ? { next_page_token: found.next } : {}) } };
  }

  private async folderExists(key: string): Promise<boolean> {
    if (key.split('/').length === 3 || (await this.store.exists(`${key}/`))) return true;
    const { files, folders } = await this.store.list(`${key}/`, 1);
    return files.length + folders.length > 0;
  }

  private async statFolder(key: string): Promise<Answer> {
    return (await this.folderExists(key)) ? { status: 200 } : answers.folderMissing;
  }

  private async makeFolder(key: string): Promise<Answer> {
    await this.store.request('PUT', `${key}/`, { body: '' });
    return { status: 204 };
  }

  private async removeFolder(key: string): Promise<Answer> {
    const { files, folders } = await this.store.list(`${key}/`, 1);
    if (files.length + folders.length > 0) return answers.folderNotEmpty;
    await this.store.request('DELETE', `${key}/`);
    return { status: 204 };
  }

  private async put(key: string, { query, body }: FilesRequest): Promise<Answer> {
    if (query.get('overwrite') === 'false' && (await this.store.exists(key))) return answers.exists;
    if (!this.makesFolders && !(await this.folderExists(key.slice(0, key.lastIndexOf('/'))))) {
      return answers.folderMissing;
    }
    const response = await this.store.request('PUT', key, { body });
    return { status: response.ok ? 204 : response.status };
  }

  private async remove(key: string): Promise<Answer> {
    if (!(await this.store.exists(key))) return answers.fileMissing;
    await this.store.request('DELETE', key);
    return { status: 204 };
  }

  private async initiate(key: string, query: URLSearchParams): Promise<Answer> {
    if (query.get('overwrite') === 'false' && (await this.store.exists(key))) return answers.exists;
    const session = `session-${this.sessions.size + 1}`;
    const resumable = this.cloud === 'gcp';
    const uploadId = resumable ? '' : await this.store.startUpload(key);
    this.sessions.set(session, { key, uploadId });
    const field = resumable ? 'resumable_upload' : 'multipart_upload';
    return { status: 200, body: { [field]: { session_token: session } } };
  }

  private async complete(key: string, { query, body }: FilesRequest): Promise<Answer> {
    const session = this.sessions.get(query.get('session_token') ?? '');
    const { parts } = json<{ parts?: { part_number: number; etag: string }[] }>(body);
    if (query.get('action') !== 'complete-upload' || query.get('upload_type') !== 'multipart') {
      return answers.invalid('action');
    }
    if (!session || session.key !== key || !parts) return answers.invalid('session_token');
    if (parts.some(({ part_number: number }, i) => i > 0 && number <= parts[i - 1]!.part_number)) {
      return answers.invalid('parts must ascend');
    }
    if (parts.some(({ etag }) => typeof etag !== 'string' || (etag === '') !== (this.cloud === 'azure'))) {
      return answers.invalid('etag');
    }
    // What Azure does by the numbers of blocks, S3 does by their ETags.
    const etags = this.cloud === 'azure' ? await this.store.partTags(key, session.uploadId) : undefined;
    const known = parts.map((part) => ({ ...part, etag: etags?.get(part.part_number) ?? part.etag }));
    const response = await this.store.completeUpload(key, session.uploadId, known);
    return response.ok ? { status: 200, body: {} } : answers.invalid(await response.text());
  }

  /** Parameters in the query (Databricks' SDK) or in a JSON body (MLflow). */
  private async downloadUrl({ query, body }: FilesRequest): Promise<Answer> {
    const inBody = json<{ path?: string; expire_time?: string }>(body);
    const path = query.get('path') ?? inBody.path ?? '';
    const key = volumeKey(path);
    if (key === undefined) return answers.invalid(`path ${path}`);
    const seconds = secondsUntil(query.get('expire_time') ?? inBody.expire_time);
    if (seconds === undefined) return answers.invalid('expire_time');
    if (!(await this.store.exists(key))) return answers.fileMissing;
    const url = this.addresses.address(
      'GET',
      await this.store.sign('GET', key, Math.min(seconds, this.longestUrl)),
    );
    return { status: 200, body: { url, headers: this.headers() } };
  }

  private async uploadUrl({ body }: FilesRequest): Promise<Answer> {
    const key = volumeKey(json<{ path?: string }>(body).path ?? '');
    if (key === undefined) return answers.invalid('path');
    const url = this.addresses.address('PUT', await this.store.sign('PUT', key, 3600));
    return { status: 200, body: { url, headers: this.headers() } };
  }

  private async partUrls({ body }: FilesRequest): Promise<Answer> {
    const {
      session_token: token = '',
      start_part_number: first = 1,
      count = 1,
      expire_time: expire,
    } = json<{
      session_token?: string;
      start_part_number?: number;
      count?: number;
      expire_time?: string;
    }>(body);
    const session = this.sessions.get(token);
    const seconds = secondsUntil(expire);
    if (!session || seconds === undefined) return answers.invalid('session_token or expire_time');
    const urls = Array.from({ length: count }, async (_, i) => {
      const query = { partNumber: String(first + i), uploadId: session.uploadId };
      const url = this.addresses.address('PUT', await this.store.sign('PUT', session.key, seconds, query));
      return { part_number: first + i, url, headers: this.headers() };
    });
    return { status: 200, body: { upload_part_urls: await Promise.all(urls) } };
  }

  private async abortUrl({ body }: FilesRequest): Promise<Answer> {
    const session = this.sessions.get(json<{ session_token?: string }>(body).session_token ?? '');
    if (!session) return answers.invalid('session_token');
    const signed = await this.store.sign('DELETE', session.key, 3600, { uploadId: session.uploadId });
    // S3 answers 204 and the SDK wants 200 or 201, so the front translates.
    return {
      status: 200,
      body: { abort_upload_url: { url: this.addresses.address('DELETE', signed), headers: [] } },
    };
  }

  private async resumableUrl({ body }: FilesRequest): Promise<Answer> {
    const token = json<{ session_token?: string }>(body).session_token ?? '';
    if (!this.sessions.has(token)) return answers.invalid('session_token');
    return {
      status: 200,
      body: { resumable_upload_url: { url: this.addresses.resumable(token), headers: [] } },
    };
  }

  private headers(): { name: string; value: string }[] {
    return this.cloud === 'azure' ? [{ name: 'x-ms-blob-type', value: 'BlockBlob' }] : [];
  }
}

function volumeKey(path: string): string | undefined {
  return /^\/Volumes\/([^/]+\/[^/]+\/[^/]+\/.+)$/s.exec(path)?.[1];
}

function secondsUntil(time: string | null | undefined): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(time ?? '')) return undefined;
  return Math.max(1, Math.round((Date.parse(time!) - Date.now()) / 1000));
}

function json<T>(body: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(body) || '{}') as T;
}
