/**
 * One optimiser step: forward, (match on the host,) loss, gradients, clip, update.
 *
 * Written so that it can be recorded and replayed: shapes are static, and all that changes from step to step
 * (learning rate, bias corrections, the seed of dropout) comes in as a tensor. The host decides in one place
 * only, between forward and loss, where a detection task matches queries with objects.
 *
 * A step may have several parts (`accumulate_grad_batches`): their gradients are averaged by the number of
 * real images in each, so two parts of 8 move the weights as one batch of 16.
 *
 * The loss is not awaited. It goes into a ring together with the gradient norm and is looked at a few steps
 * late, when the device has long computed it; `results` says what has arrived.
 */
import { derive, type Metrics } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import { Tape, tf } from '../engine/index.ts';
import type { ForwardContext, Parameter } from '../nn/index.ts';
import type { HostArrays, ModelOutputs, Task } from '../tasks/index.ts';
import { clipByValue, clipFactor, type GradientClip, totalNorm } from './clip.ts';
import { type MixOptions, mixBatch, mixTargets } from './mix.ts';
import { type NamedVariable, type Optimizer, scalarTensors } from './optimizers/index.ts';
import { readOutputs, uploadImages, uploadTargets } from './transfer.ts';
import type { StepDevice, TrainableModel } from './types.ts';

export interface StepSettings {
  readonly seed: number;
  /** Left out: not clipped. */
  readonly clip?: GradientClip | undefined;
  readonly mix: MixOptions;
}

/** What one step gave, read back. */
export interface StepResult {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly parts: Metrics;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly images: number;
}

interface PendingResult {
  readonly step: number;
  readonly images: number;
  readonly names: readonly string[];
  readonly values: Promise<ArrayLike<number>>;
}

/** Sums over the parts of a step, weighted by their images. */
interface Accumulated {
  images: number;
  parts: number;
  losses: Map<string, tf.Tensor>;
  gradients: Map<string, tf.Tensor>;
}

const nothing = (): Accumulated => ({ images: 0, parts: 0, losses: new Map(), gradients: new Map() });

export class TrainingStep<Prediction> {
  private readonly trainable: readonly NamedVariable[];
  private accumulated = nothing();
  private readonly ring: PendingResult[] = [];

  constructor(
    private readonly model: TrainableModel,
    private readonly task: Task<Prediction>,
    private readonly device: StepDevice,
    private readonly optimizer: Optimizer,
    private readonly settings: StepSettings,
  ) {
    this.trainable = optimizer.groups.flatMap((group) => group.parameters);
  }

  /** Forward and backward of one batch; its gradients wait for `finish`. `part` counts the batches of this step. */
  async add(batch: Batch, step: number, part: number): Promise<void> {
    const { seed, mix } = this.settings;
    const mixed = mixBatch(batch, mix, seed, step, part);
    const images = mixed?.batch ?? batch;
    const statistics = new Map<Parameter, tf.Tensor>();
    const tape = new Tape();
    try {
      const dropoutSeed = tf.scalar(derive(seed, 'dropout', step, part).bits() | 0, 'int32');
      const context = trainingContext(dropoutSeed, statistics);
      const outputs = this.model.forward(uploadImages(images, this.model), context);
      const targets = await this.targets(batch, outputs);
      const blended = mixed ? mixTargets(targets, mixed.mix, batch.shape[0]) : targets;
      const loss = this.task.loss(outputs, uploadTargets(blended));
      const found = tape.gradients(
        loss.total,
        this.trainable.map(({ variable }) => variable),
      );
      for (const [buffer, value] of statistics) buffer.value.assign(value);
      // Copies: a loss of one part may give the same tensor under two names.
      const named = Object.entries({ loss: loss.total, ...loss.parts });
      const losses = new Map(named.map(([name, scalar]) => [name, tf.clone(scalar)]));
      const gradients = new Map<string, tf.Tensor>();
      this.trainable.forEach(({ name }, i) => {
        if (found[i]) gradients.set(name, found[i]);
      });
      tape.dispose([...losses.values(), ...gradients.values()]);
      this.accumulate(batch.count, losses, gradients);
    } finally {
      tape.dispose();
      tf.dispose([...statistics.values()]);
    }
  }

  /** Clips what the parts gave and moves the weights. One learning rate per parameter group. */
  finish(learningRates: readonly number[], step: number): void {
    const { images, parts, losses, gradients } = this.accumulated;
    this.accumulated = nothing();
    const names = [...losses.keys()];
    const prepared = this.optimizer.prepare(learningRates, gradients.keys());
    const report = tf.tidy(() => {
      const share = parts > 1 ? tf.scalar(1 / images) : undefined;
      const scaled = (tensor: tf.Tensor): tf.Tensor => (share ? tf.mul(tensor, share) : tensor);
      const norm = scaled(totalNorm([...gradients.values()]));
      const change = this.gradientChange(norm, share);
      const changed = change
        ? new Map([...gradients].map(([name, gradient]) => [name, change(gradient)]))
        : gradients;
      this.optimizer.apply(changed, scalarTensors(prepared));
      return tf.stack([...[...losses.values()].map(scaled), norm].map((scalar) => tf.reshape(scalar, [])));
    });
    tf.dispose([...losses.values(), ...gradients.values()]);
    this.device.check();
    const values = this.device.read(report).finally(() => report.dispose());
    // A failure is met when the result is asked for.
    values.catch(() => undefined);
    this.ring.push({ step, images, names, values });
  }

  /** Awaits results, the oldest first, until no more than `late` are outstanding. */
  async results(late: number): Promise<StepResult[]> {
    const arrived: StepResult[] = [];
    while (this.ring.length > late) {
      const { step, images, names, values } = this.ring.shift()!;
      const numbers = await values;
      const parts = Object.fromEntries(names.slice(1).map((name, i) => [name, numbers[i + 1]!]));
      arrived.push({ step, images, loss: numbers[0]!, parts, gradientNorm: numbers[names.length]! });
    }
    return arrived;
  }

  dispose(): void {
    tf.dispose([...this.accumulated.losses.values(), ...this.accumulated.gradients.values()]);
    this.accumulated = nothing();
    this.ring.length = 0;
  }

  /** Averaging and clipping of a gradient; undefined: none of them. */
  private gradientChange(
    norm: tf.Tensor,
    share?: tf.Tensor,
  ): ((gradient: tf.Tensor) => tf.Tensor) | undefined {
    const { clip } = this.settings;
    if (clip?.kind === 'value') {
      return (gradient) => clipByValue([share ? tf.mul(gradient, share) : gradient], clip.limit)[0]!;
    }
    const shrink = clip ? clipFactor(norm, clip.limit) : undefined;
    const factor = shrink && share ? tf.mul(shrink, share) : (shrink ?? share);
    return factor ? (gradient) => tf.mul(gradient, factor) : undefined;
  }

  private async targets(batch: Batch, outputs: ModelOutputs): Promise<HostArrays> {
    if (!this.task.matchesOnHost) return this.task.targets(batch);
    return this.task.targets(batch, await readOutputs(outputs, this.device));
  }

  private accumulate(
    images: number,
    losses: ReadonlyMap<string, tf.Tensor>,
    gradients: ReadonlyMap<string, tf.Tensor>,
  ): void {
    const sums = this.accumulated;
    if (sums.parts === 1) {
      // The first part was kept as it is, in case it stays the only one.
      weigh(sums.losses, sums.images);
      weigh(sums.gradients, sums.images);
    }
    const weight = sums.parts === 0 ? 1 : images;
    addTo(sums.losses, losses, weight);
    addTo(sums.gradients, gradients, weight);
    sums.images += images;
    sums.parts++;
  }
}

function weigh(tensors: Map<string, tf.Tensor>, weight: number): void {
  for (const [name, tensor] of tensors) {
    tensors.set(name, tf.mul(tensor, weight));
    tensor.dispose();
  }
}

/** sums ← sums + weight · addends; takes the addends over. */
function addTo(sums: Map<string, tf.Tensor>, addends: ReadonlyMap<string, tf.Tensor>, weight: number): void {
  for (const [name, addend] of addends) {
    const sum = sums.get(name);
    if (!sum && weight === 1) {
      sums.set(name, addend);
      continue;
    }
    sums.set(
      name,
      tf.tidy(() => (sum ? tf.add(sum, tf.mul(addend, weight)) : tf.mul(addend, weight))),
    );
    sum?.dispose();
    addend.dispose();
  }
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
