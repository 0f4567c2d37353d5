/**
 * Databricks' Files API (`/api/2.0/fs`), one function per request. Paths are absolute (`/Volumes/…`), escaped part
 * by part; every request carries the workspace's token, and is tried once more with a new one after a 401.
 *
 * The endpoints that make URLs (`create-…-url`) are what Databricks' own SDKs and MLflow use, but they are not
 * documented; what they are good for is in `read.ts` and `upload.ts`, both of which do without when they must.
 */
import { RemoteError } from '../../core/index.ts';
import {
  type Http,
  type HttpAnswer,
  type HttpRequest,
  isWorthRetrying,
  objectFailure,
  type Refusal,
  refusalOf,
} from '../http/index.ts';
import { escapePath } from '../paths.ts';
import type { DatabricksAccess } from './types.ts';

export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** A URL with the headers that belong to it; both are secrets. */
export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The workspace's answer to a request that it refuses. */
export class FilesApiRefusal extends Error {
  override readonly name = 'FilesApiRefusal';

  constructor(
    readonly refusal: Refusal,
    /** `details[].reason` of Google's ErrorInfo: `FILES_API_API_IS_NOT_ENABLED`, …; '' when there is none. */
    readonly reason: string,
  ) {
    super(`${refusal.status} ${refusal.code}`);
  }
}

interface Call {
  readonly method: string;
  /** Below `/api/2.0/fs`, escaped. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: Uint8Array;
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
  readonly retry?: (answer: HttpAnswer) => boolean;
}

export class FilesApi {
  constructor(
    readonly access: DatabricksAccess,
    readonly http: Http,
  ) {}

  /** All of a folder, page by page. */
  async listFolder(path: string, signal?: AbortSignal): Promise<FolderEntry[]> {
    const found: FolderEntry[] = [];
    for (let token = ''; ; ) {
      const answer = await this.call({
        method: 'GET',
        path: `/directories${escapePath(path)}`,
        query: { page_size: '1000', ...(token ? { page_token: token } : {}) },
        label: path,
        signal,
      });
      const { contents = [], next_page_token: next = '' } = this.json<ListAnswer>(answer, path);
      for (const {
        name,
        path: at,
        is_directory: isFolder = false,
        file_size: size = 0,
        last_modified: modified = 0,
      } of contents) {
        found.push({
          name: name ?? at!.slice(at!.lastIndexOf('/') + 1),
          isFolder,
          size: Number(size),
          modified: Number(modified),
        });
      }
      // A page may be empty and still not be the last.
      if (!next || next === token) return found;
      token = next;
    }
  }

  async makeFolder(path: string, signal?: AbortSignal): Promise<void> {
    await this.call({ method: 'PUT', path: `/directories${escapePath(path)}`, label: path, signal });
  }

  /** In bytes. */
  async sizeOf(path: string, signal?: AbortSignal): Promise<number> {
    const request = { method: 'HEAD', path: `/files${escapePath(path)}`, label: path, signal };
    const answer = await this.call(request).catch(async (error: unknown) => {
      if (error instanceof FilesApiRefusal && error.refusal.kind === 'denied')
        await this.askWhy(path, signal);
      throw error;
    });
    const length = answer.headers.get('content-length');
    if (length === null || !/^\d+$/.test(length)) throw this.unexpected(path, 'no size');
    return Number(length);
  }

  /** An answer to HEAD has no words; one to a look at the folder above has. */
  private async askWhy(path: string, signal?: AbortSignal): Promise<void> {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const query = { page_size: '1' };
    await this.call({ method: 'GET', path: `/directories${escapePath(folder)}`, query, label: path, signal });
  }

  /** Where and how to read a file's bytes through the workspace itself. */
  async plainAddress(path: string, signal?: AbortSignal): Promise<SignedRequest> {
    return {
      url: `${this.access.host}/api/2.0/fs/files${escapePath(path)}`,
      headers: { Authorization: await this.access.authorization(signal) },
    };
  }

  async put(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const query = { overwrite: 'true' };
    await this.call({ method: 'PUT', path: `/files${escapePath(path)}`, query, body, label: path, signal });
  }

  async remove(path: string): Promise<void> {
    await this.call({ method: 'DELETE', path: `/files${escapePath(path)}`, label: path });
  }

  /** A URL of the object store to read a file; parameters go in the query, as Databricks' SDK sends them. */
  async downloadUrl(path: string, expires: Date): Promise<SignedRequest> {
    const query = { path, expire_time: rfc3339(expires) };
    const answer = await this.call({
      method: 'POST',
      path: '/create-download-url',
      query,
      label: path,
      retry,
    });
    return this.signed(this.json<UrlAnswer>(answer, path), path);
  }

  async initiateUpload(
    path: string,
  ): Promise<{ readonly kind: 'multipart' | 'resumable'; readonly session: string }> {
    const query = { action: 'initiate-upload', overwrite: 'true' };
    const answer = await this.call({
      method: 'POST',
      path: `/files${escapePath(path)}`,
      query,
      label: path,
      retry,
    });
    const { multipart_upload: parts, resumable_upload: resumable } = this.json<InitiateAnswer>(answer, path);
    if (parts?.session_token) return { kind: 'multipart', session: parts.session_token };
    if (resumable?.session_token) return { kind: 'resumable', session: resumable.session_token };
    throw this.unexpected(path, 'no upload session');
  }

  /** URLs for `count` parts, counted from 1. */
  async partUrls(
    path: string,
    session: string,
    first: number,
    count: number,
    expires: Date,
  ): Promise<SignedRequest[]> {
    const json = {
      path,
      session_token: session,
      start_part_number: first,
      count,
      expire_time: rfc3339(expires),
    };
    const answer = await this.call({
      method: 'POST',
      path: '/create-upload-part-urls',
      json,
      label: path,
      retry,
    });
    const { upload_part_urls: urls = [] } = this.json<{
      upload_part_urls?: (UrlAnswer & { part_number?: number })[];
    }>(answer, path);
    return Array.from({ length: count }, (_, i) => {
      const url = urls.find(({ part_number: number }) => Number(number) === first + i);
      if (!url) throw this.unexpected(path, `no URL for part ${first + i}`);
      return this.signed(url, path);
    });
  }

  async completeUpload(path: string, session: string, etags: readonly string[]): Promise<void> {
    await this.call({
      method: 'POST',
      path: `/files${escapePath(path)}`,
      query: { action: 'complete-upload', upload_type: 'multipart', session_token: session },
      json: { parts: etags.map((etag, i) => ({ part_number: i + 1, etag })) },
      label: path,
    });
  }

  async abortUrl(path: string, session: string, expires: Date): Promise<SignedRequest> {
    const json = { path, session_token: session, expire_time: rfc3339(expires) };
    const answer = await this.call({ method: 'POST', path: '/create-abort-upload-url', json, label: path });
    return this.signed(this.json<{ abort_upload_url?: UrlAnswer }>(answer, path).abort_upload_url, path);
  }

  async resumableUrl(path: string, session: string): Promise<SignedRequest> {
    const json = { path, session_token: session };
    const answer = await this.call({
      method: 'POST',
      path: '/create-resumable-upload-url',
      json,
      label: path,
      retry,
    });
    return this.signed(
      this.json<{ resumable_upload_url?: UrlAnswer }>(answer, path).resumable_upload_url,
      path,
    );
  }

  /** What people should read about a refusal. */
  failure(error: unknown, label: string): unknown {
    if (!(error instanceof FilesApiRefusal)) return error;
    const { refusal } = error;
    if (isAboutToken(refusal)) {
      return new RemoteError({
        code: 'databricks_sign_in_refused',
        expected: `a token that ${this.access.host} accepts`,
        received: this.access.redact(`status ${refusal.status} ${refusal.message}`),
        fix: 'the token may have expired or been revoked: make a new one, or sign in as a service principal',
        signInRefused: true,
      });
    }
    return objectFailure({ ...refusal, message: this.access.redact(refusal.message) }, { label });
  }

  private async call(call: Call): Promise<HttpAnswer> {
    const query = call.query ? `?${new URLSearchParams(call.query)}` : '';
    for (let renewed = false; ; renewed = true) {
      const authorization = await this.access.authorization(call.signal);
      const request: HttpRequest = {
        url: `${this.access.host}/api/2.0/fs${call.path}${query}`,
        method: call.method,
        label: call.label,
        signal: call.signal,
        // A redirect could carry the token away.
        redirects: 'none',
        headers: {
          Authorization: authorization,
          Accept: 'application/json',
          ...(call.json === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(call.body === undefined ? {} : { 'Content-Type': 'application/octet-stream' }),
        },
        ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
        ...(call.body === undefined ? {} : { body: call.body }),
        ...(call.retry ? { retry: call.retry } : {}),
      };
      const answer = await this.http.send(request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const refusal = refusalOf(answer);
      // An answer to HEAD has no body that could say why.
      const perhaps = isAboutToken(refusal) || (call.method === 'HEAD' && answer.status === 403);
      if (perhaps && !renewed && (await this.access.renew(authorization))) continue;
      throw new FilesApiRefusal(refusal, reasonOf(answer));
    }
  }

  private json<Answer>(answer: HttpAnswer, label: string): Answer {
    try {
      const value: unknown = JSON.parse(new TextDecoder().decode(answer.body) || '{}');
      if (typeof value === 'object' && value !== null) return value as Answer;
    } catch {
      // Proxies and sign-in pages answer 200 with HTML.
    }
    throw this.unexpected(label, 'no JSON');
  }

  private signed(answer: UrlAnswer | undefined, label: string): SignedRequest {
    const url = answer?.url !== undefined && URL.canParse(answer.url) ? new URL(answer.url) : undefined;
    // Without TLS only where the workspace itself is on this machine.
    const safe =
      url?.protocol === 'https:' || (url?.protocol === 'http:' && this.access.host.startsWith('http:'));
    if (!url || !safe) throw this.unexpected(label, 'no URL on TLS');
    const headers = Object.fromEntries((answer?.headers ?? []).map(({ name, value }) => [name, value]));
    return { url: url.href, headers };
  }

  private unexpected(label: string, received: string): RemoteError {
    return new RemoteError({
      code: 'answer_invalid',
      expected: `the Files API of ${this.access.host} to answer about ${label}`,
      received,
      fix: 'check that DATABRICKS_HOST is the address of a workspace',
    });
  }
}

interface ListAnswer {
  readonly contents?: readonly {
    readonly path?: string;
    readonly name?: string;
    readonly is_directory?: boolean;
    readonly file_size?: number | string;
    readonly last_modified?: number | string;
  }[];
  readonly next_page_token?: string;
}

interface UrlAnswer {
  readonly url?: string;
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
}

interface InitiateAnswer {
  readonly multipart_upload?: { readonly session_token?: string };
  readonly resumable_upload?: { readonly session_token?: string };
}

/** Whether a refusal is about who asks, not about what may be read: workspaces say so by 401 and by 403. */
export function isAboutToken({ status, kind, message }: Refusal): boolean {
  return (
    status === 401 || (status === 403 && (kind === 'expired' || /invalid (access )?token/i.test(message)))
  );
}

/** Where URLs can't be made, asking again changes nothing; other 500s may pass. */
function retry(answer: HttpAnswer): boolean {
  return isWorthRetrying(answer) && reasonOf(answer) === '';
}

function reasonOf({ body }: HttpAnswer): string {
  try {
    const { details } = JSON.parse(new TextDecoder().decode(body.subarray(0, 64 * 1024))) as {
      details?: { reason?: unknown }[];
    };
    const found = details?.find(({ reason }) => typeof reason === 'string');
    return (found?.reason as string | undefined) ?? '';
  } catch {
    return '';
  }
}

/** Without fractions of a second: `2026-01-02T03:04:05Z`. */
function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
