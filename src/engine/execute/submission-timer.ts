/** Times the submissions of some runs, so that the schedule learns how long each dispatch takes. */
import type { SubmitSchedule } from './schedule.ts';

/**
 * Submissions are timed in these first runs, and later in one of so many. Not in the very first: drivers finish
 * compiling when a kernel runs for the first time.
 */
const timedRuns = 5;
const timedAgain = 64;

interface Submission {
  readonly from: number;
  readonly to: number;
  readonly submitted: number;
  done: number;
}

interface TimedRun {
  readonly submissions: Submission[];
  /** All of it is submitted. */
  complete: boolean;
}

export class SubmissionTimer {
  private runs = 0;
  /** The run that is being submitted, where it is timed. */
  private run: TimedRun | undefined;
  /** When the device was done with what was timed last, by `performance.now()`. */
  private idleSince = 0;

  constructor(
    private readonly queue: GPUQueue,
    private readonly schedule: SubmitSchedule,
  ) {}

  /** A run begins. */
  begin(): void {
    const timed = (this.runs > 0 && this.runs <= timedRuns) || this.runs % timedAgain === timedAgain - 1;
    this.run = timed ? { submissions: [], complete: false } : undefined;
    this.runs++;
  }

  /** Dispatches of it were submitted just now. */
  submitted(from: number, to: number): void {
    const { run } = this;
    if (!run || to === from) return;
    const at = run.submissions.push({ from, to, submitted: performance.now(), done: 0 }) - 1;
    this.queue.onSubmittedWorkDone().then(
      () => this.isDone(run, at),
      // The device is gone, and says so itself.
      () => {},
    );
  }

  /** All of it is submitted. */
  end(): void {
    if (this.run) this.run.complete = true;
  }

  private isDone({ submissions, complete }: TimedRun, at: number): void {
    const submission = submissions[at]!;
    submission.done = performance.now();
    if (!complete || at + 1 < submissions.length) return;
    this.schedule.observeRun(submissions, this.idleSince);
    this.idleSince = submission.done;
  }
}
