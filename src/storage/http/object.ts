/**
 * The bytes of one object, or a range of them, exactly: a connection that breaks is taken up where it stopped
 * (`Range`, with `If-Match` so that two versions are never glued together), an address that expired is asked for
 * anew, and what came is checked against what was asked and announced before anyone sees it.
 */
import { fetchIsRestricted, type WireAnswer } from '#platform';
import { DataError, type OcelliError, RemoteError } from '../../core/index.ts';
import { expectedLength, type Http, isWorthRetrying } from './client.ts';
import { TransportError, TruncatedError } from './patience.ts';
import { type Refusal, refusalOf, refusalText, refusesSignIn } from './refusal.ts';
import type { HttpAnswer, HttpRequest } from './types.ts';

export interface ObjectAddress {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface ObjectRead {
  /** For messages: `s3://bucket/a.jpg`. */
  readonly label: string;
  /** Where the object can be read now; asked before each try. */
  address(signal: AbortSignal | undefined): Promise<ObjectAddress>;
  /**
   * The server refused that address (`expired`, `skew` or `denied`): whether the next one will be another. Left
   * out: an address is all there is.
   */
  renew?(address: ObjectAddress, refusal: Refusal): boolean | Promise<boolean>;
  /** `[start, end)`; left out: the whole. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** The version that is meant; another one is a DataError `file_changed`. */
  readonly etag?: string | undefined;
  readonly redirects?: HttpRequest['redirects'];
  readonly signal?: AbortSignal | undefined;
}

export interface ObjectBytes {
  readonly bytes: Uint8Array;
  /** Of the whole object, where the server tells. */
  readonly size: number | undefined;
  readonly etag: string | undefined;
}

/** New addresses in a row without a byte between them. */
const renewals = 3;
/** What is read and thrown away at most where a server ignores ranges. */
const largestDetour = 64 * 2 ** 20;

/**
 * @throws DataError `file_missing`, `range_outside_file`, `file_changed`, `file_truncated`; RemoteError for everything between here
 * and there
 */
export async function readObject(http: Http, read: ObjectRead): Promise<ObjectBytes> {
  const { range } = read;
  if (range && !(range.start >= 0 && range.end >= range.start))
    throw outside(read, 'a range that ends before it begins');
  if (range && range.start === range.end) {
    return { bytes: new Uint8Array(), size: undefined, etag: read.etag };
  }
  const patience = http.patience(read.label, read.signal);
  const state = new Received(read, http.options.conditional ?? !fetchIsRestricted);
  let renewed = 0;
  for (;;) {
    const before = state.received;
    const address = await read.address(read.signal);
    const request = state.request(address);
    try {
      const answer = await http.once(request, (response, chunks) => state.take(request, response, chunks));
      if (answer === 'done') return state.result();
      if (answer === 'changed') continue;
      const refusal = refusalOf(answer);
      if (isWorthRetrying(answer)) {
        if (state.received > before) patience.progress();
        await patience.afterAnswer(address.url, answer, refusalText(refusal));
      } else if (isRight(refusal) && renewed < renewals && (await read.renew?.(address, refusal))) {
        renewed++;
      } else {
        throw objectFailure(refusal, read);
      }
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (state.received > before) {
        patience.progress();
        renewed = 0;
      }
      await patience.afterFailure(address.url, error).catch((end: unknown) => {
        throw error instanceof TruncatedError && end instanceof RemoteError ? truncated(read, error) : end;
      });
    }
  }
}

/** Bytes of the object in all, by asking for its first one: a URL that is signed for GET serves no HEAD. */
export async function objectSize(http: Http, read: Omit<ObjectRead, 'range'>): Promise<ObjectBytes> {
  try {
    const first = await readObject(http, { ...read, range: { start: 0, end: 1 } });
    if (first.size !== undefined) return first;
    // The browser may not see Content-Range: the whole tells.
    const whole = await readObject(http, read);
    return { ...whole, size: whole.bytes.byteLength };
  } catch (error) {
    // An empty object has no first byte.
    if (!(error instanceof DataError) || error.code !== 'range_outside_file') throw error;
    const whole = await readObject(http, read);
    return { ...whole, size: whole.bytes.byteLength };
  }
}

/** What has come so far, over all tries. */
class Received {
  received = 0;
  private target: Uint8Array | undefined;
  /** Bytes wanted in all, as soon as they are known. */
  private wanted: number | undefined;
  private size: number | undefined;
  private etag: string | undefined;
  /** Of servers without ETags. */
  private modified: string | undefined;
  private restarts = 0;
  private readonly start: number;

  constructor(
    private readonly read: ObjectRead,
    private readonly conditional: boolean,
  ) {
    this.etag = read.etag;
    this.start = read.range?.start ?? 0;
    this.wanted = read.range ? read.range.end - read.range.start : undefined;
  }

  request({ url, headers }: ObjectAddress): HttpRequest {
    const { read } = this;
    const from = this.start + this.received;
    const ranged = read.range !== undefined || this.received > 0;
    // Where the end is known it is said: an open range of a changed file would bring something else.
    const to = this.wanted === undefined ? '' : this.start + this.wanted - 1;
    const match = this.conditional && ranged && this.etag && !this.etag.startsWith('W/');
    const since = this.conditional && ranged && this.etag === undefined ? this.modified : undefined;
    return {
      url,
      label: read.label,
      signal: read.signal,
      redirects: read.redirects ?? 'same-host',
      headers: {
        ...headers,
        ...(ranged ? { Range: `bytes=${from}-${to}` } : {}),
        ...(match ? { 'If-Match': this.etag! } : {}),
        ...(since ? { 'If-Unmodified-Since': since } : {}),
      },
    };
  }

  /** Takes an answer's bytes. Gives back an answer that has none of them, for the caller to judge. */
  async take(
    request: HttpRequest,
    response: WireAnswer,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<'done' | 'changed' | HttpAnswer> {
    if (response.status !== 200 && response.status !== 206) {
      if (response.status === 412 && this.restart()) return 'changed';
      return { status: response.status, headers: response.headers, body: await beginning(chunks) };
    }
    if (!this.sameVersion(response)) {
      if (this.restart()) return 'changed';
      throw changed(this.read);
    }
    const skipped = this.place(request, response);
    await this.fill(chunks, skipped, response.status === 200 && request.headers?.Range !== undefined);
    if (this.wanted !== undefined && this.received < this.wanted) {
      throw new TruncatedError(`the connection ended after ${this.received} of ${this.wanted} bytes`);
    }
    return 'done';
  }

  result(): ObjectBytes {
    const bytes = this.target?.subarray(0, this.received) ?? new Uint8Array();
    return { bytes, size: this.size ?? (this.read.range ? undefined : bytes.byteLength), etag: this.etag };
  }

  /** Begins again with the new version, when the old one was learnt in this very read. */
  private restart(): boolean {
    if (this.read.etag !== undefined || this.received === 0 || this.restarts >= 2) return false;
    this.restarts++;
    this.received = 0;
    this.etag = undefined;
    this.modified = undefined;
    this.size = undefined;
    this.target = undefined;
    this.wanted = this.read.range ? this.wanted : undefined;
    return true;
  }

  private sameVersion(response: WireAnswer): boolean {
    const seen = response.headers.get('etag') || undefined;
    const modified = response.headers.get('last-modified') || undefined;
    if (seen === undefined) {
      if (this.modified !== undefined && modified !== undefined && modified !== this.modified) return false;
      this.modified ??= modified;
      return true;
    }
    if (this.etag !== undefined && strong(this.etag) !== strong(seen)) return false;
    this.etag ??= seen;
    return true;
  }

  /** Checks which bytes an answer holds, and returns how many of them come before the first wanted one. */
  private place(request: HttpRequest, response: WireAnswer): number {
    const asked = this.start + this.received;
    const ranged = request.headers?.Range !== undefined;
    const length = expectedLength(request, response);
    if (response.status === 206) {
      const part = contentRange(response);
      if (!ranged) throw invalid(this.read, 'part of the object where the whole was asked for');
      // Some servers answer so instead of 416.
      if (length === 0) throw outside(this.read, 'no bytes there');
      if (!part) return 0;
      if (part.start !== asked)
        throw invalid(this.read, `bytes from ${part.start} on where ${asked} was asked for`);
      if (part.size !== undefined) this.learnSize(part.size);
      // A shorter part is the object's end, or a server that stops where it likes; then the rest is asked for.
      if (this.wanted !== undefined && part.size !== undefined && this.start + this.wanted > part.size) {
        throw outside(this.read, `${part.size} bytes`);
      }
      return 0;
    }
    if (length !== undefined) this.learnSize(length);
    if (!ranged) {
      this.wanted = length;
      // A body of unknown length can't be taken up again: its end would not be known.
      if (length === undefined) this.received = 0;
      return 0;
    }
    if (this.size === undefined || this.size > largestDetour) {
      throw new RemoteError({
        code: 'range_ignored',
        expected: `bytes ${asked}… of ${this.read.label}`,
        received: 'the whole object: the server does not serve ranges',
        fix: 'serve the files from a server that supports Range requests',
      });
    }
    this.wanted ??= this.size - this.start;
    if (this.start + this.wanted > this.size) throw outside(this.read, `${this.size} bytes`);
    return asked;
  }

  private learnSize(size: number): void {
    if (this.size !== undefined && this.size !== size) throw changed(this.read);
    this.size = size;
  }

  /** @param whole whether more comes than was asked for: the server ignored the range */
  private async fill(chunks: AsyncIterable<Uint8Array>, skipped: number, whole: boolean): Promise<void> {
    let skip = skipped;
    for await (const chunk of chunks) {
      const piece = skip > 0 ? chunk.subarray(Math.min(skip, chunk.byteLength)) : chunk;
      skip = Math.max(0, skip - chunk.byteLength);
      if (piece.byteLength === 0) continue;
      const room = this.wanted === undefined ? Number.POSITIVE_INFINITY : this.wanted - this.received;
      if (piece.byteLength > room && !whole) {
        throw invalid(this.read, `more than the ${this.wanted} bytes that were asked for`);
      }
      this.append(piece.byteLength > room ? piece.subarray(0, room) : piece);
      if (this.received === this.wanted && whole) return;
    }
  }

  private append(piece: Uint8Array): void {
    const needed = this.received + piece.byteLength;
    if (!this.target || this.target.byteLength < needed) {
      // Grown by what really comes: an announced length that lies takes no memory.
      const announced = Math.min(this.wanted ?? 0, 64 * 2 ** 20);
      const doubled = Math.min(2 * (this.target?.byteLength ?? 0), this.wanted ?? Number.POSITIVE_INFINITY);
      const larger = new Uint8Array(Math.max(announced, needed, doubled));
      if (this.target) larger.set(this.target.subarray(0, this.received));
      this.target = larger;
    }
    this.target.set(piece, this.received);
    this.received = needed;
  }
}

/** An answer of a server that refuses an object, as an error. */
export function objectFailure(refusal: Refusal, { label }: { readonly label: string }): OcelliError {
  const received = refusalText(refusal);
  const remote = (code: string, fix: string): RemoteError =>
    new RemoteError({ code, expected: label, received, fix, signInRefused: refusesSignIn(refusal) });
  switch (refusal.kind) {
    case 'missing':
      return new DataError({
        code: 'file_missing',
        expected: `the file ${label}`,
        received,
        fix: 'check the path (object stores tell capitals apart)',
      });
    case 'changed':
      return changed({ label });
    case 'range':
      return outside({ label }, received);
    case 'expired':
      return remote(
        'access_expired',
        'the access ended and was not renewed: give fresh credentials, and go on with --resume where it was a run',
      );
    case 'skew':
      return remote('clock_skew', 'set the clock of this machine: signatures carry the time');
    case 'full':
      return remote(
        'volume_full',
        'make room there or raise its quota, and go on with --resume where it was a run: its folder on this machine has everything',
      );
    case 'denied':
      return remote('access_denied', 'check the credentials and their right to this place');
    default:
      return remote('remote_refused', 'check the place, and whether this server serves it');
  }
}

function isRight({ kind }: Refusal): boolean {
  return kind === 'expired' || kind === 'skew' || kind === 'denied';
}

function contentRange(
  response: WireAnswer,
): { start: number; end: number; size: number | undefined } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (!match) return undefined;
  const size = match[3] === '*' ? undefined : Number(match[3]);
  return { start: Number(match[1]), end: Number(match[2]) + 1, size };
}

async function beginning(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const body = new Uint8Array(16 * 1024);
  let length = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(0, body.byteLength - length);
    body.set(piece, length);
    length += piece.byteLength;
    if (length === body.byteLength) break;
  }
  return body.subarray(0, length);
}

const strong = (etag: string): string => etag.replace(/^W\//, '');

function remote(code: string, label: string, received: string, fix: string): RemoteError {
  return new RemoteError({ code, expected: label, received, fix });
}

function outside({ label }: { readonly label: string }, received: string): DataError {
  return new DataError({
    code: 'range_outside_file',
    expected: `bytes within ${label}`,
    received,
    fix: 'the file is shorter than what refers to it says: copy it there again',
  });
}

function changed({ label }: { readonly label: string }): DataError {
  return new DataError({
    code: 'file_changed',
    expected: `${label} to stay as it is while it is read`,
    received: 'another version of it',
    fix: 'start again when nobody writes there any more',
  });
}

function truncated({ label }: { readonly label: string }, cause: TruncatedError): DataError {
  return new DataError({
    code: 'file_truncated',
    expected: `${label} as long as the server announces it`,
    received: `${cause.message}, again and again`,
    fix: 'copy the file there again',
    cause,
  });
}

function invalid({ label }: { readonly label: string }, received: string): RemoteError {
  return remote('answer_invalid', label, received, 'the server does not keep to HTTP: read from another one');
}
