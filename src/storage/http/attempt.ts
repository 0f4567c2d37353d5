/**
 * One try of one request: sends it, follows redirects that are safe to follow, and hands over the answer and
 * its bytes as they come. A connection that is silent for too long is given up; every failure of the transport
 * is a `TransportError` with a reason without URLs, so that callers can decide about another try.
 */
import { fetchIsRestricted, type SendRequest, type WireAnswer } from '#platform';
import { RemoteError } from '../../core/index.ts';
import { TransportError } from './patience.ts';
import { leadsInside } from './private-hosts.ts';
import { withoutSecrets } from './redact.ts';
import type { HttpRequest } from './types.ts';

export interface Wire {
  readonly send: SendRequest;
  /** Milliseconds. */
  readonly inactivity: number;
  /** Where a name leads: a host's IP addresses. */
  readonly addresses: (host: string) => Promise<readonly string[]>;
}

const longestChain = 5;

/** `use` reads the chunks; what it doesn't read is thrown away with the connection. */
export async function attempt<T>(
  request: HttpRequest,
  wire: Wire,
  use: (response: WireAnswer, chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { signal } = request;
  signal?.throwIfAborted();
  const connection = new AbortController();
  const interrupt = (): void => connection.abort(signal!.reason);
  signal?.addEventListener('abort', interrupt, { once: true });
  const watch = new Watch(connection, wire.inactivity);
  const answers = { unread: 0 };
  try {
    const response = await follow(request, wire, connection.signal, watch, answers);
    return await use(response, watched(response, watch, answers));
  } catch (error) {
    signal?.throwIfAborted();
    if (watch.stalled) throw new TransportError(`no byte for ${wire.inactivity / 1000} s`);
    throw error;
  } finally {
    watch.end();
    signal?.removeEventListener('abort', interrupt);
    // Ends what was not read.
    if (answers.unread > 0) connection.abort();
  }
}

/** Ends the connection when nothing has come for a while. */
class Watch {
  stalled = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly connection: AbortController,
    private readonly inactivity: number,
  ) {
    this.alive();
  }

  alive(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.stalled = true;
      this.connection.abort(new TransportError('stalled'));
    }, this.inactivity);
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

async function follow(
  request: HttpRequest,
  wire: Wire,
  signal: AbortSignal,
  watch: Watch,
  answers: { unread: number },
): Promise<WireAnswer> {
  const method = request.method ?? 'GET';
  let url = request.url;
  let headers = request.headers ?? {};
  for (let hop = 0; ; hop++) {
    const response = await transport(() =>
      wire.send({
        url,
        method,
        headers,
        body: request.body,
        signal,
        // A page can't see where a redirect leads: what carries no rights may follow it.
        followHidden: fetchIsRestricted && request.redirects === 'any',
      }),
    );
    answers.unread++;
    watch.alive();
    const location = response.headers.get('location');
    const redirected = [301, 302, 303, 307, 308].includes(response.status) && location !== null;
    // Browsers hide where a redirect leads.
    if (response.hidden) throw refused(request, 'a redirect, which a page can not check');
    if (!redirected || request.redirects === 'none') return response;
    const next = new URL(location, url);
    const problem = await unsafe(new URL(url), next, request, wire.addresses);
    if (problem) throw refused(request, problem);
    if (hop >= longestChain) throw refused(request, `more than ${longestChain} redirects`);
    if (next.host !== new URL(url).host) headers = withoutRights(headers);
    url = next.href;
  }
}

/** Why a redirect is not followed. */
async function unsafe(
  from: URL,
  to: URL,
  { redirects, label, method = 'GET' }: HttpRequest,
  addresses: Wire['addresses'],
): Promise<string | undefined> {
  const target = `a redirect to ${to.protocol}//${to.host}`;
  if (method !== 'GET' && method !== 'HEAD') return `${target} in answer to ${method}`;
  if (to.username !== '' || to.password !== '') return `${target} with a user and password`;
  if (to.protocol !== from.protocol && to.protocol !== 'https:') return `${target}, which is not https`;
  if (to.host === from.host) return undefined;
  if (redirects !== 'any') return `${target}, another host than that of ${label}`;
  if (await leadsInside(from.hostname, to.hostname, addresses)) return `${target}, a private address`;
  return undefined;
}

function withoutRights(headers: Readonly<Record<string, string>>): Record<string, string> {
  const rights = /^(authorization|cookie|proxy-authorization|x-.*(token|key|secret|auth).*)$/i;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !rights.test(name)));
}

async function* watched(
  { chunks }: WireAnswer,
  watch: Watch,
  answers: { unread: number },
): AsyncIterable<Uint8Array> {
  const reader = chunks[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await transport(() => reader.next());
    if (done) {
      answers.unread--;
      return;
    }
    watch.alive();
    yield value;
  }
}

/** Failures of the transport, under one name. */
async function transport<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new TransportError(transportReason(cause), { cause });
  }
}

/** `fetch` hides why it failed in the cause. */
function transportReason(error: unknown): string {
  if (!(error instanceof Error)) return withoutSecrets(String(error));
  const cause = error.cause as { code?: unknown; message?: unknown } | undefined;
  const code = typeof cause?.code === 'string' ? cause.code : '';
  const message = typeof cause?.message === 'string' ? cause.message : error.message;
  return withoutSecrets(code && !message.includes(code) ? `${code}: ${message}` : message);
}

function refused({ label }: HttpRequest, received: string): RemoteError {
  return new RemoteError({
    code: 'redirect_refused',
    expected: `${label} from the server that was asked`,
    received,
    fix: 'name the place where the files really are',
  });
}
