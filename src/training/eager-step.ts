/**
 * A training step kernel by kernel, on any backend. Its parts' gradients are averaged by the number of real images
 * in each, so two parts of 8 move the weights as one batch of 16.
 */
import { derive } from '../core/index.ts';
import type { Batch } from '../data/index.ts';
import { tf } from '../engine/index.ts';
import type { HostArrays, ModelOutputs, Task } from '../tasks/index.ts';
import { type Differentiated, ForwardPass, update } from './differentiate.ts';
import type { WeightAverage } from './ema.ts';
import { mixBatch, mixTargets } from './mix.ts';
import { type NamedVariable, type Optimizer, scalarTensors } from './optimizers/index.ts';
import type { StepEngine, StepReport, StepSettings } from './step-engine.ts';
import { readOutputs, uploadImages, uploadTargets } from './transfer.ts';
import type { StepDevice, TrainableModel } from './types.ts';

/** Sums over the parts of a step, weighted by their images. */
export class Accumulated implements Differentiated {
  images = 0;
  parts = 0;
  readonly losses = new Map<string, tf.Tensor>();
  readonly gradients = new Map<string, tf.Tensor>();

  /** Takes over what a part of so many images gave. */
  add(images: number, { losses, gradients }: Differentiated): void {
    if (this.parts === 1) {
      // The first part was kept as it is, in case it stays the only one.
      weigh(this.losses, this.images);
      weigh(this.gradients, this.images);
    }
    const weight = this.parts === 0 ? 1 : images;
    addTo(this.losses, losses, weight);
    addTo(this.gradients, gradients, weight);
    this.images += images;
    this.parts++;
  }

  dispose(): void {
    tf.dispose([...this.losses.values(), ...this.gradients.values()]);
  }
}

export class EagerStep implements StepEngine {
  private accumulated = new Accumulated();

  constructor(
    private readonly model: TrainableModel,
    private readonly task: Task<unknown>,
    private readonly device: StepDevice,
    private readonly optimizer: Optimizer,
    private readonly trainable: readonly NamedVariable[],
    private readonly settings: StepSettings,
    private readonly average: WeightAverage | undefined,
  ) {}

  async add(batch: Batch, step: number, part: number): Promise<void> {
    const { seed, mix } = this.settings;
    const mixed = mixBatch(batch, mix, seed, step, part);
    const images = uploadImages(mixed?.batch ?? batch, this.model);
    const dropoutSeed = tf.scalar(derive(seed, 'dropout', step, part).bits() | 0, 'int32');
    let uploaded: Record<string, tf.Tensor> = {};
    try {
      const pass = new ForwardPass(this.model, images, dropoutSeed);
      try {
        const targets = await this.targets(batch, pass.outputs);
        uploaded = uploadTargets(mixed ? mixTargets(targets, mixed.mix, batch.shape[0]) : targets);
        const found = pass.backward((outputs) => this.task.loss(outputs, uploaded), this.trainable);
        this.accumulated.add(batch.count, found);
      } finally {
        pass.dispose();
      }
    } finally {
      tf.dispose([dropoutSeed, ...Object.values(images), ...Object.values(uploaded)]);
    }
  }

  async finish(learningRates: readonly number[], step: number): Promise<StepReport> {
    const { accumulated } = this;
    const { images, parts, losses, gradients } = accumulated;
    this.accumulated = new Accumulated();
    const prepared = this.optimizer.prepare(learningRates, gradients.keys());
    const report = tf.tidy(() => {
      const scalars = scalarTensors(prepared);
      const share = parts > 1 ? tf.scalar(1 / images) : undefined;
      return update(
        { losses, gradients },
        {
          optimizer: this.optimizer,
          clip: this.settings.clip,
          scalars,
          share,
          average: averageIn(this.average, step),
        },
      );
    });
    accumulated.dispose();
    this.device.check();
    const values = this.device.read(report).finally(() => report.dispose());
    return { names: [...losses.keys()], images, present: [...gradients.keys()], values };
  }

  dispose(): void {
    this.accumulated.dispose();
    this.accumulated = new Accumulated();
  }

  private async targets(batch: Batch, outputs: ModelOutputs): Promise<HostArrays> {
    if (!this.task.matchesOnHost) return this.task.targets(batch);
    return this.task.targets(batch, await readOutputs(outputs, this.device));
  }
}

export function averageIn(average: WeightAverage | undefined, step: number) {
  if (!average) return undefined;
  const { decay, rest } = average.factors(step);
  return { of: average, decay: tf.scalar(decay), rest: tf.scalar(rest) };
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
