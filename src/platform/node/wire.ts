/**
 * Requests by undici's dispatcher, the part below Node's own `fetch`: the same connections, a third of the work.
 * Chunks wait in a queue of their own until they are read; when many do, the connection is told to wait.
 */
import { pipeline, Readable } from 'node:stream';
import { type BrotliDecompress, createBrotliDecompress, createUnzip, type Unzip } from 'node:zlib';
import type { Agent, Dispatcher } from 'undici';
import type { AnswerHeaders, SendRequest, WireAnswer, WireRequest } from '../wire.ts';

type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Bytes that wait to be read before the connection has to. */
const mostWaiting = 1 << 20;

let agent: Promise<Agent> | undefined;

export const sendRequest: SendRequest = async (request) => {
  agent ??= openAgent();
  const dispatcher = await agent;
  const { origin, pathname, search } = new URL(request.url);
  const answer = new Answer(request);
  dispatcher.dispatch(
    {
      origin,
      path: pathname + search,
      method: request.method as Dispatcher.HttpMethod,
      // What is encoded on the way can't be taken up where it broke off.
      headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'ocelli', ...request.headers },
      body: request.body ?? null,
    },
    answer,
  );
  return answer.begun;
};

/** Loaded when it is needed first: most commands ask no server. */
async function openAgent(): Promise<Agent> {
  const { Agent } = await import('undici');
  // Silence is watched for by whoever asks (storage/http): one timer a request is enough.
  return new Agent({ headersTimeout: 0, bodyTimeout: 0 });
}

/** Takes what the dispatcher brings. */
class Answer implements Dispatcher.DispatchHandler {
  readonly begun: Promise<WireAnswer>;
  private resolve!: (answer: WireAnswer) => void;
  private reject!: (error: unknown) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private readonly queue: Uint8Array[] = [];
  private waiting = 0;
  private ended = false;
  private error: unknown;
  /** Wakes the one who reads. */
  private wake: (() => void) | undefined;

  constructor(private readonly request: WireRequest) {
    this.begun = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (request.signal.aborted) this.interrupt();
    else request.signal.addEventListener('abort', this.interrupt, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // Given up while there was no connection yet.
    if (this.ended) controller.abort(new Error('aborted'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHeaders): void {
    // "Continue" and its like announce an answer.
    if (status < 200) return;
    this.resolve({
      status,
      headers: new NamedHeaders(headers),
      hidden: false,
      chunks: decoded(this.chunks(), headers['content-encoding']),
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.queue.push(chunk);
    this.waiting += chunk.byteLength;
    if (this.waiting > mostWaiting) controller.pause();
    this.wake?.();
  }

  onResponseEnd(): void {
    this.finish(undefined);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.finish(this.request.signal.aborted ? this.request.signal.reason : error);
  }

  private readonly interrupt = (): void => {
    const { reason } = this.request.signal;
    this.controller?.abort(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
    this.finish(reason);
  };

  private finish(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    this.request.signal.removeEventListener('abort', this.interrupt);
    if (error !== undefined) this.reject(error);
    this.wake?.();
  }

  private async *chunks(): AsyncIterable<Uint8Array> {
    // Whatever came before the end is handed out first.
    for (;;) {
      const chunk = this.queue.shift();
      if (chunk) {
        this.waiting -= chunk.byteLength;
        if (this.controller?.paused && this.waiting <= mostWaiting) this.controller.resume();
        yield chunk;
      } else if (this.ended) {
        if (this.error !== undefined) throw this.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
      }
    }
  }
}

class NamedHeaders implements AnswerHeaders {
  constructor(private readonly values: IncomingHeaders) {}

  get(name: string): string | null {
    const value = this.values[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  }
}

/** Stores hand out what was stored encoded, asked or not. */
function decoded(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string | string[] | undefined,
): AsyncIterable<Uint8Array> {
  switch (String(encoding ?? 'identity').toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
    case 'deflate':
      return unpacked(chunks, createUnzip);
    case 'br':
      return unpacked(chunks, createBrotliDecompress);
    default:
      return chunks;
  }
}

/**
 * Begins when somebody reads: a stream that is ended while nobody does would end the process. (`compose` of streams does so, and
 * leaves its reader waiting where the packed bytes end early.)
 */
async function* unpacked(
  chunks: AsyncIterable<Uint8Array>,
  createUnpacker: () => Unzip | BrotliDecompress,
): AsyncIterable<Uint8Array> {
  // Its reader gets the error.
  yield* pipeline(Readable.from(chunks), createUnpacker(), () => {});
}
