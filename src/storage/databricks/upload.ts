/**
 * Writes of files to a Databricks volume. Up to 50 MiB go through the Files API in one PUT; larger ones by URLs of
 * the object store: in parts on AWS and Azure, as one resumable upload on Google Cloud. Where the first part gets no
 * URL or is refused (a firewall), the whole file goes through the Files API after all, unless there is no room for it; a
 * later failure aborts the upload, so that nothing half-written is left behind.
 */
import { RemoteError } from '../../core/index.ts';
import { type Http, type HttpAnswer, isWorthRetrying, objectFailure, refusalOf } from '../http/index.ts';
import { TransportError } from '../http/patience.ts';
import { partSizeFor, singleWriteLimit, writeParts } from '../parts.ts';
import { type FilesApi, FilesApiRefusal, type SignedRequest } from './files-api.ts';

const urlLife = 3_600_000;
/** New URLs for one part, in a row. */
const renewals = 3;
/** Times that a resumable upload asks how far it got, without having got farther. */
const statusQueries = 5;
const octets = { 'Content-Type': 'application/octet-stream' };

export interface UploadSizes {
  /** Larger files go in parts. */
  readonly limit: number;
  readonly part: (bytes: number) => number;
}
const usual: UploadSizes = { limit: singleWriteLimit, part: partSizeFor };

/** The first part did not get through: the Files API may be allowed where this machine is not. */
class Fallback extends Error {
  constructor(override readonly cause: unknown) {
    super('the first part did not get through');
  }
}

export class Uploader {
  constructor(
    private readonly api: FilesApi,
    private readonly http: Http,
    private readonly sizes: UploadSizes = usual,
    private readonly plain = false,
  ) {}

  /** @param path absolute: `/Volumes/…` */
  async write(path: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (bytes.byteLength <= this.sizes.limit || this.plain) return this.api.put(path, bytes, signal);
    let started: Awaited<ReturnType<FilesApi['initiateUpload']>>;
    try {
      started = await this.api.initiateUpload(path);
    } catch (error) {
      // A missing folder is the caller's to make, room nobody's here; any other reason: the plain way may be open.
      if (error instanceof FilesApiRefusal && ['missing', 'full'].includes(error.refusal.kind)) throw error;
      return this.api.put(path, bytes, signal);
    }
    try {
      if (started.kind === 'multipart') await this.multipart(path, bytes, started.session, signal);
      else await this.resumable(path, bytes, started.session, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Fallback)) throw error;
      await this.api.put(path, bytes, signal);
    }
  }

  private async multipart(
    path: string,
    bytes: Uint8Array,
    session: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const partSize = this.sizes.part(bytes.byteLength);
    const count = Math.ceil(bytes.byteLength / partSize);
    const urls = new PartUrls(this.api, path, session, count);
    const put = (part: Uint8Array, index: number, limit?: AbortSignal): Promise<string> =>
      this.putPart(urls, part, index, path, limit);
    try {
      const first = await put(bytes.subarray(0, partSize), 0, signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw isFull(error) ? error : new Fallback(error);
      });
      const rest = await writeParts(
        bytes.subarray(partSize),
        partSize,
        (part, index, limit) => put(part, index + 1, limit),
        signal,
      );
      await this.api.completeUpload(path, session, [first, ...rest]);
    } catch (error) {
      await this.abort(path, session);
      throw error;
    }
  }

  /** Returns the part's ETag; '' where the store has none (Azure). */
  private async putPart(
    urls: PartUrls,
    part: Uint8Array,
    index: number,
    label: string,
    signal?: AbortSignal,
  ): Promise<string> {
    for (let renewed = 0; ; renewed++) {
      const { url, headers } = await urls.get(index, renewed > 0);
      const answer = await this.http.send({
        url,
        method: 'PUT',
        headers: { ...octets, ...headers },
        body: part,
        label,
        signal,
        redirects: 'none',
      });
      if (answer.status === 200 || answer.status === 201) return answer.headers.get('etag') ?? '';
      const refusal = refusalOf(answer);
      if (refusal.kind !== 'expired' || renewed >= renewals) throw objectFailure(refusal, { label });
    }
  }

  /** What can't be cleaned up now, the store cleans up by itself some day. */
  private async abort(path: string, session: string): Promise<void> {
    try {
      const { url, headers } = await this.api.abortUrl(path, session, new Date(Date.now() + urlLife));
      await this.http.send({
        url,
        method: 'DELETE',
        headers: { ...octets, ...headers },
        label: path,
        redirects: 'none',
      });
    } catch {
      // The failure that led here is the one to tell.
    }
  }

  private async resumable(
    path: string,
    bytes: Uint8Array,
    session: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const upload = await this.api.resumableUrl(path, session).catch((error: unknown) => {
      throw new Fallback(error);
    });
    const partSize = this.sizes.part(bytes.byteLength);
    const total = bytes.byteLength;
    const patience = this.http.patience(path, signal);
    let confirmed = 0;
    let queries = 0;
    try {
      for (;;) {
        const end = Math.min(total, confirmed + partSize);
        // An asterisk: more will come. The last part names the size.
        const range = `bytes ${confirmed}-${end - 1}/${end === total ? total : '*'}`;
        let answer = await this.sendOnce(upload, range, path, bytes.subarray(confirmed, end), signal);
        while (answer === undefined || isWorthRetrying(answer)) {
          if (++queries > statusQueries) throw interrupted(path, confirmed, total);
          if (answer) await patience.afterAnswer(upload.url, answer, `status ${answer.status}`);
          else await patience.afterFailure(upload.url, new TransportError('the connection ended'));
          answer = await this.sendOnce(upload, 'bytes */*', path, undefined, signal);
        }
        if (answer.status === 200 || answer.status === 201) return;
        if (answer.status !== 308) {
          const failure = objectFailure(refusalOf(answer), { label: path });
          throw confirmed > 0 || isFull(failure) ? failure : new Fallback(failure);
        }
        const reached = reachedBy(answer);
        if (reached < confirmed || reached > end) throw interrupted(path, confirmed, total);
        if (reached > confirmed) queries = 0;
        else if (++queries > statusQueries) throw interrupted(path, confirmed, total);
        confirmed = reached;
      }
    } catch (error) {
      const { url, headers } = upload;
      await this.http
        .send({ url, method: 'DELETE', headers, label: path, redirects: 'none' })
        .catch(() => undefined);
      throw error;
    }
  }

  /** One try, because a repeated one could bring bytes twice. Undefined when the connection failed. */
  private async sendOnce(
    { url, headers }: SignedRequest,
    contentRange: string,
    label: string,
    body: Uint8Array | undefined,
    signal?: AbortSignal,
  ): Promise<HttpAnswer | undefined> {
    const request = {
      url,
      method: 'PUT',
      headers: { ...octets, ...headers, 'Content-Range': contentRange },
      body: body ?? new Uint8Array(),
      label,
      signal,
      redirects: 'none' as const,
    };
    try {
      return await this.http.once(request, async (response, chunks) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of chunks) pieces.push(piece.slice(0, 4096));
        return { status: response.status, headers: response.headers, body: pieces[0] ?? new Uint8Array() };
      });
    } catch (error) {
      if (error instanceof TransportError) return undefined;
      throw error;
    }
  }
}

/** URLs of parts, fetched as many at a time as there are batches. */
class PartUrls {
  private readonly batch: number;
  private readonly batches = new Map<number, Promise<readonly SignedRequest[]>>();

  constructor(
    private readonly api: FilesApi,
    private readonly path: string,
    private readonly session: string,
    private readonly count: number,
  ) {
    this.batch = Math.ceil(Math.sqrt(count));
  }

  /** @param index from 0; `fresh` after the URL has expired */
  async get(index: number, fresh: boolean): Promise<SignedRequest> {
    if (fresh) return (await this.ask(index, 1))[0]!;
    const start = index - (index % this.batch);
    let batch = this.batches.get(start);
    if (!batch) {
      batch = this.ask(start, Math.min(this.batch, this.count - start));
      this.batches.set(start, batch);
    }
    return (await batch)[index - start]!;
  }

  private async ask(index: number, count: number): Promise<readonly SignedRequest[]> {
    const expires = new Date(Date.now() + urlLife);
    return this.api.partUrls(this.path, this.session, index + 1, count, expires);
  }
}

function isFull(error: unknown): boolean {
  return error instanceof RemoteError && error.code === 'volume_full';
}

/** Bytes that the store has: the header names the last one, and is missing before the first. */
function reachedBy({ headers }: HttpAnswer): number {
  const last = /^bytes=0-(\d+)$/.exec(headers.get('range') ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

function interrupted(path: string, confirmed: number, total: number): RemoteError {
  return new RemoteError({
    code: 'upload_interrupted',
    expected: `${total} bytes to get to ${path}`,
    received: `a store that stopped at ${confirmed}`,
    fix: 'check the connection and write again: nothing half-written is left',
  });
}
