/** What runs a training step: kernel by kernel (`eager-step.ts`) or compiled (`compiled/`). */
import type { Batch } from '../data/index.ts';
import type { GradientClip } from './clip.ts';
import type { MixOptions } from './mix.ts';
import type { StepDevice } from './types.ts';

export interface StepSettings {
  readonly seed: number;
  /** Left out: not clipped. */
  readonly clip?: GradientClip | undefined;
  readonly mix: MixOptions;
  /** How many parts a step usually has (1); others are possible. */
  readonly plan?: { readonly accumulate: number } | undefined;
  /** In how many parts each batch is computed from the start (1): memory that did not suffice before. */
  readonly splits?: number | undefined;
  /** Activations are computed again for the gradients where the device compiles: less memory, more time (false). */
  readonly checkpointActivations?: boolean | undefined;
  /** `fp16`: half precision where the device compiles (fp32). */
  readonly precision?: 'fp32' | 'fp16' | undefined;
}

/** A program of the step was made ready, once for each signature. */
export interface StepCompilation {
  /** Shapes of images and targets; of accumulated gradients what they are for. */
  readonly signature: string;
  /** Tracing, planning, compiling. */
  readonly ms: number;
  /** Of a run. */
  readonly dispatches: number;
}

/** A step that was submitted. */
export interface StepReport {
  /** Of the losses, in the order of the values. */
  readonly names: readonly string[];
  readonly images: number;
  /** The parameters that had a gradient. */
  readonly present: readonly string[];
  /** The losses, then the norm of the gradients before clipping. */
  readonly values: Promise<ArrayLike<number>>;
}

export interface StepEngine {
  /** One batch of a step: part 0, 1, … */
  add(batch: Batch, step: number, part: number): Promise<void>;
  /** Moves the weights by what the parts gave. One learning rate per parameter group; steps count from 1. */
  finish(learningRates: readonly number[], step: number): Promise<StepReport>;
  dispose(): void;
}

/** Whether the device itself ran out of memory, or is lost: smaller parts would not help on it any more, a new one may. */
export function hasFailed(device: StepDevice): boolean {
  try {
    device.check();
    return false;
  } catch {
    return true;
  }
}
