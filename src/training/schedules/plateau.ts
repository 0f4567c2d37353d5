/**
 * Reduce on plateau, as `torch.optim.lr_scheduler.ReduceLROnPlateau`: when the monitored metric has not become
 * better for more than `patience` evaluations, every group's rate is multiplied by `factor`. The state is
 * plain data and goes into a checkpoint as it is.
 */

export interface PlateauOptions {
  readonly mode: 'min' | 'max';
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly threshold_mode: 'rel' | 'abs';
  readonly cooldown: number;
  readonly min_lr: number;
  /** A change that is not larger than this is skipped. */
  readonly eps: number;
}

export interface PlateauState {
  /** Null until the first evaluation. */
  readonly best: number | null;
  readonly badEvaluations: number;
  readonly cooldown: number;
  /** One per parameter group. */
  readonly rates: readonly number[];
}

export function startPlateau(rates: readonly number[]): PlateauState {
  return { best: null, badEvaluations: 0, cooldown: 0, rates };
}

/** The state after an evaluation that gave `metric`. */
export function advancePlateau(state: PlateauState, metric: number, options: PlateauOptions): PlateauState {
  const better = state.best === null || isBetter(metric, state.best, options);
  let bad = better ? 0 : state.badEvaluations + 1;
  let cooldown = state.cooldown;
  if (cooldown > 0) {
    cooldown--;
    bad = 0;
  }
  let { rates } = state;
  if (bad > options.patience) {
    rates = rates.map((rate) => {
      const reduced = Math.max(rate * options.factor, options.min_lr);
      return rate - reduced > options.eps ? reduced : rate;
    });
    cooldown = options.cooldown;
    bad = 0;
  }
  return { best: better ? metric : state.best, badEvaluations: bad, cooldown, rates };
}

function isBetter(
  metric: number,
  best: number,
  { mode, threshold, threshold_mode }: PlateauOptions,
): boolean {
  if (threshold_mode === 'rel') {
    return mode === 'min' ? metric < best * (1 - threshold) : metric > best * (1 + threshold);
  }
  return mode === 'min' ? metric < best - threshold : metric > best + threshold;
}
