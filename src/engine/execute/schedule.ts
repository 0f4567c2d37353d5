/**
 * How many dispatches go into one submission. Drivers reset a GPU that works too long on one (two seconds on
 * Windows), and a browser's other work waits for it; many small submissions on the other hand cost time of their
 * own. So submissions are timed, and cut where about a tenth of a second is reached; on a GPU a whole step is
 * usually one.
 */
const targetMilliseconds = 100;
/** Before anything was measured: eight dispatches a submission on a software adapter, a hundred on a GPU. */
const firstGuess = { software: targetMilliseconds / 8, hardware: targetMilliseconds / 100 };

/** Submissions that end within so many milliseconds were told together: which of them took the time is unknown. */
const together = 1;

/** One submission of a run: its dispatches, when it was submitted and when its end was told (`performance.now()`). */
interface TimedSubmission {
  readonly from: number;
  readonly to: number;
  readonly submitted: number;
  readonly done: number;
}

export class SubmitSchedule {
  /** Milliseconds of each dispatch, as far as known. */
  private readonly costs: Float64Array;

  constructor(dispatches: number, software: boolean) {
    this.costs = new Float64Array(dispatches).fill(firstGuess[software ? 'software' : 'hardware']);
  }

  /** The end of the submission that begins at dispatch `from`, at most `to`. */
  end(from: number, to: number): number {
    let total = 0;
    let end = from;
    while (end < to) {
      total += this.costs[end]!;
      if (end > from && total > targetMilliseconds) break;
      end++;
    }
    return end;
  }

  /** The submissions of a run, in order; `idleSince`: when the device was done with what came before. */
  observeRun(submissions: readonly TimedSubmission[], idleSince: number): void {
    let free = idleSince;
    for (let first = 0; first < submissions.length; ) {
      let last = first;
      while (
        last + 1 < submissions.length &&
        submissions[last + 1]!.from === submissions[last]!.to &&
        submissions[last + 1]!.done - submissions[last]!.done < together
      )
        last++;
      const { from, submitted } = submissions[first]!;
      const { to, done } = submissions[last]!;
      this.observe(from, to, done - Math.max(submitted, free));
      free = done;
      first = last + 1;
    }
  }

  /** Dispatches took so long together. */
  observe(from: number, to: number, milliseconds: number): void {
    let expected = 0;
    for (let i = from; i < to; i++) expected += this.costs[i]!;
    // A clock that did not move says nothing about how they compare.
    const scale = Math.max(milliseconds, 0.01 * (to - from)) / expected;
    for (let i = from; i < to; i++) this.costs[i]! *= scale;
  }
}
