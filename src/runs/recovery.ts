/**
 * A run whose device fails goes on by itself. When the device is lost (a driver that was reset, a browser that took
 * the GPU away), a new one is opened and everything is restored from the newest checkpoint, on disk or held in
 * memory, as a resumed run does. An adapter that is gone is waited for: drivers take seconds to come back. When the
 * device's memory does not suffice, the same happens with batches that are computed in smaller parts. What was lost
 * and where the run goes on is told; a failure that comes back without progress ends the run.
 */
import { files } from '#platform';
import { counted, DeviceError, type RunEvent, type RunEventBody } from '../core/index.ts';
import { asDeviceError, type Device, deviceLost, noImageFits, openDevice } from '../engine/index.ts';
import { type Checkpoint, CheckpointStore, HeldCheckpoint, nextSplit } from '../training/index.ts';
import type { OpenRun } from './open-run.ts';

/** What an attempt works with. */
export interface Attempt {
  readonly device: Device;
  readonly run: OpenRun;
  /** In how many parts each batch is computed. */
  readonly splits: number;
  /** How many images of an evaluation are computed at once at most. */
  readonly evaluationImages: number;
  /** What it came down to, for the next attempt: written as it becomes known. */
  readonly tried: Tried;
  /** Where it leaves its newest checkpoint between those on disk. */
  readonly held: HeldCheckpoint;
  /** What it goes on from; undefined: what `run` says. */
  readonly resume: Checkpoint | undefined;
}

export interface Tried {
  /** Images of a batch. */
  rows: number;
  /** In how many parts each was computed. */
  splits: number;
  /** Of an evaluation that failed: how many images it computed at once. */
  evaluated: number | undefined;
}

/** How often in a row the device may be lost at one checkpoint. */
const mostFailures = 3;
/** Milliseconds between two looks for an adapter that is gone: half a minute in all. */
const waits = [250, 500, 1000, 2000, 4000, 8000, 16_000];

export class Recovery {
  private splits = 1;
  private evaluationImages = Number.POSITIVE_INFINITY;
  private tried: Tried = { rows: 0, splits: 1, evaluated: undefined };
  private failures = { step: -1, count: 0 };
  private resume: Checkpoint | undefined;
  private readonly held: HeldCheckpoint;
  /** Events that belong to no attempt. */
  private readonly head: number;

  constructor(
    private run: OpenRun,
    /** The one that is open. */
    public device: Device,
    /** Milliseconds between two checkpoints that are held in memory. */
    heldInterval?: number,
  ) {
    this.head = run.log.count;
    this.held = new HeldCheckpoint(heldInterval);
  }

  /** Runs attempts until one comes to its end. */
  async *attempts(
    work: (attempt: Attempt) => AsyncGenerator<RunEvent>,
    signal?: AbortSignal,
  ): AsyncGenerator<RunEvent> {
    for (;;) {
      try {
        const { device, run, splits, evaluationImages, held, resume } = this;
        const tried = { rows: run.recipe.data.batch_size, splits, evaluated: undefined };
        this.tried = tried;
        return yield* work({ device, run, splits, evaluationImages, tried, held, resume });
      } catch (error) {
        const told = signal?.aborted ? undefined : await this.recover(asDeviceError(error), signal);
        if (!told) throw error;
        yield* this.run.stream.tell(told);
      }
    }
  }

  /** Prepares the next attempt, and says so; undefined: there is none. */
  private async recover(error: unknown, signal?: AbortSignal): Promise<RunEventBody | undefined> {
    if (!(error instanceof DeviceError)) return undefined;
    const full = error.code === 'out_of_memory';
    if (!full && error.code !== 'device_lost') return undefined;
    const from = await this.newest();
    // What the failed attempt had come down to by itself is in its checkpoint.
    const { rows, ...tried } = this.tried;
    const before = Math.max(tried.splits, from?.state.splits ?? 1);
    const evaluated = full ? tried.evaluated : undefined;
    const isStep = full && evaluated === undefined;
    const splits = isStep ? nextSplit(rows, before) : this.splits;
    if (splits === undefined || evaluated === 1) throw noImageFits(error);
    const step = from?.state.progress.step ?? 0;
    if (!full) {
      // Smaller parts come to an end by themselves; a device may be lost for ever.
      this.failures = { step, count: step === this.failures.step ? this.failures.count + 1 : 1 };
      if (this.failures.count > mostFailures) return undefined;
    }

    const waited = await this.reopen(signal);
    this.splits = splits;
    if (evaluated !== undefined) this.evaluationImages = Math.ceil(evaluated / 2);
    await this.run.log.keepFirst(from?.state.events ?? this.head);
    this.resume = from?.inMemory;
    this.run = { ...this.run, from: from?.onDisk };
    const where = from
      ? `from ${from.onDisk?.path ?? 'a checkpoint in memory'} (step ${step})`
      : 'from its first step: there is no checkpoint yet';
    const how = evaluated
      ? `with evaluations of at most ${counted(this.evaluationImages, 'image')} at once`
      : full
        ? `with each batch in ${splits} parts, their gradients accumulated (the same effective batch)`
        : `on ${this.device.description}${waited > 0 ? `, which was away for ${(waited / 1000).toFixed(1)} s` : ''}`;
    const message = `${error.received}; the run goes on ${where} ${how}`;
    return { type: 'warning', code: full ? 'out_of_memory_recovered' : 'device_lost_recovered', message };
  }

  /** The newest checkpoint there is, on disk or in memory. */
  private async newest() {
    const store = new CheckpointStore(files, this.run.folder.checkpoints);
    const path = await store.latest();
    const state = path === undefined ? undefined : await store.stateOf(path);
    const inMemory = this.held.checkpoint;
    if (inMemory && inMemory.state.progress.step > (state?.progress.step ?? 0))
      return { state: inMemory.state, inMemory, onDisk: undefined };
    return path !== undefined && state ? { state, inMemory: undefined, onDisk: { path, state } } : undefined;
  }

  /** Opens the device anew, as soon as it is there; returns the milliseconds that it was not. */
  private async reopen(signal?: AbortSignal): Promise<number> {
    const { backend, prepare } = this.device;
    await this.device.dispose();
    const start = performance.now();
    for (let attempt = 0; ; attempt++) {
      try {
        this.device = await openDevice(backend, { compiled: prepare !== undefined });
        // An adapter that is lost itself gives devices that are lost from the beginning.
        await this.device.synchronize();
        return attempt === 0 ? 0 : performance.now() - start;
      } catch (error) {
        await this.device.dispose();
        const gone = error instanceof DeviceError && ['no_adapter', 'device_lost'].includes(error.code);
        const wait = waits[attempt];
        if (gone && wait === undefined) throw stayedAway(performance.now() - start, error);
        if (!gone || wait === undefined) throw error;
        if (attempt === 0) await this.run.stream.tellNow(waiting);
        await pause(wait, signal);
      }
    }
  }
}

const waiting: RunEventBody = {
  type: 'warning',
  code: 'device_lost_waiting',
  message: `the device was lost and no adapter is there: waiting for it for up to ${Math.round(waits.reduce((sum, wait) => sum + wait, 0) / 1000)} s`,
};

function stayedAway(milliseconds: number, cause: DeviceError): DeviceError {
  return deviceLost(
    `no adapter came back within ${Math.round(milliseconds / 1000)} s (${cause.received})`,
    cause,
  );
}

/** Rejects with the signal's reason when that comes first. */
function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
