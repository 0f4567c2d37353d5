/**
 * The two halves of a training step, in tensors: `differentiate` goes from images to losses and gradients, `update`
 * from gradients to moved weights. Eager steps run them, compiled ones trace them; what the host has to say in
 * between (targets that depend on the outputs) is the caller's part.
 */
import { Tape, tf } from '../engine/index.ts';
import type { ForwardContext, Parameter } from '../nn/index.ts';
import type { Loss, ModelOutputs } from '../tasks/index.ts';
import { clipByValue, clipFactor, type GradientClip, totalNorm } from './clip.ts';
import type { WeightAverage } from './ema.ts';
import type { NamedVariable, Optimizer } from './optimizers/index.ts';
import type { TrainableModel } from './types.ts';

export interface Images {
  readonly pixel_values: tf.Tensor;
  readonly pixel_mask?: tf.Tensor;
}

export interface Differentiated {
  /** `loss` and the parts that the task tells, scalars. */
  readonly losses: Map<string, tf.Tensor>;
  /** Of the parameters that the loss depends on. */
  readonly gradients: Map<string, tf.Tensor>;
}

/** An open forward pass: its outputs, and what follows once the loss can be written down. */
export class ForwardPass {
  readonly outputs: ModelOutputs;
  private readonly tape = new Tape();
  private readonly statistics = new Map<Parameter, tf.Tensor>();

  /** @param seed int32 scalar, of the stochastic layers */
  constructor(model: TrainableModel, images: Images, seed: tf.Tensor) {
    try {
      this.outputs = model.forward(images, trainingContext(seed, this.statistics));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Gradients of the loss, which may be multiplied by `scale` before. Running statistics are assigned; with `scale`
   * those that overflowed stay as they were, since the step will be skipped. The tensors that are returned belong to
   * the caller.
   */
  backward(
    lossOf: (outputs: ModelOutputs) => Loss,
    trainable: readonly NamedVariable[],
    scale?: tf.Tensor,
  ): Differentiated {
    const loss = lossOf(this.outputs);
    const target = scale ? tf.mul(loss.total, scale) : loss.total;
    const found = this.tape.gradients(
      target,
      trainable.map(({ variable }) => variable),
    );
    for (const [{ value: old }, value] of this.statistics) {
      if (scale) tf.tidy(() => void old.assign(tf.where(tf.isFinite(value), value, old)));
      else old.assign(value);
    }
    // Copies: a loss of one part may give the same tensor under two names.
    const named = Object.entries({ loss: loss.total, ...loss.parts });
    const losses = new Map(named.map(([name, scalar]) => [name, tf.clone(scalar)]));
    const gradients = new Map<string, tf.Tensor>();
    trainable.forEach(({ name }, i) => {
      if (found[i]) gradients.set(name, found[i]);
    });
    this.tape.dispose([...losses.values(), ...gradients.values()]);
    return { losses, gradients };
  }

  dispose(): void {
    this.tape.dispose();
    tf.dispose([...this.statistics.values()]);
  }
}

export interface Update {
  readonly optimizer: Optimizer;
  readonly clip: GradientClip | undefined;
  /** The optimiser's numbers of this step, by key and name. */
  readonly scalars: ReadonlyMap<string, Readonly<Record<string, tf.Tensor>>>;
  /** What gradients and losses are to be multiplied with before anything else. */
  readonly share?: tf.Tensor | undefined;
  /** The same for gradients alone, on top: where the loss was scaled. */
  readonly unscale?: tf.Tensor | undefined;
  /** The average of the weights that follows, with its decay and what that leaves. */
  readonly average?:
    | { readonly of: WeightAverage; readonly decay: tf.Tensor; readonly rest: tf.Tensor }
    | undefined;
}

/**
 * Clips and moves the weights. Returns the losses and the norm of the gradients before clipping, one vector in the
 * order of `losses`. With `unscale`, gradients that are not finite move nothing; the norm then says so.
 */
export function update({ losses, gradients }: Differentiated, how: Update): tf.Tensor {
  const { optimizer, clip, scalars, share, unscale, average } = how;
  return tf.tidy(() => {
    const factor = share && unscale ? tf.mul(share, unscale) : (share ?? unscale);
    const scaled = (tensor: tf.Tensor, by: tf.Tensor | undefined): tf.Tensor =>
      by ? tf.mul(tensor, by) : tensor;
    const norm = scaled(totalNorm([...gradients.values()]), factor);
    const change = gradientChange(norm, clip, factor);
    const changed = change
      ? new Map([...gradients].map(([name, gradient]) => [name, change(gradient)]))
      : gradients;
    const onlyIf = unscale ? tf.isFinite(norm) : undefined;
    optimizer.apply(changed, scalars, onlyIf);
    average?.of.follow(average.decay, average.rest, onlyIf);
    const told = [...[...losses.values()].map((loss) => scaled(loss, share)), norm];
    return tf.stack(told.map((scalar) => tf.reshape(scalar, [])));
  });
}

/** Averaging and clipping of a gradient; undefined: none of them. */
function gradientChange(
  norm: tf.Tensor,
  clip: GradientClip | undefined,
  factor: tf.Tensor | undefined,
): ((gradient: tf.Tensor) => tf.Tensor) | undefined {
  if (clip?.kind === 'value') {
    return (gradient) => clipByValue([factor ? tf.mul(gradient, factor) : gradient], clip.limit)[0]!;
  }
  const shrink = clip ? clipFactor(norm, clip.limit) : undefined;
  const whole = shrink && factor ? tf.mul(shrink, factor) : (shrink ?? factor);
  return whole ? (gradient) => tf.mul(gradient, whole) : undefined;
}

/**
 * A context whose stochastic layers draw from `seed`, each from a stream of its own, and whose batch norms leave
 * their new running statistics in `statistics`.
 */
function trainingContext(seed: tf.Tensor, statistics: Map<Parameter, tf.Tensor>): ForwardContext {
  let stream = 0;
  return {
    training: true,
    seed,
    nextStream: () => stream++,
    updateBuffer(buffer, value) {
      statistics.get(buffer)?.dispose();
      statistics.set(buffer, tf.keep(value));
    },
  };
}
