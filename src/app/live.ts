/**
 * The run that this page has started or resumed: its state, its curves, its predictions. Events come up to hundreds of times a
 * second; what views read changes twice a second (`flushMs`), so that the page has time for its user.
 */
import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { PreviewResult, RunResult, TrainingClient } from '../client/index.ts';
import type { RunEvent, RunEventOf } from '../core/index.ts';
import { type Curves, emptyCurves, takeEvent } from './curves.ts';
import type { ChosenDevice } from './device-choice.ts';
import { readEvents } from './event-log.ts';
import { type Pace, Previews } from './previews.ts';
import type { Setup } from './setup.ts';

export type LiveStatus =
  | 'idle'
  | 'starting'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'stopping'
  | 'finished'
  | 'stopped'
  | 'failed';

export interface Facts {
  readonly started?: RunEventOf<'run_started'> | undefined;
  readonly data?: RunEventOf<'data_ready'> | undefined;
  readonly model?: RunEventOf<'model_ready'> | undefined;
  readonly compiled?: RunEventOf<'step_compiled'> | undefined;
  readonly evaluation?: RunEventOf<'evaluation'> | undefined;
  readonly checkpoint?: RunEventOf<'checkpoint'> | undefined;
  readonly finished?: RunEventOf<'finished'> | undefined;
  readonly exported: readonly RunEventOf<'exported'>[];
  readonly warnings: readonly RunEventOf<'warning'>[];
}

const nothing: Facts = { exported: [], warnings: [] };
const flushMs = 500;

export class Live {
  readonly status: Signal<LiveStatus> = signal('idle');
  /** The run folder; undefined before the run has begun. */
  readonly run: Signal<string | undefined> = signal(undefined);
  readonly facts: Signal<Facts> = signal(nothing);
  /** The newest step; apart from the facts, which change rarely. */
  readonly lastStep: Signal<RunEventOf<'step'> | undefined> = signal(undefined);
  /** Milliseconds that are left, estimated from the last steps. */
  readonly remainingMs: Signal<number | undefined> = signal(undefined);
  readonly error: Signal<unknown> = signal(undefined);
  private readonly changed = signal(0);
  private store: Curves = emptyCurves();
  private pending: Facts = nothing;
  private step: RunEventOf<'step'> | undefined;
  private pausedAt: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly images: Previews;

  constructor(
    private readonly client: TrainingClient,
    private readonly setup: Setup,
    private readonly device: ReadonlySignal<ChosenDevice>,
    private readonly onChange: () => void,
  ) {
    this.images = new Previews(
      client,
      () => this.previewPace(),
      () => this.pending.data?.splits.val?.images ?? 0,
    );
  }

  /** What the charts draw. Reading it subscribes to its changes. */
  get curves(): Curves {
    void this.changed.value;
    return this.store;
  }

  /** The newest predictions on validation images; undefined before the first. */
  get preview(): ReadonlySignal<PreviewResult | undefined> {
    return this.images.result;
  }

  /** The pictures of the preview, by their position in the split. */
  get pictures(): ReadonlySignal<ReadonlyMap<number, Blob>> {
    return this.images.pictures;
  }

  /** Whether a run owns the worker now. */
  get isActive(): boolean {
    return !['idle', 'finished', 'stopped', 'failed'].includes(this.status.value);
  }

  async start(): Promise<void> {
    this.begin();
    // Browsers agree sooner when the user has just done something.
    void this.client.persist().catch(() => false);
    await this.follow(async () => {
      const { recipe, places } = await this.setup.ready();
      const device = this.device.peek();
      return this.client.start({ recipe, places, device }, (event) => this.take(event));
    });
  }

  /** Goes on with a run of this browser; call it from a click. */
  async resume(run: string): Promise<void> {
    this.begin();
    this.run.value = run;
    await this.follow(async () => {
      await this.recall(run);
      return this.client.resume({ run, device: this.device.peek() }, (event) => this.take(event));
    });
  }

  /** The same recipe from its first step, in a run's own folder: for one that ended before its first checkpoint. */
  async startAgain(run: string): Promise<void> {
    this.begin();
    this.run.value = run;
    await this.follow(() =>
      this.client.resume({ run, device: this.device.peek() }, (event) => this.take(event)),
    );
  }

  async pause(): Promise<void> {
    if (this.status.peek() !== 'running') return;
    this.status.value = 'pausing';
    try {
      await this.client.worker.pause();
    } catch (error) {
      // It ended before it could stand still; its own end says how.
      if (this.status.peek() === 'pausing') throw error;
    }
  }

  async proceed(): Promise<void> {
    await this.client.worker.proceed();
  }

  async stop(): Promise<void> {
    if (!this.isActive) return;
    this.status.value = 'stopping';
    await this.client.worker.stop();
  }

  /** Back to before a run; what it left stays. */
  leave(): void {
    if (this.isActive) return;
    this.begin();
    this.status.value = 'idle';
  }

  private begin(): void {
    this.store = emptyCurves();
    this.pending = nothing;
    this.step = undefined;
    this.images.clear();
    batch(() => {
      this.status.value = 'starting';
      this.run.value = undefined;
      this.facts.value = nothing;
      this.lastStep.value = undefined;
      this.remainingMs.value = undefined;
      this.error.value = undefined;
      this.changed.value++;
    });
  }

  private async follow(work: () => Promise<RunResult>): Promise<void> {
    try {
      const { outcome } = await work();
      this.flush();
      this.status.value = outcome;
    } catch (error) {
      this.flush();
      batch(() => {
        this.error.value = error;
        this.status.value = 'failed';
      });
    } finally {
      this.images.stop();
      this.onChange();
    }
  }

  /** The curves of a run from before. */
  private async recall(run: string): Promise<void> {
    for await (const events of readEvents(this.client, run)) for (const event of events) this.note(event);
    this.flush();
  }

  private take(event: RunEvent): void {
    this.note(event);
    const status = this.status.peek();
    if (event.type === 'run_started') {
      this.run.value = event.run;
      this.onChange();
    } else if (event.type === 'step' && status === 'starting') {
      this.status.value = 'running';
      this.images.start();
    } else if (event.type === 'paused') {
      this.flush();
      this.pausedAt = event.step;
      this.status.value = 'paused';
      this.images.refresh();
      this.onChange();
    } else if (event.type === 'resumed' && event.from === 'pause' && status === 'paused') {
      this.status.value = 'running';
    }
    this.timer ??= setTimeout(() => this.flush(), flushMs);
  }

  /** A run that stands still is asked when it stops there, and not again. */
  private previewPace(): Pace {
    const { step } = this;
    const status = this.status.peek();
    if (status === 'paused') return this.preview.peek()?.step === this.pausedAt ? 'none' : 'now and then';
    if (status !== 'running' || !step) return 'none';
    return step.total_steps - step.step <= Math.min(10, step.total_steps / 8) ? 'every step' : 'now and then';
  }

  private note(event: RunEvent): void {
    takeEvent(this.store, event);
    if (event.type === 'step') this.step = event;
    else this.pending = withEvent(this.pending, event);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    batch(() => {
      this.facts.value = this.pending;
      this.changed.value++;
      const { step } = this;
      this.lastStep.value = step;
      this.remainingMs.value = step ? this.store.recentMs() * (step.total_steps - step.step) : undefined;
    });
  }
}

function withEvent(facts: Facts, event: RunEvent): Facts {
  switch (event.type) {
    case 'run_started':
      return { ...facts, started: event };
    case 'data_ready':
      return { ...facts, data: event };
    case 'model_ready':
      return { ...facts, model: event };
    case 'step_compiled':
      return { ...facts, compiled: event };
    case 'evaluation':
      return { ...facts, evaluation: event };
    case 'checkpoint':
      return { ...facts, checkpoint: event };
    case 'resumed':
      // What was measured behind the checkpoint is done again.
      return (facts.evaluation?.step ?? 0) > event.step ? { ...facts, evaluation: undefined } : facts;
    case 'finished':
      return { ...facts, finished: event };
    case 'exported':
      return { ...facts, exported: [...facts.exported, event] };
    case 'warning':
      return { ...facts, warnings: [...facts.warnings, event] };
    default:
      return facts;
  }
}
