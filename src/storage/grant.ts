/**
 * Temporary access (keys, a SAS, a token) that is fetched when it is needed, kept until shortly before it ends,
 * and fetched anew when a server refuses it. Everybody who needs it at once waits for the same request.
 */

export interface Grant<Access> {
  readonly access: Access;
  /** Milliseconds since 1970; left out: nobody said, and it is renewed after `defaultLife`. */
  readonly expires?: number | undefined;
}

/** Half an hour: what servers hand out without telling an end holds for an hour or longer. */
const defaultLife = 30 * 60_000;
/** A refusal shortly after a renewal is about rights, not about age. */
const renewalPause = 5000;

export class Renewable<Access extends object> {
  private current: Grant<Access> | undefined;
  private pending: Promise<Grant<Access>> | undefined;
  private fetchedAt = 0;
  private until = 0;

  constructor(
    private readonly fetch: () => Promise<Grant<Access>>,
    private readonly now: () => number = Date.now,
  ) {}

  /** For what never changes: keys from the environment. */
  static fixed<Access extends object>(access: Access): Renewable<Access> {
    return new Renewable(async () => ({ access, expires: Number.POSITIVE_INFINITY }));
  }

  async get(): Promise<Grant<Access>> {
    if (this.current && this.now() < this.until) return this.current;
    this.pending ??= this.renew().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  /**
   * A server refused some access. True when the next `get` may bring another: it was exchanged meanwhile, or it is
   * old enough that a new one may help.
   */
  refused(isIt: (current: Access) => boolean, expired: boolean): boolean {
    if (!this.current || !isIt(this.current.access)) return true;
    if (this.current.expires === Number.POSITIVE_INFINITY) return false;
    if (!expired && this.now() - this.fetchedAt < renewalPause) return false;
    this.until = 0;
    return true;
  }

  private async renew(): Promise<Grant<Access>> {
    const grant = await this.fetch();
    this.current = grant;
    this.fetchedAt = this.now();
    const expires = grant.expires ?? this.fetchedAt + defaultLife;
    // A fifth before its end: long reads that begin now shall get through.
    this.until = expires - Math.max(0, Math.min(5 * 60_000, (expires - this.fetchedAt) / 5));
    return grant;
  }
}
