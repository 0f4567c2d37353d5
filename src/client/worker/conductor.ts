/**
 * Takes part in a run between its steps, for the page: pauses it, runs what was asked for the live model
 * (previews, pictures), and asks for checkpoints often enough that a closed tab costs a minute.
 */
import { ConfigError, type RunEvent } from '../../core/index.ts';
import type { LiveRun, RunControl, StepPosition } from '../../runs/index.ts';

/** A tab may be closed at any time: a checkpoint is never older than this. */
const msBetweenCheckpoints = 60_000;

interface Job {
  run(live: LiveRun, position: StepPosition): Promise<void>;
  fail(error: unknown): void;
}

export class Conductor implements RunControl {
  private live: LiveRun | undefined;
  private readonly jobs: Job[] = [];
  private paused:
    | { readonly promise: Promise<void>; resolve(): void; reject(error: unknown): void }
    | undefined;
  private standing = false;
  private savedAt = performance.now();
  /** Since the pause was asked for: whether the loop asked about a checkpoint, and passed a step. */
  private asked = false;
  private passed = 0;
  private wake: () => void = () => {};

  constructor(private readonly onEvent: (event: RunEvent) => void) {}

  /** Resolves when the run stands still, after a checkpoint. */
  pause(): Promise<void> {
    if (!this.paused) {
      let resolve = (): void => {};
      let reject: (error: unknown) => void = () => {};
      const promise = new Promise<void>((yes, no) => {
        resolve = yes;
        reject = no;
      });
      this.paused = { promise, resolve, reject };
      this.asked = false;
      this.passed = 0;
    }
    return this.paused.promise;
  }

  /** Goes on; nothing happens to a run that does not stand still. */
  proceed(): void {
    this.paused?.resolve();
    this.paused = undefined;
    this.wake();
  }

  /** Runs `work` with the live model between two steps, or at once while the run stands still. */
  ask<Result>(work: (live: LiveRun, position: StepPosition) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.jobs.push({
        run: (live, position) => work(live, position).then(resolve, reject),
        fail: reject,
      });
      if (this.standing) this.wake();
    });
  }

  /** What needs no step to wait for: the data of the run. */
  get data(): LiveRun | undefined {
    return this.live;
  }

  /** The run ended: whatever still waits is told so. */
  end(): void {
    const over = new ConfigError({
      code: 'no_run',
      expected: 'a run that is under way',
      received: 'one that has ended',
      fix: 'use the model that it left, or start another run',
    });
    for (const job of this.jobs.splice(0)) job.fail(over);
    this.paused?.reject(over);
    this.paused?.promise.catch(() => undefined);
    this.paused = undefined;
    this.live = undefined;
  }

  checkpointWanted(): boolean {
    this.asked = true;
    return this.paused !== undefined || performance.now() - this.savedAt > msBetweenCheckpoints;
  }

  listen(event: RunEvent): void {
    if (event.type === 'checkpoint') this.savedAt = performance.now();
    this.onEvent(event);
  }

  async between(live: LiveRun, position: StepPosition): Promise<void> {
    this.live = live;
    await this.work(live, position);
    // The step before the pause is saved first, if the loop saves when it is asked to.
    if (!this.paused || (!this.asked && this.passed++ === 0)) return;
    await live.tell({ type: 'paused', ...position });
    this.standing = true;
    this.paused.resolve();
    while (this.paused) {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      await this.work(live, position);
      if (this.paused) await woken;
    }
    this.standing = false;
    await live.tell({ type: 'resumed', from: 'pause', exact: true, ...position });
  }

  private async work(live: LiveRun, position: StepPosition): Promise<void> {
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) await job.run(live, position);
  }
}
