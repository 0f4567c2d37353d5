/**
 * The time as a server sees it. Signatures carry the time and are refused when it is off by some minutes; a wrong
 * clock of this machine shall not end a run, so what the server's `Date` says is taken instead.
 */
export class ServerClock {
  private offset = 0;

  constructor(private readonly local: () => number = Date.now) {}

  /** Milliseconds since 1970. */
  now(): number {
    return this.local() + this.offset;
  }

  /** False when the clocks agree within half a minute: then something else is wrong. */
  learn(serverTime: number | undefined): boolean {
    if (serverTime === undefined || Math.abs(serverTime - this.now()) < 30_000) return false;
    this.offset = serverTime - this.local();
    return true;
  }
}
