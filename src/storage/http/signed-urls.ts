/**
 * Signed URLs, kept until shortly before they expire. Whoever wants one asks for a path; what is asked for in the
 * same moment is signed in one batch, what is being signed is not signed twice, and a URL that a server calls
 * expired is replaced whatever the clock says. They live in memory alone: a signed URL is a secret.
 */
import { RemoteError } from '../../core/index.ts';
import type { SignedUrl } from '../volume.ts';

/** Signs paths: an answer per path, in their order; an Error where one path has none. */
export type SignPaths = (
  paths: readonly string[],
  signal?: AbortSignal,
) => Promise<readonly (SignedUrl | Error)[]>;

export interface SignedUrlsOptions {
  /** Milliseconds before the expiry at which a URL is replaced (60,000; at most a fifth of its life). */
  readonly margin?: number;
  /** Paths in one request to the signer (100). */
  readonly batch?: number;
  /** URLs that are kept (10,000); the one that was used longest ago goes first. */
  readonly capacity?: number;
  readonly now?: () => number;
}

interface Kept {
  readonly signed: SignedUrl;
  /** Milliseconds since 1970 after which it is replaced. */
  readonly until: number;
}

interface Wanted {
  readonly path: string;
  resolve(signed: SignedUrl): void;
  reject(error: unknown): void;
}

export class SignedUrls {
  private readonly kept = new Map<string, Kept>();
  private readonly pending = new Map<string, Promise<SignedUrl>>();
  private queue: Wanted[] = [];

  constructor(
    private readonly sign: SignPaths,
    private readonly options: SignedUrlsOptions = {},
  ) {}

  /** A URL that holds for a while yet. */
  async get(path: string, signal?: AbortSignal): Promise<SignedUrl> {
    signal?.throwIfAborted();
    const kept = this.kept.get(path);
    if (kept && kept.until > this.now()) {
      // Last used, last to go.
      this.kept.delete(path);
      this.kept.set(path, kept);
      return kept.signed;
    }
    return this.ask(path);
  }

  /** Has these signed in as few requests as possible; who reads them later waits for nothing. Failures show up there. */
  prefetch(paths: readonly string[]): void {
    for (const path of paths) this.get(path).catch(() => {});
  }

  /** That one doesn't serve any more; the next `get` brings another. */
  forget(path: string, used: Pick<SignedUrl, 'url'>): void {
    if (this.kept.get(path)?.signed.url === used.url) this.kept.delete(path);
  }

  /** All of them: the rights that they were made from have changed. */
  clear(): void {
    this.kept.clear();
  }

  private ask(path: string): Promise<SignedUrl> {
    const pending = this.pending.get(path);
    if (pending) return pending;
    const asked = new Promise<SignedUrl>((resolve, reject) => {
      this.queue.push({ path, resolve, reject });
      // What is asked for in this moment goes together.
      if (this.queue.length === 1) queueMicrotask(() => this.flush());
    }).finally(() => this.pending.delete(path));
    this.pending.set(path, asked);
    return asked;
  }

  private flush(): void {
    const { batch = 100 } = this.options;
    const wanted = this.queue;
    this.queue = [];
    for (let start = 0; start < wanted.length; start += batch) {
      this.signBatch(wanted.slice(start, start + batch));
    }
  }

  private async signBatch(wanted: readonly Wanted[]): Promise<void> {
    try {
      // No caller's signal: others may wait for the same batch.
      const answers = await this.sign(wanted.map(({ path }) => path));
      if (answers.length !== wanted.length) throw shortAnswer(wanted.length, answers.length);
      wanted.forEach(({ path, resolve, reject }, i) => {
        const answer = answers[i]!;
        if (answer instanceof Error) {
          reject(answer);
          return;
        }
        this.keep(path, answer);
        resolve(answer);
      });
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }

  private keep(path: string, signed: SignedUrl): void {
    const { margin = 60_000, capacity = 10_000 } = this.options;
    const life = Math.max(0, signed.expires - this.now());
    this.kept.set(path, { signed, until: signed.expires - Math.min(margin, life / 5) });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= capacity) break;
      this.kept.delete(oldest);
    }
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

function shortAnswer(expected: number, received: number): RemoteError {
  return new RemoteError({
    code: 'answer_invalid',
    expected: `${expected} signed URLs`,
    received: String(received),
    fix: 'the signing server is another one than expected: check its address and version',
  });
}
