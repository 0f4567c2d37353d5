/**
 * How long a run is and when it evaluates, worked out before the first step. A step may take several batches
 * (`accumulate`); the last step of an epoch takes those that are left.
 */
import { ConfigError } from '../core/index.ts';

export interface PlanSettings {
  readonly maxEpochs: number;
  readonly maxSteps?: number | undefined;
  readonly accumulate: number;
  /**
   * How often to evaluate: a share of an epoch in (0, 1], or a number of optimiser steps above 1. Left out:
   * after every epoch.
   */
  readonly valCheckInterval?: number | undefined;
  /** Also write the last checkpoint every so many optimiser steps; every epoch has one anyway. */
  readonly checkpointEverySteps?: number | undefined;
}

export interface Plan {
  readonly batchesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly accumulate: number;
  /** `cursor` batches of the epoch are done and make whole steps. */
  evaluatesAfter(step: number, cursor: number): boolean;
  checkpointsAfter(step: number): boolean;
}

export function planRun(settings: PlanSettings, batchesPerEpoch: number): Plan {
  const { accumulate, valCheckInterval: interval = 1, maxEpochs, maxSteps } = settings;
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / accumulate);
  const totalSteps = Math.min(stepsPerEpoch * maxEpochs, maxSteps ?? Number.POSITIVE_INFINITY);
  if (!(interval > 0) || (interval > 1 && !Number.isInteger(interval))) {
    throw new ConfigError({
      code: 'invalid_val_check_interval',
      expected: 'a share of an epoch in (0, 1], or a whole number of steps above 1',
      received: `training.val_check_interval=${interval}`,
      fix: 'write 0.25 for four evaluations in each epoch, or 500 for one every 500 steps',
    });
  }
  const stepsBetween = interval > 1 ? interval : Math.max(1, Math.floor(stepsPerEpoch * interval));
  return {
    batchesPerEpoch,
    stepsPerEpoch,
    totalSteps,
    accumulate,
    evaluatesAfter(step, cursor) {
      if (step >= totalSteps) return true;
      if (interval > 1) return step % stepsBetween === 0;
      // Shares are counted within each epoch, so that its end is one of them.
      const stepOfEpoch = Math.ceil(cursor / accumulate);
      if (stepOfEpoch === stepsPerEpoch) return true;
      return stepOfEpoch % stepsBetween === 0 && stepsPerEpoch - stepOfEpoch >= stepsBetween;
    },
    checkpointsAfter: (step) =>
      settings.checkpointEverySteps !== undefined && step % settings.checkpointEverySteps === 0,
  };
}
