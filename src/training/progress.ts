/**
 * Where a run stands: everything that decides how it goes on, beside the tensors. Plain data, changed by the
 * functions below alone and stored as it is in a checkpoint's `state.json`. Random numbers need no state: they
 * follow from the seed and these counters.
 */
import { ConfigError, type Metrics, RunError } from '../core/index.ts';
import type { Plan } from './plan.ts';

export interface Progress {
  /** Optimiser steps done. */
  step: number;
  /** The epoch that is running, from 0. */
  epoch: number;
  /** Batches of this epoch that are part of a finished step: where the loader goes on. */
  cursor: number;
  /** The training loss of this epoch so far: sums over images. */
  epochLoss: { sum: number; images: number };
  /** An evaluation that is due and not finished: where it belongs, and the training loss up to there. */
  pendingEvaluation: { step: number; epoch: number; trainLoss: number } | null;
  /** Metrics of the last evaluation. */
  metrics: Metrics;
  best: { value: number; step: number } | null;
  /** The checkpoints `step-<n>` that are kept, the best first. */
  kept: { step: number; value: number }[];
  /** Evaluations in a row that were no better than the best. */
  badEvaluations: number;
  stopped: 'early_stopping' | null;
}

export function startOfRun(): Progress {
  return {
    step: 0,
    epoch: 0,
    cursor: 0,
    epochLoss: { sum: 0, images: 0 },
    pendingEvaluation: null,
    metrics: {},
    best: null,
    kept: [],
    badEvaluations: 0,
    stopped: null,
  };
}

export function isDone(progress: Progress, plan: Plan): boolean {
  return progress.stopped !== null || progress.step >= plan.totalSteps;
}

/** A step is finished; the epoch goes on with batch number `cursor`. */
export function advance(progress: Progress, cursor: number): void {
  progress.step++;
  progress.cursor = cursor;
}

export function enterNextEpoch(progress: Progress): void {
  progress.epoch++;
  progress.cursor = 0;
  progress.epochLoss = { sum: 0, images: 0 };
}

/** Where the last step was, for events: at the end of an epoch that is still this epoch. */
export function positionOf({ step, epoch, cursor }: Progress): { step: number; epoch: number } {
  return { step, epoch: cursor === 0 && step > 0 ? epoch - 1 : epoch };
}

/** The mean training loss of the epoch so far. */
export function trainLossOf({ epochLoss: { sum, images } }: Progress): number {
  return sum / images;
}

/** An evaluation is due here. */
export function expectEvaluation(progress: Progress): void {
  const { step, epoch } = progress;
  progress.pendingEvaluation = { step, epoch, trainLoss: trainLossOf(progress) };
}

export interface Monitor {
  /** With its split: `val_map`; `train_loss` is the mean of the epoch so far. */
  readonly metric: string;
  readonly mode: 'min' | 'max';
}

export interface EvaluationRules {
  readonly monitor?: Monitor | undefined;
  readonly earlyStoppingPatience?: number | undefined;
  readonly saveTopK: number;
}

/**
 * Takes the results of an evaluation at `step`: what is best, what is kept, whether to stop. Says the monitored
 * value and which checkpoints to write beside `last`.
 */
export function recordEvaluation(
  progress: Progress,
  { monitor, earlyStoppingPatience, saveTopK }: EvaluationRules,
  step: number,
  trainLoss: number,
): { readonly value: number | undefined; readonly checkpoints: readonly ('best' | 'step')[] } {
  if (!monitor) return { value: undefined, checkpoints: [] };
  const value = monitoredValue(monitor, { ...progress.metrics, train_loss: trainLoss }, step);
  const better = (a: number, b: number): boolean => (monitor.mode === 'min' ? a < b : a > b);
  const checkpoints: ('best' | 'step')[] = [];
  const places = saveTopK < 0 ? Number.POSITIVE_INFINITY : saveTopK;
  const rank = progress.kept.findIndex((kept) => better(value, kept.value));
  const position = rank < 0 ? progress.kept.length : rank;
  if (position < places) {
    progress.kept.splice(position, 0, { step, value });
    if (progress.kept.length > places) progress.kept.length = places;
    checkpoints.push('step');
  }
  if (!progress.best || better(value, progress.best.value)) {
    progress.best = { value, step };
    progress.badEvaluations = 0;
    checkpoints.push('best');
  } else {
    progress.badEvaluations++;
    if (earlyStoppingPatience !== undefined && progress.badEvaluations >= earlyStoppingPatience) {
      progress.stopped = 'early_stopping';
    }
  }
  return { value, checkpoints };
}

function monitoredValue({ metric }: Monitor, metrics: Metrics, step: number): number {
  const value = metrics[metric];
  if (value === undefined) {
    throw new ConfigError({
      code: 'monitor_metric_not_computed',
      expected: `${metric} among the results of an evaluation`,
      received: `${Object.keys(metrics).join(', ')} after step ${step}`,
      fix: 'set training.monitor_metric to one of them; a metric without ground truth is left out',
    });
  }
  if (!Number.isFinite(value)) {
    throw new RunError({
      code: 'loss_not_finite',
      expected: `a finite ${metric}`,
      received: `${value} in the evaluation after step ${step}`,
      fix: 'lower training.learning_rate, or clip gradients with training.gradient_clip_val; the last good checkpoint is kept',
    });
  }
  return value;
}
