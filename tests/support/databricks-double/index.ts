/**
 * A protocol double of a Databricks workspace. The real one can't run here; this answers as the documents say, from
 * databricks-sdk-py (mixins/files.py, oauth.py, config.py), the Files API's public reference and MLflow's protos:
 *
 * - `/.well-known/databricks-config`, `/oidc/.well-known/oauth-authorization-server`, `/oidc/v1/token`
 * - `/api/2.0/fs/directories…`, `/api/2.0/fs/files…` with ranges, conditions and paging
 * - `create-download-url`, `create-upload-url`, `create-upload-part-urls`, `create-abort-upload-url`,
 *   `create-resumable-upload-url`, `initiate-upload`, `complete-upload`
 * - MLflow's addresses for files of runs and models (artifacts.ts)
 *
 * Bytes are in a bucket of a real S3 server (tests/support/seaweed.ts), and the URLs that it hands out lead there, so
 * that signatures, expiry and ranges are real. Faults (`faults.add`) answer instead; a URL that shall do harm leads to
 * `/store/…` here, which stands before the store; parts on Azure too, whose answers have no ETag. Google's resumable upload lives here whole: S3 has no such thing.
 *
 * What it was judged by: Databricks' own Python SDK as its client (tests/integration/databricks-sdk.test.ts).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { S3Server } from '../seaweed.ts';
import { type Answer, answers } from './answers.ts';
import { artifactAnswer } from './artifacts.ts';
import { Faults, type Harm } from './faults.ts';
import { type Cloud, FilesEndpoints } from './files.ts';
import { Tokens } from './oauth.ts';
import { Store } from './store.ts';

export { answers, storeAnswers } from './answers.ts';

export class DatabricksDouble {
  readonly tokens = new Tokens('robot', 'secret-of-the-robot');
  readonly token = 'dapi0123456789abcdef';
  readonly faults = new Faults();
  /** Every request: `GET /api/2.0/fs/…`, and what of it matters to tests. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[] = [];
  private readonly files: FilesEndpoints;
  private readonly uploads = new Map<string, { bytes: Uint8Array; total: number | undefined }>();
  private readonly sockets = new Set<Socket>();

  private constructor(
    readonly store: Store,
    private readonly server: Server,
  ) {
    this.tokens.add(this.token);
    this.files = new FilesEndpoints(store, {
      address: (method, url) =>
        method === 'DELETE' || this.withoutETags(method) || this.faults.waitsFor(`store ${method}`)
          ? `${this.host}/store/${encodeURIComponent(url)}`
          : url,
      resumable: (session) => `${this.host}/resumable/${session}`,
    });
    server.on('request', (request, response) => void this.serve(request, response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  /** @param bucket of the S3 server; made here */
  static async start(s3: S3Server, bucket = 'workspace'): Promise<DatabricksDouble> {
    await s3.bucket(bucket);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new DatabricksDouble(new Store(s3, bucket), server);
  }

  get host(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** For our own code and for Databricks' SDK. */
  get environment(): Record<string, string> {
    return { DATABRICKS_HOST: this.host, DATABRICKS_TOKEN: this.token };
  }

  get robotEnvironment(): Record<string, string> {
    const { clientId, clientSecret } = this.tokens;
    return {
      DATABRICKS_HOST: this.host,
      DATABRICKS_CLIENT_ID: clientId,
      DATABRICKS_CLIENT_SECRET: clientSecret,
    };
  }

  set cloud(cloud: Cloud) {
    this.files.cloud = cloud;
  }

  set longestUrl(seconds: number) {
    this.files.longestUrl = seconds;
  }

  set pageLimit(value: number) {
    this.files.pageLimit = value;
  }

  set makesFolders(value: boolean) {
    this.files.makesFolders = value;
  }

  /** Puts a file into a volume, past the API. @param path `/Volumes/…` */
  put(path: string, bytes: Uint8Array | string): Promise<void> {
    return this.store.server.put(this.store.bucket, path.replace('/Volumes/', ''), bytes);
  }

  /** Requests so far whose line matches. */
  count(line: RegExp): number {
    return this.requests.filter((request) => line.test(request.line)).length;
  }

  reset(): void {
    this.requests.length = 0;
    this.faults.clear();
    this.files.cloud = 'aws';
    this.files.makesFolders = true;
    this.files.pageLimit = 1000;
    this.files.longestUrl = 604_800;
  }

  async dispose(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.host);
    const line = `${request.method} ${url.pathname}`;
    this.requests.push({ line: `${line}${url.search}`, headers: request.headers });
    try {
      const body = await bodyOf(request);
      const harm = this.faults.take(
        url.pathname.startsWith('/store/') ? `store ${request.method}` : `${line}${url.search}`,
      );
      if (harm && 'answer' in harm) return send(response, harm.answer);
      if (url.pathname.startsWith('/store/'))
        return await this.beforeStore(request, url, body, response, harm);
      if (url.pathname.startsWith('/resumable/'))
        return send(response, await this.resume(request, url, body));
      const open = this.withoutToken(request, url, body);
      if (open) return send(response, open);
      const refused = this.tokens.check(request.headers.authorization);
      if (refused) return send(response, refused);
      const path = decodeURIComponent(url.pathname.slice('/api/2.0/fs'.length));
      const artifact = await artifactAnswer(line, body, this.store);
      if (artifact) return send(response, artifact);
      if (!url.pathname.startsWith('/api/2.0/fs/')) return send(response, answers.unknownRoute);
      if ((request.method === 'GET' || request.method === 'HEAD') && path.startsWith('/files/')) {
        const key = path.replace('/files/Volumes/', '');
        return await this.pass(
          await this.store.request(request.method, key, { headers: conditions(request) }),
          response,
          harm,
        );
      }
      const { method, headers } = request;
      send(
        response,
        await this.files.answer({ method: method!, path, query: url.searchParams, headers, body }),
      );
    } catch (error) {
      if (!response.headersSent)
        send(response, { status: 500, body: { error_code: 'INTERNAL_ERROR', message: String(error) } });
    }
  }

  private withoutToken(request: IncomingMessage, url: URL, body: Uint8Array): Answer | undefined {
    const { host } = this;
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /.well-known/databricks-config':
        return {
          status: 200,
          body: { oidc_endpoint: `${host}/oidc`, account_id: 'account-1', workspace_id: '1', cloud: 'aws' },
        };
      case 'GET /oidc/.well-known/oauth-authorization-server':
        return {
          status: 200,
          body: {
            authorization_endpoint: `${host}/oidc/v1/authorize`,
            token_endpoint: `${host}/oidc/v1/token`,
          },
        };
      case 'POST /oidc/v1/token':
        return this.tokens.issue(request.headers.authorization, new TextDecoder().decode(body));
      default:
        return undefined;
    }
  }

  /** Stands before the store for URLs that shall do harm. Databricks' token must not come here. */
  private async beforeStore(
    request: IncomingMessage,
    url: URL,
    body: Uint8Array,
    response: ServerResponse,
    harm: Harm | undefined,
  ): Promise<void> {
    if (request.headers.authorization) return send(response, { status: 400, body: 'a token at the store' });
    const target = decodeURIComponent(url.pathname.slice('/store/'.length)) + url.search;
    const method = request.method!;
    const answer = await fetch(target, {
      method,
      headers: conditions(request),
      ...(method === 'PUT' ? { body: body as Uint8Array<ArrayBuffer> } : {}),
    });
    if (method === 'DELETE') return send(response, { status: answer.ok ? 200 : answer.status });
    await this.pass(answer, response, harm);
  }

  /** Azure gives blocks none. */
  private withoutETags(method: string): boolean {
    return method === 'PUT' && this.files.cloud === 'azure';
  }

  private async pass(answer: Response, response: ServerResponse, harm: Harm | undefined): Promise<void> {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const kept = [
      'content-type',
      'content-range',
      'last-modified',
      'content-length',
      'accept-ranges',
      'etag',
    ];
    const headers = kept
      // The Files API is not documented to tell ETags; the store is.
      .filter(
        (name) =>
          answer.headers.has(name) &&
          (name !== 'etag' ||
            (response.req.url!.startsWith('/store/') && !this.withoutETags(response.req.method!))),
      )
      .map((name) => [name, answer.headers.get(name)!] as const);
    if (answer.status === 404 && !response.req.url!.startsWith('/store/'))
      return send(response, answers.fileMissing);
    response.writeHead(answer.status, Object.fromEntries(headers));
    if (response.req.method === 'HEAD') return void response.end();
    if (!harm || !('breakAfter' in harm)) return void response.end(bytes);
    response.write(bytes.subarray(0, harm.breakAfter), () => response.destroy());
  }

  /** Google's resumable upload: https://cloud.google.com/storage/docs/performing-resumable-uploads */
  private async resume(request: IncomingMessage, url: URL, body: Uint8Array): Promise<Answer> {
    const session = url.pathname.slice('/resumable/'.length);
    const key = this.files.keyOfSession(session);
    if (key === undefined) return { status: 404 };
    if (request.method === 'DELETE') {
      this.uploads.delete(session);
      return { status: 200 };
    }
    const upload = this.uploads.get(session) ?? { bytes: new Uint8Array(), total: undefined };
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '');
    if (!range) return { status: 400, body: 'Content-Range' };
    if (range[1] !== undefined) {
      if (
        Number(range[1]) !== upload.bytes.length ||
        Number(range[2]) - Number(range[1]) + 1 !== body.length
      ) {
        return { status: 400, body: 'the range does not fit' };
      }
      upload.bytes = Buffer.concat([upload.bytes, body]);
      upload.total = range[3] === '*' ? undefined : Number(range[3]);
      this.uploads.set(session, upload);
    }
    if (upload.total === upload.bytes.length && upload.total !== undefined) {
      await this.store.request('PUT', key, { body: upload.bytes });
      return { status: 200, body: {} };
    }
    const { length } = upload.bytes;
    return { status: 308, ...(length > 0 ? { headers: { Range: `bytes=0-${length - 1}` } } : {}) };
  }
}

function conditions(request: IncomingMessage): Record<string, string> {
  const names = ['range', 'if-unmodified-since', 'if-match'];
  return Object.fromEntries(
    names.filter((name) => request.headers[name]).map((name) => [name, String(request.headers[name])]),
  );
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

function send(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'object' ? { 'Content-Type': 'application/json' } : {};
  // 204 and 308 have no body.
  response.writeHead(status, {
    ...type,
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(text) }),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
