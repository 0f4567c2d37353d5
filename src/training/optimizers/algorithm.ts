/**
 * What an optimisation algorithm is: rows of a table, not classes. A row says which tensors it keeps for each
 * parameter (`slots`), which numbers change from step to step (`scalars`: learning rate, bias corrections, …)
 * and how one parameter moves (`update`).
 *
 * The changing numbers are computed on the host in float64 and enter `update` as scalar tensors, so a recorded
 * step takes them as inputs. `update` itself is plain tensor code without a decision that depends on the step.
 * Semantics, option names and defaults are those of `torch.optim`.
 */
import { ConfigError } from '../../core/index.ts';
import type { tf } from '../../engine/index.ts';

/** Options by torch's names: `betas`, `eps`, `momentum`, … */
export type OptimizerOptions = Readonly<Record<string, unknown>>;

export interface ScalarContext {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** How many updates this parameter has had, this one included: 1, 2, … */
  readonly count: number;
}

export type Scalars<Name extends string = string> = Readonly<Record<Name, tf.Tensor>>;
export type Tensors = Readonly<Record<string, tf.Tensor>>;

export interface UpdateInputs {
  readonly parameter: tf.Tensor;
  readonly gradient: tf.Tensor;
  readonly slots: Tensors;
  readonly scalars: Scalars;
}

export interface UpdateResult {
  readonly parameter: tf.Tensor;
  /** Every slot, as it is after this step. */
  readonly slots: Tensors;
}

/** An algorithm with its options fixed. */
export interface Algorithm {
  readonly name: string;
  /** Weight decay of parameters whose group gives none: torch's default for this algorithm, or the option. */
  readonly weightDecay: number;
  /** The tensors kept for each parameter and the number that they start with; names as in torch's state dict. */
  readonly slots: Readonly<Record<string, number>>;
  scalars(context: ScalarContext): Record<string, number>;
  update(inputs: UpdateInputs): UpdateResult;
}

/** Reads options and refuses those that the algorithm does not know. */
export class OptionReader {
  private readonly known = new Set<string>(['lr', 'foreach', 'fused', 'capturable', 'differentiable']);

  constructor(
    private readonly optimizer: string,
    private readonly options: OptimizerOptions,
  ) {}

  number(name: string, fallback: number, low = 0, high = Number.POSITIVE_INFINITY): number {
    this.known.add(name);
    const value = this.options[name] ?? fallback;
    if (typeof value !== 'number' || !(value >= low && value <= high)) {
      throw this.wrong(name, `a number in [${low}, ${high}]`, value);
    }
    return value;
  }

  flag(name: string, fallback = false): boolean {
    this.known.add(name);
    const value = this.options[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false', value);
    return value;
  }

  pair(name: string, fallback: readonly [number, number]): readonly [number, number] {
    this.known.add(name);
    const value = this.options[name] ?? fallback;
    const valid =
      Array.isArray(value) &&
      value.length === 2 &&
      value.every((item) => typeof item === 'number' && item >= 0 && item < 1);
    if (!valid) throw this.wrong(name, 'two numbers in [0, 1)', value);
    return value as unknown as readonly [number, number];
  }

  /** Call last: an option that nobody asked for is an error. */
  finish(): void {
    const unknown = Object.keys(this.options).filter((name) => !this.known.has(name));
    if (unknown.length === 0) return;
    throw new ConfigError({
      code: 'unknown_optimizer_option',
      expected: `options of ${this.optimizer}: ${[...this.known].filter((name) => name !== 'lr').join(', ')}`,
      received: `training.optimizer_params with ${unknown.join(', ')}`,
      fix: 'remove or rename the option',
    });
  }

  private wrong(name: string, expected: string, value: unknown): ConfigError {
    return new ConfigError({
      code: 'invalid_optimizer_option',
      expected: `${expected} for ${name} of ${this.optimizer}`,
      received: `${name}=${JSON.stringify(value)}`,
      fix: `correct training.optimizer_params.${name}`,
    });
  }
}
