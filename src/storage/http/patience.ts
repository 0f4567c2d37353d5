/**
 * When to try again, and when to stop. Waits double, with jitter so that many readers don't come back at once;
 * a server that says when (`Retry-After`) is believed. Only tries in a row without progress count: a slow and
 * shaky connection that brings some bytes each time gets through.
 */
import { RemoteError } from '../../core/index.ts';
import { type Hosts, sleep } from './hosts.ts';
import type { HttpAnswer, HttpOptions } from './types.ts';

/** A connection that failed, stalled or ended early; the same request may well succeed. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}

/** Fewer bytes than were announced. */
export class TruncatedError extends TransportError {}

export const defaults = {
  attempts: 8,
  firstWait: 250,
  longestWait: 20_000,
  inactivity: 30_000,
  longestRetryAfter: 120_000,
  perHost: 64,
} as const;

/** Tries at an address that never answered. */
const attemptsAtStranger = 3;
/** Tries at a body that ends early each time: the server is well, the file is not. */
const attemptsAtTruncated = 4;

export class Patience {
  private failures = 0;

  constructor(
    private readonly options: HttpOptions,
    private readonly hosts: Hosts,
    private readonly label: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Something came through: the count begins again. */
  progress(): void {
    this.failures = 0;
  }

  /** Waits before the next try, or throws a RemoteError that says why there is none. */
  async afterFailure(url: string, error: TransportError): Promise<void> {
    const known = this.hosts.hasAnswered(url);
    const attempts = known ? undefined : attemptsAtStranger;
    const allowed = error instanceof TruncatedError ? attemptsAtTruncated : attempts;
    await this.next(error.message, undefined, allowed, (reason) =>
      unreachable(this.label, new URL(url).host, reason, known, error),
    );
  }

  async afterAnswer(url: string, answer: HttpAnswer, reason: string): Promise<void> {
    const asked = retryAfter(answer);
    const limit = this.options.longestRetryAfter ?? defaults.longestRetryAfter;
    if (asked !== undefined && asked > limit)
      throw busy(this.label, `${reason}, to come back in ${Math.round(asked / 1000)} s`);
    if (asked !== undefined) this.hosts.pause(url, asked);
    await this.next(reason, asked, undefined, (text) => busy(this.label, text));
  }

  private async next(
    reason: string,
    asked: number | undefined,
    attempts: number | undefined,
    failed: (reason: string) => RemoteError,
  ): Promise<void> {
    const allowed = Math.min(
      attempts ?? Number.POSITIVE_INFINITY,
      this.options.attempts ?? defaults.attempts,
    );
    this.failures++;
    if (this.failures >= allowed) {
      throw failed(this.failures === 1 ? reason : `${reason}, ${this.failures} times in a row`);
    }
    const longest = this.options.longestWait ?? defaults.longestWait;
    const backOff = Math.min(
      longest,
      (this.options.firstWait ?? defaults.firstWait) * 2 ** (this.failures - 1),
    );
    // Half of it is chance: whoever failed together comes back apart.
    const jittered = backOff * (0.5 + 0.5 * (this.options.random ?? Math.random)());
    const wait = asked === undefined ? jittered : asked + jittered / 10;
    this.options.onRetry?.({ label: this.label, reason, wait });
    await sleep(wait, this.signal);
  }
}

/** Milliseconds; the header is seconds or a date. */
function retryAfter(answer: HttpAnswer): number | undefined {
  const value = answer.headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return 1000 * Number(value);
  const until = Date.parse(value);
  // By the server's own clock where it shows it.
  const now = Date.parse(answer.headers.get('date') ?? '');
  return Number.isNaN(until) ? undefined : Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}

function busy(label: string, reason: string): RemoteError {
  return new RemoteError({
    code: 'remote_unavailable',
    expected: label,
    received: reason,
    fix: 'the server is busy or in trouble: run the command again later, or with fewer readers (data.num_workers)',
  });
}

function unreachable(
  label: string,
  host: string,
  reason: string,
  known: boolean,
  cause: TransportError,
): RemoteError {
  return new RemoteError({
    code: 'remote_unreachable',
    expected: `${label} from ${host}`,
    received: `no whole answer (${reason})`,
    fix: known
      ? 'the server answered before: check the connection and run the command again'
      : 'check the address and the connection; ocelli doctor says which places answer',
    cause,
  });
}
