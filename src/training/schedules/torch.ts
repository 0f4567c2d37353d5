/**
 * The schedulers of `torch.optim.lr_scheduler` in closed form (torch's own recursions differ only by
 * rounding). Arguments keep torch's names and defaults; "step" is how often `scheduler.step()` was called.
 */
import { ConfigError } from '../../core/index.ts';
import { lambda, type Schedule } from './schedule.ts';

export function stepLR(args: { step_size: number; gamma?: number }): Schedule {
  const { step_size, gamma = 0.1 } = args;
  return lambda((step) => gamma ** Math.floor(step / step_size));
}

/** A milestone given twice multiplies twice. */
export function multiStepLR(args: { milestones: readonly number[]; gamma?: number }): Schedule {
  const { milestones, gamma = 0.1 } = args;
  return lambda((step) => gamma ** milestones.filter((milestone) => milestone <= step).length);
}

export function exponentialLR(args: { gamma: number }): Schedule {
  return lambda((step) => args.gamma ** step);
}

export function constantLR(args: { factor?: number; total_iters?: number }): Schedule {
  const { factor = 1 / 3, total_iters = 5 } = args;
  return lambda((step) => (step < total_iters ? factor : 1));
}

export function linearLR(args: {
  start_factor?: number;
  end_factor?: number;
  total_iters?: number;
}): Schedule {
  const { start_factor = 1 / 3, end_factor = 1, total_iters = 5 } = args;
  return lambda(
    (step) => start_factor + ((end_factor - start_factor) * Math.min(step, total_iters)) / total_iters,
  );
}

export function polynomialLR(args: { total_iters?: number; power?: number }): Schedule {
  const { total_iters = 5, power = 1 } = args;
  return lambda((step) => (1 - Math.min(step, total_iters) / total_iters) ** power);
}

/** Loshchilov & Hutter (2017) without restarts; after `T_max` the rate rises again, as in torch. */
export function cosineAnnealingLR(args: { T_max: number; eta_min?: number }): Schedule {
  const { T_max, eta_min = 0 } = args;
  return (step, base) => eta_min + ((base - eta_min) * (1 + Math.cos((Math.PI * step) / T_max))) / 2;
}

export function cosineAnnealingWarmRestarts(args: {
  T_0: number;
  T_mult?: number;
  eta_min?: number;
}): Schedule {
  const { T_0, T_mult = 1, eta_min = 0 } = args;
  return (step, base) => {
    let position = step;
    let period = T_0;
    while (position >= period) {
      position -= period;
      period *= T_mult;
    }
    return eta_min + ((base - eta_min) * (1 + Math.cos((Math.PI * position) / period))) / 2;
  };
}

/**
 * Smith's one-cycle policy. The rates come from `max_lr`; the base rate plays no part, as in torch. Its length is
 * `total_steps`, or `epochs` times `steps_per_epoch`.
 */
export function oneCycleLR(args: {
  max_lr: number;
  total_steps?: number | null;
  epochs?: number | null;
  steps_per_epoch?: number | null;
  pct_start?: number;
  anneal_strategy?: 'cos' | 'linear';
  div_factor?: number;
  final_div_factor?: number;
  three_phase?: boolean;
}): Schedule {
  const { max_lr, pct_start = 0.3, anneal_strategy = 'cos' } = args;
  const total_steps = args.total_steps ?? (args.epochs ?? Number.NaN) * (args.steps_per_epoch ?? Number.NaN);
  if (!(total_steps > 0)) {
    throw new ConfigError({
      code: 'scheduler_length_missing',
      expected: 'OneCycleLR with total_steps, or with epochs and steps_per_epoch',
      received: JSON.stringify(args),
      fix: 'give its length',
    });
  }
  const { div_factor = 25, final_div_factor = 1e4, three_phase = false } = args;
  const initial = max_lr / div_factor;
  const lowest = initial / final_div_factor;
  const rise = pct_start * total_steps - 1;
  const phases = three_phase
    ? [
        { end: rise, from: initial, to: max_lr },
        { end: 2 * pct_start * total_steps - 2, from: max_lr, to: initial },
        { end: total_steps - 1, from: initial, to: lowest },
      ]
    : [
        { end: rise, from: initial, to: max_lr },
        { end: total_steps - 1, from: max_lr, to: lowest },
      ];
  const anneal = (from: number, to: number, share: number): number =>
    anneal_strategy === 'cos'
      ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share))
      : from + (to - from) * share;
  return (step) => {
    let start = 0;
    for (const [index, { end, from, to }] of phases.entries()) {
      if (step <= end || index === phases.length - 1) {
        return anneal(from, to, (Math.min(step, end) - start) / (end - start));
      }
      start = end;
    }
    return lowest;
  };
}

/** Repeated triangles between the base rate and `max_lr` (Smith, 2017). */
export function cyclicLR(args: {
  base_lr: number;
  max_lr: number;
  step_size_up?: number;
  step_size_down?: number;
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  gamma?: number;
}): Schedule {
  const { base_lr, max_lr, step_size_up = 2000, mode = 'triangular', gamma = 1 } = args;
  const total = step_size_up + (args.step_size_down ?? step_size_up);
  const ratio = step_size_up / total;
  return (step) => {
    const cycle = Math.floor(1 + step / total);
    const position = 1 + step / total - cycle;
    const share = position <= ratio ? position / ratio : (position - 1) / (ratio - 1);
    const scale = mode === 'triangular' ? 1 : mode === 'triangular2' ? 1 / 2 ** (cycle - 1) : gamma ** step;
    return base_lr + (max_lr - base_lr) * share * scale;
  };
}

/** One schedule after the other; each begins anew at its milestone. */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  return (step, base, defaultBase) => {
    const index = milestones.filter((milestone) => milestone <= step).length;
    const start = index === 0 ? 0 : milestones[index - 1]!;
    return schedules[index]!(step - start, base, defaultBase);
  };
}

/** All factors multiplied. Only for schedules that scale the base rate. */
export function chainedLR(schedules: readonly Schedule[]): Schedule {
  return (step, base) => schedules.reduce((rate, schedule) => rate * schedule(step, 1), base);
}
