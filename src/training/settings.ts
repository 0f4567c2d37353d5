/** What a recipe decides about training, in the loop's own terms. */
import type { GradientClip } from './clip.ts';
import type { GroupSettings } from './groups.ts';
import type { MixOptions } from './mix.ts';
import type { OptimizerOptions } from './optimizers/index.ts';
import type { PlanSettings } from './plan.ts';
import type { Monitor } from './progress.ts';
import type { ScheduleSettings } from './schedules/index.ts';

export interface TrainingSettings {
  readonly seed: number;
  readonly plan: PlanSettings;
  readonly optimizer: { readonly name: string; readonly options: OptimizerOptions };
  readonly schedule: ScheduleSettings;
  readonly groups: GroupSettings;
  /** Globs of parameter names that don't train. */
  readonly freeze: readonly string[];
  /** Left out: not clipped. */
  readonly clip?: GradientClip | undefined;
  readonly mix: MixOptions;
  /** An average of the weights that is evaluated and exported in their place. */
  readonly average?: { readonly decay: number; readonly startStep: number } | undefined;
  /** What decides which checkpoint is best; left out where nothing is evaluated. */
  readonly monitor?: Monitor | undefined;
  /** Evaluations in a row without a better one before the run stops; left out: it never does. */
  readonly earlyStoppingPatience?: number | undefined;
  /** How many `step-<n>` checkpoints to keep, the best; −1 keeps all. */
  readonly saveTopK: number;
  readonly logEverySteps: number;
  /** In how many parts each batch is computed (1): where the memory of the device does not suffice for all of it. */
  readonly splits?: number | undefined;
  /** Recompute activations for the gradients where steps are compiled (false). */
  readonly checkpointActivations?: boolean | undefined;
  readonly precision?: 'fp32' | 'fp16' | undefined;
}
