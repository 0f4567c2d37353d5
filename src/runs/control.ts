/**
 * How someone takes part in a run that is under way: between two optimiser steps, never inside of one. The run
 * stands still while `between` is awaited, so it may look at the model, predict with it, or wait (a pause).
 */
import type { RunEventBody } from '../core/index.ts';
import type { Batch, Splits } from '../data/index.ts';
import type { Device } from '../engine/index.ts';
import type { LoadedModel } from '../models/index.ts';
import type { BatchSource } from '../training/index.ts';

export interface RunControl {
  /** Awaited before the batches of each optimiser step. */
  between?(live: LiveRun, position: StepPosition): Promise<void>;
  /** Asked after each optimiser step: true writes a checkpoint there. */
  checkpointWanted?(): boolean;
  /** Every event as it is told, those of a pause too, which do not come out of the run's own course. */
  listen?(event: RunEventBody & { readonly time: string }): void;
}

/** Where the run stands: the optimiser steps that are done, and the epoch of the next. */
export interface StepPosition {
  readonly step: number;
  readonly epoch: number;
}

/** A run as it is now. All of it belongs to the run and ends with it. */
export interface LiveRun {
  readonly folder: string;
  readonly device: Device;
  readonly loaded: LoadedModel;
  readonly splits: Splits;
  /** Tells an event at once: to the log, to trackers, to `listen`. */
  tell(event: RunEventBody): Promise<void>;
}

/** The same batches; `between` is awaited where an optimiser step begins. */
export function gated(
  source: BatchSource,
  batchesPerStep: number,
  between: (position: StepPosition) => Promise<void>,
): BatchSource {
  const stepsPerEpoch = Math.ceil(source.batchesPerEpoch / batchesPerStep);
  return {
    batchesPerEpoch: source.batchesPerEpoch,
    async *epoch(epoch, cursor): AsyncGenerator<Batch> {
      for await (const batch of source.epoch(epoch, cursor)) {
        if (batch.position % batchesPerStep === 0) {
          await between({ step: epoch * stepsPerEpoch + batch.position / batchesPerStep, epoch });
        }
        yield batch;
      }
    },
  };
}
