/**
 * Requests that survive what networks do: repeated with growing waits, bounded per host, given up when nothing
 * moves, and never telling a URL's secrets. `send` brings an answer whole; `readObject` (object.ts) brings bytes
 * of an object and goes on where a broken connection stopped.
 */
import { addressesOf, sendByFetch, sendRequest, type WireAnswer } from '#platform';
import { RemoteError } from '../../core/index.ts';
import { attempt, type Wire } from './attempt.ts';
import { Hosts } from './hosts.ts';
import { defaults, Patience, TransportError, TruncatedError } from './patience.ts';
import { refusalOf, refusalText } from './refusal.ts';
import type { HttpAnswer, HttpOptions, HttpRequest } from './types.ts';

const answerLimit = 64 * 2 ** 20;

export class Http {
  private readonly wire: Wire;
  private readonly hosts: Hosts;

  constructor(readonly options: HttpOptions = {}) {
    this.wire = {
      send: options.fetcher ? sendByFetch(options.fetcher) : sendRequest,
      inactivity: options.inactivity ?? defaults.inactivity,
      addresses: options.addresses ?? addressesOf,
    };
    this.hosts = new Hosts(options.perHost ?? defaults.perHost);
  }

  /**
   * The answer, whatever its status, after 408, 429, 5xx and failures of the transport were tried again.
   *
   * @throws RemoteError `remote_unreachable`, `remote_unavailable`, `redirect_refused`, `answer_too_large`
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const patience = this.patience(request.label, request.signal);
    for (;;) {
      let answer: HttpAnswer;
      try {
        answer = await this.once(request, async (response, chunks) => ({
          status: response.status,
          headers: response.headers,
          body: await collect(chunks, expectedLength(request, response), request),
        }));
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        await patience.afterFailure(request.url, error);
        continue;
      }
      if (!(request.retry ?? isWorthRetrying)(answer)) return answer;
      await patience.afterAnswer(request.url, answer, refusalText(refusalOf(answer)));
    }
  }

  /** One try, within the bounds of its host. */
  async once<T>(
    request: HttpRequest,
    use: (response: WireAnswer, chunks: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const leave = await this.hosts.enter(request.url, request.signal);
    try {
      return await attempt(request, this.wire, (response, chunks) => {
        this.hosts.answered(request.url);
        return use(response, chunks);
      });
    } finally {
      leave();
    }
  }

  patience(label: string, signal: AbortSignal | undefined): Patience {
    return new Patience(this.options, this.hosts, label, signal);
  }
}

/** One for the whole process, so that the bounds per host hold for all volumes together. */
let shared: Http | undefined;

export function sharedHttp(): Http {
  shared ??= new Http();
  return shared;
}

/** Whether the same request may go better: the server is busy, or in trouble that passes. */
export function isWorthRetrying(answer: HttpAnswer): boolean {
  const { status } = answer;
  if (status === 501 || status === 505) return false;
  return status === 408 || status === 429 || (status >= 500 && refusalOf(answer).kind === 'busy');
}

/** What `Content-Length` promises about the decoded body, where it does. */
export function expectedLength(request: HttpRequest, response: WireAnswer): number | undefined {
  const length = response.headers.get('content-length');
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  if (length === null || encoding !== 'identity' || request.method === 'HEAD') return undefined;
  if (response.status === 204 || response.status === 304) return undefined;
  return /^\d+$/.test(length) ? Number(length) : undefined;
}

async function collect(
  chunks: AsyncIterable<Uint8Array>,
  expected: number | undefined,
  { answerLimit: limit = answerLimit, label }: HttpRequest,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of chunks) {
    length += piece.byteLength;
    if (length > limit) throw tooLarge(label, limit);
    pieces.push(piece);
  }
  if (expected !== undefined && length !== expected) {
    throw new TruncatedError(`the connection ended after ${length} of ${expected} bytes`);
  }
  const whole = new Uint8Array(length);
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.byteLength;
  }
  return whole;
}

function tooLarge(label: string, limit: number): RemoteError {
  return new RemoteError({
    code: 'answer_too_large',
    expected: `an answer of at most ${limit} bytes about ${label}`,
    received: 'more',
    fix: 'check that the address is that of a storage server',
  });
}
