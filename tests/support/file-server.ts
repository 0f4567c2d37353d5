/**
 * A small web server over files in memory: ranges, ETags, `If-Match`, and an `index.json` that lists a folder. It
 * breaks answers when it is told to, each fault once and in order: that is how readers are tested against what
 * networks and servers do.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** Another answer. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection ends after so many bytes of the body, cleanly or by a reset. */
  | { readonly kind: 'cut'; readonly after: number; readonly reset?: boolean }
  /** Nothing more comes after so many bytes of the body. */
  | { readonly kind: 'stall'; readonly after: number }
  /** The whole file whatever was asked for. */
  | { readonly kind: 'ignore-range' }
  /** Other bytes than were asked for. */
  | { readonly kind: 'shift-range'; readonly by: number }
  /** More bytes than the file has. */
  | { readonly kind: 'longer'; readonly by: number }
  /** Before it answers, the file becomes another. */
  | { readonly kind: 'replace'; readonly bytes: Uint8Array }
  /** As without a fault: to hit a later request. */
  | { readonly kind: 'none' };

export interface SeenRequest {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly ifMatch: string | undefined;
  readonly authorization: string | undefined;
}

export class FileServer {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: SeenRequest[] = [];
  faults: Fault[] = [];
  /** Files that are answered by this status, always. */
  readonly refused = new Map<string, number>();
  /** Answers without ETags, as some servers do. */
  withoutETags = false;
  /** Milliseconds before each answer. */
  delay = 0;
  /** Requests that are being answered now, and the most of them at any time. */
  running = 0;
  mostRunning = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.running++;
      this.mostRunning = Math.max(this.mostRunning, this.running);
      response.once('close', () => this.running--);
      if (this.delay > 0) setTimeout(() => this.serve(request, response), this.delay);
      else this.serve(request, response);
    });
  }

  static async start(): Promise<FileServer> {
    const server = new FileServer();
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async dispose(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { range, authorization } = request.headers;
    const ifMatch = request.headers['if-match'];
    // Not `this.url`: a delayed answer may come after the server has ended.
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname).slice(1);
    this.requests.push({ at: Date.now(), method: request.method!, path, range, ifMatch, authorization });
    const fault = this.faults.shift() ?? { kind: 'none' };
    if (fault.kind === 'answer') {
      response.writeHead(fault.status, { ...fault.headers }).end(fault.body ?? '');
      return;
    }
    const refused = this.refused.get(path);
    if (refused !== undefined) {
      response.writeHead(refused, { 'Content-Type': 'text/html' }).end('<h1>No</h1>');
      return;
    }
    if (fault.kind === 'replace') this.files.set(path, fault.bytes);
    const bytes = this.files.get(path) ?? this.index(path);
    if (!bytes) {
      response.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>Not Found</h1>');
      return;
    }
    this.send(bytes, range, ifMatch, fault, response);
  }

  private send(
    bytes: Uint8Array,
    range: string | undefined,
    ifMatch: string | undefined,
    fault: Fault,
    response: ServerResponse,
  ): void {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const headers: Record<string, string> = this.withoutETags ? {} : { ETag: etag };
    if (ifMatch !== undefined && ifMatch !== etag) {
      response.writeHead(412, headers).end();
      return;
    }
    const asked = fault.kind === 'ignore-range' ? null : /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const shift = fault.kind === 'shift-range' ? fault.by : 0;
    const start = asked ? Number(asked[1]) + shift : 0;
    const end = asked?.[2] ? Math.min(bytes.byteLength, Number(asked[2]) + 1 + shift) : bytes.byteLength;
    if (asked && start >= bytes.byteLength) {
      response.writeHead(416, { ...headers, 'Content-Range': `bytes */${bytes.byteLength}` }).end();
      return;
    }
    if (asked) headers['Content-Range'] = `bytes ${start}-${end - 1}/${bytes.byteLength}`;
    const extra = fault.kind === 'longer' ? fault.by : 0;
    headers['Content-Length'] = String(end - start + extra);
    response.writeHead(asked ? 206 : 200, headers);
    if (fault.kind === 'cut' || fault.kind === 'stall') {
      // A body of no byte would hold the headers back too.
      response.flushHeaders();
      const part = bytes.subarray(start, Math.min(end, start + fault.after));
      response.write(part, () => {
        if (fault.kind === 'stall') return;
        setTimeout(() => (fault.reset ? response.socket?.resetAndDestroy() : response.socket?.end()), 10);
      });
      return;
    }
    response.end(Buffer.concat([bytes.subarray(start, end), new Uint8Array(extra)]));
  }

  /** The folder's list, for its `index.json`. */
  private index(path: string): Uint8Array | undefined {
    if (!/(^|\/)index\.json$/.test(path)) return undefined;
    const folder = path.slice(0, -'index.json'.length);
    const rows = [...this.files]
      .filter(([name]) => name.startsWith(folder))
      .map(([name, bytes]) => ({
        path: name.slice(folder.length),
        size: bytes.byteLength,
        etag: createHash('md5').update(bytes).digest('hex'),
      }));
    return rows.length === 0 && folder !== '' ? undefined : new TextEncoder().encode(JSON.stringify(rows));
  }
}
