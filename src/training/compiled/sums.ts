/** Sums over the parts of a step, kept on the device between them: of the gradients, and of the losses. */
import { tf } from '../../engine/index.ts';
import type { Differentiated } from '../differentiate.ts';
import type { NamedVariable } from '../optimizers/index.ts';

/** TensorFlow.js wants names of variables to be unique in the process. */
let nextId = 0;

export class GradientSums {
  private readonly gradients: ReadonlyMap<string, tf.Variable>;
  private readonly lossSums: tf.Variable;

  constructor(
    parameters: readonly NamedVariable[],
    /** Names of the losses. */
    readonly losses: readonly string[],
  ) {
    const zeros = (shape: readonly number[], name: string): tf.Variable =>
      tf.tidy(() => tf.variable(tf.fill([...shape], 0, 'float32'), false, `sum:${name}:${nextId++}`));
    this.gradients = new Map(
      parameters.map(({ name, variable }) => [name, zeros(variable.shape, name)] as const),
    );
    this.lossSums = zeros([Math.max(1, losses.length)], 'losses');
  }

  /** Names of the parameters. */
  get names(): readonly string[] {
    return [...this.gradients.keys()];
  }

  /** sums ← (not the first part ? sums : 0) + weight · found */
  add({ losses, gradients }: Differentiated, weight: tf.Tensor, isLater: tf.Tensor): void {
    const added = (sum: tf.Variable, addend: tf.Tensor): void => {
      tf.tidy(() => {
        const before = tf.where(isLater, sum, tf.zerosLike(sum));
        sum.assign(tf.add(before, tf.mul(addend, weight)));
      });
    };
    for (const [name, sum] of this.gradients) added(sum, gradients.get(name)!);
    added(this.lossSums, tf.stack(this.losses.map((name) => tf.reshape(losses.get(name)!, []))));
  }

  /** The sums as a step's gradients and losses. */
  read(): Differentiated {
    const losses = this.losses.map((name, i) => [name, tf.slice(this.lossSums, [i], [1])] as const);
    return { losses: new Map(losses), gradients: new Map(this.gradients) };
  }

  *variables(): Iterable<[name: string, variable: tf.Variable]> {
    for (const [name, sum] of this.gradients) yield [`sum:${name}`, sum];
    yield ['sum:losses', this.lossSums];
  }

  dispose(): void {
    for (const [, variable] of this.variables()) variable.dispose();
  }
}
