/**
 * The schedules of `transformers.optimization` (4.57), argument names and quirks included: the first step of a
 * linear warmup has rate 0, the polynomial divides by the optimiser's default rate, WSD warms up from
 * `min_lr_ratio`.
 */
import { lambda, type Schedule } from './schedule.ts';

interface Warmup {
  readonly num_warmup_steps: number;
}
interface Span extends Warmup {
  readonly num_training_steps: number;
}

const ramp = (step: number, warmup: number): number => step / Math.max(1, warmup);
const progressOf = (step: number, { num_warmup_steps, num_training_steps }: Span): number =>
  (step - num_warmup_steps) / Math.max(1, num_training_steps - num_warmup_steps);
const cosine = (turns: number): number => 0.5 * (1 + Math.cos(2 * Math.PI * turns));

export const constant = (): Schedule => lambda(() => 1);

export function constantWithWarmup(args: Warmup): Schedule {
  return lambda((step) => (step < args.num_warmup_steps ? ramp(step, args.num_warmup_steps) : 1));
}

export function linearWithWarmup(args: Span): Schedule {
  const { num_warmup_steps, num_training_steps } = args;
  return lambda((step) =>
    step < num_warmup_steps
      ? ramp(step, num_warmup_steps)
      : Math.max(0, (num_training_steps - step) / Math.max(1, num_training_steps - num_warmup_steps)),
  );
}

export function cosineWithWarmup(args: Span & { num_cycles?: number }): Schedule {
  const { num_warmup_steps, num_cycles = 0.5 } = args;
  return lambda((step) =>
    step < num_warmup_steps
      ? ramp(step, num_warmup_steps)
      : Math.max(0, cosine(num_cycles * progressOf(step, args))),
  );
}

export function cosineWithHardRestarts(args: Span & { num_cycles?: number }): Schedule {
  const { num_warmup_steps, num_cycles = 1 } = args;
  return lambda((step) => {
    if (step < num_warmup_steps) return ramp(step, num_warmup_steps);
    const progress = progressOf(step, args);
    if (progress >= 1) return 0;
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((num_cycles * progress) % 1))));
  });
}

export function cosineWithMinLr(
  args: Span & { num_cycles?: number; min_lr?: number; min_lr_rate?: number },
): Schedule {
  const { num_warmup_steps, num_cycles = 0.5 } = args;
  return (step, base, defaultBase = base) => {
    const floor = args.min_lr_rate ?? (args.min_lr ?? 0) / defaultBase;
    if (step < num_warmup_steps) return base * ramp(step, num_warmup_steps);
    return base * Math.max(0, cosine(num_cycles * progressOf(step, args)) * (1 - floor) + floor);
  };
}

/** Warmup that starts at `warmup_lr_rate` of the base rate, then a cosine down to the minimum. */
export function cosineWarmupWithMinLr(
  args: Span & { num_cycles?: number; min_lr?: number; min_lr_rate?: number; warmup_lr_rate?: number },
): Schedule {
  const { num_warmup_steps, num_training_steps, num_cycles = 0.5, warmup_lr_rate } = args;
  return (step, base, defaultBase = base) => {
    const floor = args.min_lr_rate ?? (args.min_lr ?? 0) / defaultBase;
    if (step < num_warmup_steps) {
      if (warmup_lr_rate === undefined) return (base * (step + 1)) / Math.max(1, num_warmup_steps);
      const share = step / Math.max(1, num_warmup_steps - 1);
      return base * (warmup_lr_rate + (1 - warmup_lr_rate) * share);
    }
    const progress = (step - num_warmup_steps + 1) / Math.max(1, num_training_steps - num_warmup_steps);
    return base * Math.max(0, cosine(num_cycles * progress) * (1 - floor) + floor);
  };
}

export function polynomialDecayWithWarmup(args: Span & { lr_end?: number; power?: number }): Schedule {
  const { num_warmup_steps, num_training_steps, lr_end = 1e-7, power = 1 } = args;
  return (step, base, defaultBase = base) => {
    if (step < num_warmup_steps) return base * ramp(step, num_warmup_steps);
    if (step > num_training_steps) return (base * lr_end) / defaultBase;
    const remaining = 1 - (step - num_warmup_steps) / (num_training_steps - num_warmup_steps);
    return (base * ((defaultBase - lr_end) * remaining ** power + lr_end)) / defaultBase;
  };
}

export function inverseSqrt(args: Warmup & { timescale?: number }): Schedule {
  const { num_warmup_steps } = args;
  const timescale = args.timescale ?? (num_warmup_steps || 10_000);
  const shift = timescale - num_warmup_steps;
  return lambda((step) =>
    step < num_warmup_steps ? ramp(step, num_warmup_steps) : 1 / Math.sqrt((step + shift) / timescale),
  );
}

type Shape = 'linear' | 'cosine' | '1-sqrt';

/** Warmup, stable, decay (Hu et al., 2024). */
export function warmupStableDecay(
  args: Warmup & {
    num_decay_steps: number;
    num_stable_steps?: number;
    num_training_steps?: number;
    warmup_type?: Shape;
    decay_type?: Shape;
    min_lr_ratio?: number;
    num_cycles?: number;
  },
): Schedule {
  const { num_warmup_steps, num_decay_steps, warmup_type = 'linear', decay_type = 'cosine' } = args;
  const { min_lr_ratio = 0, num_cycles = 0.5 } = args;
  const stable = args.num_stable_steps ?? (args.num_training_steps ?? 0) - num_warmup_steps - num_decay_steps;
  const lift = (factor: number): number => Math.max(0, factor * (1 - min_lr_ratio) + min_lr_ratio);
  return lambda((step) => {
    if (step < num_warmup_steps) {
      const progress = ramp(step, num_warmup_steps);
      if (warmup_type === 'linear') return lift(progress);
      if (warmup_type === 'cosine') return lift(0.5 * (1 - Math.cos(Math.PI * progress)));
      return lift(1 - Math.sqrt(1 - progress));
    }
    if (step < num_warmup_steps + stable) return 1;
    if (step >= num_warmup_steps + stable + num_decay_steps) return min_lr_ratio;
    const progress = (step - num_warmup_steps - stable) / Math.max(1, num_decay_steps);
    if (decay_type === 'linear') return lift(1 - progress);
    if (decay_type === 'cosine') return lift(cosine(num_cycles * progress));
    return lift(1 - Math.sqrt(progress));
  });
}
