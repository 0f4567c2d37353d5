/**
 * A stand-in for the Hugging Face hub, which tests can't reach: model information, file resolution with ETag,
 * ranges and `X-Repo-Commit`, redirects of large files to a content server with a signed address, and the hub's
 * answers 401, 403, 404 and 429. It can be told to break connections. Layout as huggingface.co documents it.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubRepository {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Needs `Authorization: Bearer <token>`. */
  readonly token?: string;
  /** Its terms were not accepted: 403 even with the token. */
  readonly gated?: boolean;
}

const exposed =
  'X-Repo-Commit, X-Error-Code, X-Error-Message, ETag, Link, Accept-Ranges, Content-Range, X-Linked-Size, X-Linked-ETag';

export class HubServer {
  readonly requests: {
    method: string;
    path: string;
    range: string | undefined;
    authorization: string | undefined;
  }[] = [];
  /** Connections that still are to break after this many bytes. */
  breaks: number[] = [];
  /** Downloads (not questions) that still are to be answered with 429. */
  throttled = 0;
  /** A download (not a question) is answered when what this returns for it has come. */
  gate: (() => Promise<void> | undefined) | undefined;
  private readonly server: Server;

  private constructor(private readonly repositories: Readonly<Record<string, HubRepository>>) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async start(repositories: Readonly<Record<string, HubRepository>>): Promise<HubServer> {
    const hub = new HubServer(repositories);
    await new Promise<void>((resolve) => hub.server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async dispose(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  static commitOf(repository: HubRepository): string {
    return createHash('sha1').update(Object.keys(repository.files).join()).digest('hex');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, this.endpoint);
    const { authorization, range } = request.headers;
    // As the hub does: pages of any origin may read, with these headers.
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', exposed);
    if (request.method === 'OPTIONS') {
      response.writeHead(200, {
        'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
        'Access-Control-Allow-Headers': 'Authorization, Range, If-None-Match',
      });
      response.end();
      return;
    }
    this.requests.push({ method: request.method!, path: url.pathname, range, authorization });
    if (this.throttled > 0 && range !== 'bytes=0-0' && !url.pathname.startsWith('/api/')) {
      this.throttled--;
      response.writeHead(429, { 'Retry-After': '1', 'Content-Type': 'application/json' });
      response.end('{"error":"We had to rate limit you"}');
      return;
    }
    const content = /^\/cdn\/(.+?)\/([0-9a-f]{64})$/.exec(url.pathname);
    if (content) {
      const answer = (): void => this.content(content[1]!, content[2]!, url, request, response);
      const gate = range === 'bytes=0-0' ? undefined : this.gate?.();
      if (gate) void gate.then(answer);
      else answer();
      return;
    }
    const information = /^\/api\/models\/(.+)\/revision\/([^/]+)$/.exec(url.pathname);
    const resolve = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const name = information?.[1] ?? resolve?.[1] ?? '';
    const repository = this.repositories[name];
    // The hub doesn't say whether a private repository exists.
    if (!repository || (repository.token && authorization !== `Bearer ${repository.token}`)) {
      response.writeHead(401, { 'X-Error-Code': 'RepoNotFound', 'Content-Type': 'application/json' });
      response.end('{"error":"Invalid username or password."}');
      return;
    }
    if (repository.gated) {
      response.writeHead(403, { 'X-Error-Code': 'GatedRepo', 'Content-Type': 'application/json' });
      response.end('{"error":"Access to this model is restricted."}');
      return;
    }
    const commit = HubServer.commitOf(repository);
    if (!['main', commit].includes(information?.[2] ?? resolve?.[2] ?? '')) {
      response.writeHead(404, { 'X-Error-Code': 'RevisionNotFound', 'Content-Type': 'application/json' });
      response.end('{"error":"Revision not found"}');
      return;
    }
    if (information) {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(
        JSON.stringify({
          _id: '1',
          id: name,
          private: false,
          gated: false,
          downloads: 0,
          likes: 0,
          lastModified: '2024-01-01T00:00:00.000Z',
          sha: commit,
          siblings: Object.keys(repository.files).map((rfilename) => ({ rfilename })),
        }),
      );
      return;
    }
    const bytes = repository.files[decodeURIComponent(resolve![3]!)];
    if (!bytes) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound', 'Content-Type': 'application/json' });
      response.end('{"error":"Entry not found"}');
      return;
    }
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (resolve![3]!.endsWith('.safetensors')) {
      response.writeHead(302, {
        Location: `${this.endpoint}/cdn/${name}/${digest}?signature=s3cret`,
        'X-Repo-Commit': commit,
        'X-Linked-ETag': `"${digest}"`,
        'X-Linked-Size': String(bytes.byteLength),
      });
      response.end();
      return;
    }
    this.send(bytes, `"${digest.slice(0, 40)}"`, request, response, { 'X-Repo-Commit': commit });
  }

  private content(
    name: string,
    digest: string,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const bytes = Object.values(this.repositories[name]?.files ?? {}).find(
      (file) => createHash('sha256').update(file).digest('hex') === digest,
    );
    if (!bytes || url.searchParams.get('signature') !== 's3cret') {
      response.writeHead(403).end();
      return;
    }
    this.send(bytes, `"${digest}"`, request, response, {});
  }

  private send(
    bytes: Uint8Array,
    etag: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Record<string, string>,
  ): void {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.byteLength) : bytes.byteLength;
    response.writeHead(range ? 206 : 200, {
      ...headers,
      ETag: etag,
      'Accept-Ranges': 'bytes',
      'Content-Length': String(end - start),
      ...(range ? { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.byteLength}` } : {}),
    });
    const breakAfter = end - start > 1 ? this.breaks.shift() : undefined;
    if (breakAfter === undefined) {
      response.end(bytes.subarray(start, end));
      return;
    }
    response.write(bytes.subarray(start, Math.min(end, start + breakAfter)), () =>
      setTimeout(() => response.destroy(), 20),
    );
  }
}
