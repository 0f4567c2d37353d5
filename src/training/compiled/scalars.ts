/**
 * The numbers that change from step to step (learning rates, bias corrections, shares, decays), as one float32
 * vector: one input, written once, of which a traced step takes its scalars as views.
 */
import { tf } from '../../engine/index.ts';

export class ScalarLayout {
  private readonly positions: ReadonlyMap<string, number>;

  constructor(readonly names: readonly string[]) {
    this.positions = new Map(names.map((name, i) => [name, i]));
    if (this.positions.size < names.length) throw new Error('two numbers of a step have one name');
  }

  get length(): number {
    // No tensor is empty.
    return Math.max(1, this.names.length);
  }

  /** A scalar tensor out of the vector. */
  view(vector: tf.Tensor, name: string): tf.Tensor {
    const position = this.positions.get(name);
    if (position === undefined) throw new Error(`the step has no number ${name}`);
    return tf.reshape(tf.slice(vector, [position], [1]), []);
  }

  pack(values: Readonly<Record<string, number>>): Float32Array {
    const vector = new Float32Array(this.length);
    for (const [name, position] of this.positions) {
      const value = values[name];
      if (value === undefined) throw new Error(`the number ${name} of the step was not given`);
      vector[position] = value;
    }
    return vector;
  }
}
