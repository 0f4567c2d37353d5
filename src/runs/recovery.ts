/**
 * A run whose device fails goes on by itself. When the device is lost (a driver that was reset, a browser that took
 * the GPU away), a new one is opened and everything is restored from the newest checkpoint, as a resumed run does.
 * When its memory does not suffice, the same happens with batches that are computed in smaller parts. What was lost
 * and where the run goes on is told; a failure that comes back without progress ends the run.
 */
import { files } from '#platform';
import { DeviceError, type RunEvent, type RunEventBody } from '../core/index.ts';
import { asDeviceError, type Device, noImageFits, openDevice } from '../engine/index.ts';
import { CheckpointStore, nextSplit } from '../training/index.ts';
import type { OpenRun } from './open-run.ts';

/** What an attempt works with. */
export interface Attempt {
  readonly device: Device;
  readonly run: OpenRun;
  /** In how many parts each batch is computed. */
  readonly splits: number;
}

/** How often in a row the device may be lost at one checkpoint. */
const mostFailures = 3;

export class Recovery {
  private splits = 1;
  private failures = { step: -1, count: 0 };
  /** Events that belong to no attempt. */
  private readonly head: number;

  constructor(
    private run: OpenRun,
    /** The one that is open. */
    public device: Device,
  ) {
    this.head = run.log.count;
  }

  /** Runs attempts until one comes to its end. */
  async *attempts(
    work: (attempt: Attempt) => AsyncGenerator<RunEvent>,
    signal?: AbortSignal,
  ): AsyncGenerator<RunEvent> {
    for (;;) {
      try {
        return yield* work({ device: this.device, run: this.run, splits: this.splits });
      } catch (error) {
        const told = signal?.aborted ? undefined : await this.recover(asDeviceError(error));
        if (!told) throw error;
        yield* this.run.stream.tell(told);
      }
    }
  }

  /** Prepares the next attempt, and says so; undefined: there is none. */
  private async recover(error: unknown): Promise<RunEventBody | undefined> {
    if (!(error instanceof DeviceError)) return undefined;
    const full = error.code === 'out_of_memory';
    const splits = full ? nextSplit(this.run.recipe.data.batch_size, this.splits) : this.splits;
    if (!full && error.code !== 'device_lost') return undefined;
    if (splits === undefined) throw noImageFits(error);
    const store = new CheckpointStore(files, this.run.folder.checkpoints);
    const path = await store.latest();
    const state = path === undefined ? undefined : await store.stateOf(path);
    const step = state?.progress.step ?? 0;
    if (!full) {
      // Smaller parts come to an end by themselves; a device may be lost for ever.
      this.failures = { step, count: step === this.failures.step ? this.failures.count + 1 : 1 };
      if (this.failures.count > mostFailures) return undefined;
    }

    const { backend } = this.device;
    await this.device.dispose();
    this.device = await openDevice(backend);
    this.splits = splits;
    const from = path !== undefined && state ? { path, state } : undefined;
    await this.run.log.keepFirst(state?.events ?? this.head);
    this.run = { ...this.run, from };
    const where = from
      ? `from ${from.path} (step ${step})`
      : 'from its first step: there is no checkpoint yet';
    const how = full
      ? `with each batch in ${splits} parts, their gradients accumulated (the same effective batch)`
      : `on ${this.device.description}`;
    const message = `${error.received}; the run goes on ${where} ${how}`;
    return { type: 'warning', code: full ? 'out_of_memory_recovered' : 'device_lost_recovered', message };
  }
}
