/** Keeps the run index up to date with what a run tells. */
import type { RunEvent } from '../../core/index.ts';
import type { Places } from '../protocol.ts';
import type { RunIndex, RunRecord } from '../run-index.ts';

/** Steps come fast; the list of runs need not. */
const msBetweenNotes = 2000;

export class RunRecorder {
  private record: RunRecord | undefined;
  private notedAt = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly index: RunIndex,
    private readonly places: Places | undefined,
    /** What is known of a run that is resumed: its checkpoint holds until there is a newer one. */
    private readonly before: RunRecord | undefined,
    /** Told when places could not be kept: the run can't be resumed without picking them again. */
    private readonly onPlacesLost: (reason: string) => void,
  ) {}

  /** The run's folder, once it has one. */
  get run(): string | undefined {
    return this.record?.run;
  }

  observe(event: RunEvent): void {
    this.record = recordAfter(this.record, event, this.before);
    const soon = event.type === 'step' && performance.now() - this.notedAt < msBetweenNotes;
    if (!this.record || soon) return;
    this.notedAt = performance.now();
    const { record } = this;
    this.writing = this.writing.then(() => this.index.put(record)).catch(() => undefined);
    if (event.type === 'run_started' && this.places) this.keep(record.run, this.places);
  }

  /** Resolves when everything is written. */
  async finish(): Promise<void> {
    await this.writing;
  }

  private keep(run: string, places: Places): void {
    this.writing = this.writing
      .then(() => this.index.keepPlaces(run, places))
      .catch((error: unknown) => this.onPlacesLost(error instanceof Error ? error.message : String(error)));
  }
}

/** What the list of runs says of a run once an event has happened. */
export function recordAfter(
  record: RunRecord | undefined,
  event: RunEvent,
  before: RunRecord | undefined,
): RunRecord | undefined {
  if (event.type === 'run_started') {
    return {
      run: event.run,
      name: before?.name ?? event.runName,
      task: event.task,
      model: event.model,
      device: event.device,
      status: 'running',
      startedAt: before?.startedAt ?? event.time,
      updatedAt: event.time,
      step: before?.step ?? 0,
      totalSteps: before?.totalSteps ?? 0,
      checkpoint: before?.checkpoint,
      metrics: before?.metrics ?? {},
    };
  }
  if (!record) return undefined;
  const now = { ...record, updatedAt: event.time };
  switch (event.type) {
    case 'step':
      return { ...now, step: event.step, totalSteps: event.total_steps };
    case 'evaluation':
      return { ...now, metrics: { ...record.metrics, ...event.metrics } };
    case 'checkpoint':
      return { ...now, checkpoint: event.path, step: event.step };
    case 'paused':
      return { ...now, status: 'paused', step: event.step };
    case 'resumed':
      return { ...now, status: 'running', step: event.step };
    case 'stopped':
      // An early stop goes on to the last evaluation and finishes.
      return event.reason === 'interrupted' ? { ...now, status: 'stopped' } : now;
    case 'finished':
      return { ...now, status: 'finished', step: event.step, metrics: event.metrics };
    case 'failed':
      return {
        ...now,
        status: 'failed',
        problem: { code: event.code, message: event.message, hint: event.hint },
      };
    default:
      return now;
  }
}
