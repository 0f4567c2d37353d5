/**
 * An exponential moving average of the weights (Polyak averaging): after each step
 * average ← decay · average + (1 − decay) · weight. Up to `startStep` the average follows the weights. It is
 * what gets evaluated and exported; training goes on with the weights themselves. Buffers (running statistics)
 * are not averaged: the latest count, as in torch's `AveragedModel`.
 *
 * A step that half precision overflowed moves nothing, so the average stays too. (timm and Lightning let it follow after
 * every try of a step: weights that stood still then count once more for each overflow.)
 */
import { tf } from '../engine/index.ts';
import type { NamedVariable } from './optimizers/index.ts';

/** Memory of its own: a compiled step may write to a variable's buffer in place. */
const copy = (tensor: tf.Tensor): tf.Tensor => tf.mul(tensor, 1);

export class WeightAverage {
  private readonly averages: ReadonlyMap<
    string,
    { readonly weight: tf.Variable; readonly average: tf.Variable }
  >;
  private swapped = false;

  constructor(
    parameters: readonly NamedVariable[],
    readonly decay: number,
    readonly startStep = 0,
  ) {
    this.averages = new Map(
      parameters.map(({ name, variable }) => [
        name,
        { weight: variable, average: tf.tidy(() => tf.variable(copy(variable), false)) },
      ]),
    );
  }

  /** What the averages keep of themselves in optimiser step `step` (from 1), and what the weights give. */
  factors(step: number): { readonly decay: number; readonly rest: number } {
    return step <= this.startStep ? { decay: 0, rest: 1 } : { decay: this.decay, rest: 1 - this.decay };
  }

  /** After optimiser step `step`. */
  update(step: number): void {
    const { decay, rest } = this.factors(step);
    tf.tidy(() => this.follow(tf.scalar(decay), tf.scalar(rest)));
  }

  /** The same in tensors, for a step that is traced. Where `onlyIf` (a bool scalar) is false, everything stays. */
  follow(decay: tf.Tensor, rest: tf.Tensor, onlyIf?: tf.Tensor): void {
    for (const { weight, average } of this.averages.values()) {
      tf.tidy(() => {
        const followed = tf.add(tf.mul(average, decay), tf.mul(weight, rest));
        average.assign(onlyIf ? tf.where(onlyIf, followed, average) : followed);
      });
    }
  }

  /** Puts the averages in the model's place while `work` runs, then the weights back. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.swap();
    try {
      return await work();
    } finally {
      this.swap();
    }
  }

  /** Exchanges weights and averages; no numbers are copied. */
  private swap(): void {
    for (const { weight, average } of this.averages.values()) {
      tf.tidy(() => {
        const kept = tf.clone(weight);
        weight.assign(tf.clone(average));
        average.assign(kept);
      });
    }
    this.swapped = !this.swapped;
  }

  *tensors(): Iterable<[name: string, tensor: tf.Variable]> {
    if (this.swapped) throw new Error('the averages are in use');
    for (const [name, { average }] of this.averages) yield [name, average];
  }

  restore(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, { average }] of this.averages) {
      const value = values.get(name);
      if (value?.length !== average.size) throw new Error(`no average of ${name} in the checkpoint`);
      tf.tidy(() => average.assign(tf.tensor(value, average.shape, 'float32')));
    }
  }

  dispose(): void {
    for (const { average } of this.averages.values()) average.dispose();
  }
}
