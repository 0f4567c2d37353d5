/** What goes to a server and what comes back, whole. Ranged reads of objects are in `object.ts`. */
import type { AnswerHeaders } from '#platform';

export interface HttpRequest {
  readonly url: string;
  /** `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** What is asked for, in messages: `s3://bucket/a.jpg`. Never a signed URL. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of an answer beyond which it is refused (64 MiB). */
  readonly answerLimit?: number;
  /** Whether this answer is worth another try; left out: 408, 429 and 5xx except 501, 505 and 507. */
  readonly retry?: (answer: HttpAnswer) => boolean;
  /**
   * Redirects: within the same host (the default), to others too (requests without secrets only; never from the
   * public net to a private address), or not at all.
   */
  readonly redirects?: 'same-host' | 'any' | 'none';
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Uint8Array;
}

export interface HttpOptions {
  /** Left out: what the platform has (in Node something leaner than `fetch`). */
  readonly fetcher?: typeof fetch;
  /** IP addresses of a name; left out: the system is asked. */
  readonly addresses?: (host: string) => Promise<readonly string[]>;
  /** Tries in a row without any progress before giving up (8). */
  readonly attempts?: number;
  /** Milliseconds before the first repetition; doubled each time, with jitter (250), up to `longestWait` (20,000). */
  readonly firstWait?: number;
  readonly longestWait?: number;
  /** Milliseconds without a byte after which a connection counts as dead (30,000). */
  readonly inactivity?: number;
  /** Milliseconds that a server's Retry-After is obeyed at most; a longer one is an error (120,000). */
  readonly longestRetryAfter?: number;
  /** Requests to one host at a time (64). */
  readonly perHost?: number;
  /** Whether reads carry `If-Match` (in browsers not: there it costs a preflight that buckets may refuse). */
  readonly conditional?: boolean;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
  /** What was waited for, for logs and tests: never a URL. */
  readonly onRetry?: (event: {
    readonly label: string;
    readonly reason: string;
    readonly wait: number;
  }) => void;
}
