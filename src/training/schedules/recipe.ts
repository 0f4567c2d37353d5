/**
 * The recipe's schedulers, put together from the originals. Everything is counted in optimiser steps here:
 * periods that a recipe gives in epochs (`T_max`, `step_size`) are multiplied by the steps of an epoch.
 *
 *   constant · linear · polynomial · cosine   over the whole run, after a linear warmup (Transformers' forms)
 *   step · exponential                        by whole epochs (torch's forms)
 *   plateau                                   by results: after each evaluation
 *
 * Warmup is linear from 0 and takes `warmup_steps`, or `warmup_epochs`, or `warmup_ratio` of the run. A cosine
 * with a `T_max` below the run's epochs stays at `eta_min` from there on instead of rising again.
 */
import { plateauDefaults, schedulerNames } from '../../config/index.ts';
import { ConfigError } from '../../core/index.ts';
import { advancePlateau, type PlateauOptions, type PlateauState, startPlateau } from './plateau.ts';

/** The part of `training` in a recipe that decides learning rates. */
export interface ScheduleSettings {
  readonly learning_rate: number;
  readonly scheduler: string;
  readonly scheduler_params?: Readonly<Record<string, unknown>> | undefined;
  readonly warmup_steps?: number | undefined;
  readonly warmup_epochs?: number | undefined;
  readonly warmup_ratio?: number | undefined;
  readonly monitor_mode?: 'min' | 'max' | undefined;
}

/** The learning rates of a run: of each step, before the groups' factors. */
export interface LearningRates {
  readonly warmupSteps: number;
  /** The rate of optimiser step `step` (from 0). */
  at(step: number): number;
  /** Whether results change the rate. */
  readonly watchesResults: boolean;
  /** Tells the plateau schedule the monitored metric of an evaluation. */
  observe(metric: number): void;
  state(): PlateauState | null;
  restore(state: PlateauState | null): void;
}

export function recipeLearningRates(
  settings: ScheduleSettings,
  run: { readonly stepsPerEpoch: number; readonly totalSteps: number },
): LearningRates {
  const base = settings.learning_rate;
  const warmupSteps = warmupOf(settings, run);
  const params = given(settings.scheduler_params ?? {}) as Readonly<Record<string, number>>;
  const plateau: PlateauOptions | undefined =
    settings.scheduler === 'plateau'
      ? {
          ...plateauDefaults,
          ...given(settings.scheduler_params ?? {}),
          mode: settings.monitor_mode ?? 'min',
        }
      : undefined;
  let state: PlateauState | null = plateau ? startPlateau([base]) : null;
  const main = plateau
    ? () => state!.rates[0]! / base
    : factorOf(settings.scheduler, params, base, warmupSteps, run);
  return {
    warmupSteps,
    watchesResults: plateau !== undefined,
    at: (step) => (step < warmupSteps ? (base * step) / warmupSteps : base * main(step)),
    observe(metric) {
      if (plateau && state) state = advancePlateau(state, metric, plateau);
    },
    state: () => state,
    restore(saved) {
      if (plateau && saved) state = saved;
    },
  };
}

function warmupOf(
  settings: ScheduleSettings,
  run: { readonly stepsPerEpoch: number; readonly totalSteps: number },
): number {
  if (settings.warmup_steps) return settings.warmup_steps;
  if (settings.warmup_epochs) return Math.round(settings.warmup_epochs * run.stepsPerEpoch);
  return Math.ceil((settings.warmup_ratio ?? 0) * run.totalSteps);
}

/** The factor on the base rate from the end of the warmup on; `step` counts from the start of the run. */
function factorOf(
  name: string,
  params: Readonly<Record<string, number>>,
  base: number,
  warmupSteps: number,
  { stepsPerEpoch, totalSteps }: { readonly stepsPerEpoch: number; readonly totalSteps: number },
): (step: number) => number {
  const end = params.T_max !== undefined ? params.T_max * stepsPerEpoch : totalSteps;
  const span = Math.max(1, end - warmupSteps);
  const progress = (step: number): number => Math.min(1, Math.max(0, (step - warmupSteps) / span));
  const epoch = (step: number): number => Math.floor(step / stepsPerEpoch);
  const floor = (params.eta_min ?? params.lr_end ?? 0) / base;
  switch (name) {
    case 'constant':
    case 'none':
      return () => 1;
    case 'linear':
      return (step) => floor + (1 - floor) * (1 - progress(step));
    case 'polynomial':
      return (step) => floor + (1 - floor) * (1 - progress(step)) ** (params.power ?? 1);
    case 'cosine':
      return (step) => floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress(step)));
    case 'step':
      return (step) => (params.gamma ?? 0.1) ** Math.floor(epoch(step) / (params.step_size ?? 30));
    case 'exponential':
      return (step) => (params.gamma ?? 0.95) ** epoch(step);
    default:
      throw new ConfigError({
        code: 'unknown_scheduler',
        expected: `one of the schedulers ${schedulerNames.join(', ')}`,
        received: `training.scheduler=${name}`,
        fix: 'choose a known scheduler',
      });
  }
}

/** Null in a recipe means: the default. */
function given(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).filter(([, value]) => value !== null && value !== undefined),
  );
}
