/**
 * How many reads are on their way at a time. By Little's law it takes rate × latency of them: a few on a local
 * network, dozens across an ocean, and more than that only makes each of them slower. Neither number is known, so
 * the limit feels its way, as TCP does: it doubles while that makes the whole faster, steps back when it doesn't,
 * and tries a little more from time to time, because networks change.
 */

export interface ConcurrencyOptions {
  readonly least?: number;
  readonly start?: number;
  readonly most?: number;
}

/**
 * Where it begins, and what it never goes below: so few cost no network anything, and fewer let whoever takes the
 * pictures wait as soon as one of them is slow.
 */
const usual = 16;
/** What counts as faster. */
const worthwhile = 1.08;
/** Below this share of the best rate the network has become narrower. */
const congested = 0.6;
/** Milliseconds of a round at least: shorter ones tell more of this machine's other work than of the network. */
const shortestRound = 200;
/** Rounds that a limit stays after it proved enough. */
const roundsOfRest = 12;

export class Concurrency {
  limit: number;
  private readonly least: number;
  private readonly most: number;
  /** Reads that ended in this round, their bytes, and when the round began. */
  private ended = 0;
  private bytes = 0;
  private began: number | undefined;
  /** Bytes per millisecond of the last round, and the limit before the last step. */
  private rate = 0;
  private before: number | undefined;
  private rest = 0;
  private growth = 2;

  constructor({ least = usual, start = usual, most = 64 }: ConcurrencyOptions = {}) {
    this.least = Math.min(least, most);
    this.most = most;
    this.limit = Math.min(start, most);
  }

  /** The reads were held back by something else (memory, the end of the epoch): the round says nothing. */
  pause(): void {
    this.ended = 0;
    this.bytes = 0;
    this.began = undefined;
  }

  /** A read ended at `now` (milliseconds). */
  add(bytes: number, now: number): void {
    this.began ??= now;
    this.ended++;
    this.bytes += bytes;
    // Two of each lane: one alone would be the lane's luck.
    if (this.ended <= 2 * this.limit || now < this.began + shortestRound) return;
    const rate = this.bytes / (now - this.began);
    this.pause();
    this.began = now;
    this.step(rate);
  }

  private step(rate: number): void {
    if (this.before !== undefined) {
      const better = rate > this.rate * worthwhile;
      const { before } = this;
      this.before = undefined;
      if (!better) {
        this.limit = before;
        this.growth = 1.25;
        this.rest = roundsOfRest;
        return;
      }
    } else if (this.rest > 0) {
      this.rest--;
      if (rate < this.rate * congested) {
        this.limit = Math.max(this.least, Math.floor(this.limit * 0.7));
        this.rate = rate;
      }
      return;
    }
    this.rate = rate;
    if (this.limit >= this.most) {
      this.rest = roundsOfRest;
      return;
    }
    this.before = this.limit;
    this.limit = Math.min(this.most, Math.ceil(this.limit * this.growth));
  }
}
