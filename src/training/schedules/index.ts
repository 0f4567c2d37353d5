/**
 * Schedules by their original names: `transformers.cosine_with_warmup`, `torch.StepLR`, … The recipe's own
 * short names are put together in `recipe.ts`.
 */
import { ConfigError } from '../../core/index.ts';
import { lambda, type Schedule } from './schedule.ts';
import * as torch from './torch.ts';
import * as transformers from './transformers.ts';

export {
  advancePlateau,
  type PlateauOptions,
  type PlateauState,
  startPlateau,
} from './plateau.ts';
export { type LearningRates, recipeLearningRates, type ScheduleSettings } from './recipe.ts';
export type { Schedule } from './schedule.ts';
export { lambda };
export const { chainedLR, sequentialLR } = torch;

type ScheduleArguments = Readonly<Record<string, unknown>>;

/** Arguments are the originals'; each function reads those that it knows. */
const makers: Readonly<Record<string, (args: never) => Schedule>> = {
  'torch.StepLR': torch.stepLR,
  'torch.MultiStepLR': torch.multiStepLR,
  'torch.ExponentialLR': torch.exponentialLR,
  'torch.ConstantLR': torch.constantLR,
  'torch.LinearLR': torch.linearLR,
  'torch.PolynomialLR': torch.polynomialLR,
  'torch.CosineAnnealingLR': torch.cosineAnnealingLR,
  'torch.CosineAnnealingWarmRestarts': torch.cosineAnnealingWarmRestarts,
  'torch.OneCycleLR': torch.oneCycleLR,
  'torch.CyclicLR': torch.cyclicLR,
  'transformers.constant': transformers.constant,
  'transformers.constant_with_warmup': transformers.constantWithWarmup,
  'transformers.linear_with_warmup': transformers.linearWithWarmup,
  'transformers.cosine_with_warmup': transformers.cosineWithWarmup,
  'transformers.cosine_with_hard_restarts_with_warmup': transformers.cosineWithHardRestarts,
  'transformers.cosine_with_min_lr_with_warmup': transformers.cosineWithMinLr,
  'transformers.cosine_warmup_with_min_lr': transformers.cosineWarmupWithMinLr,
  'transformers.polynomial_decay_with_warmup': transformers.polynomialDecayWithWarmup,
  'transformers.inverse_sqrt': transformers.inverseSqrt,
  'transformers.wsd': transformers.warmupStableDecay,
};

export function createSchedule(name: string, args: ScheduleArguments = {}): Schedule {
  const make = makers[name];
  if (!make) {
    throw new ConfigError({
      code: 'unknown_schedule',
      expected: `one of the schedules ${Object.keys(makers).join(', ')}`,
      received: name,
      fix: 'choose a known schedule',
    });
  }
  return make(args as never);
}
