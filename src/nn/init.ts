/**
 * How fresh parameters start: torch's initialisers, by their names there. Each parameter draws from a generator
 * of its own, derived from the run's seed and the parameter's name, so a model starts the same in whatever
 * order it is built, and a new head does not depend on which rows of the old one were kept.
 *
 * Fans as torch counts them: a weight [out, in, kh, kw] has fan_in = in·kh·kw and fan_out = out·kh·kw.
 */
import { derive, type Random } from '../core/index.ts';
import type { Initializer, Module, Parameter } from './module.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function fill(shape: readonly number[], draw: () => number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

function fanIn(shape: readonly number[]): number {
  return sizeOf(shape.slice(1));
}

function fanOut(shape: readonly number[]): number {
  return shape[0]! * sizeOf(shape.slice(2));
}

const constant =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);

export const zeros: Initializer = constant(0);
export const ones: Initializer = constant(1);

export const uniform =
  (low: number, high: number): Initializer =>
  (shape, random) =>
    fill(shape, () => random.uniform(low, high));

export const normal =
  (std: number): Initializer =>
  (shape, random) =>
    fill(shape, () => std * random.normal());

/** Normal, drawn again outside of [−2, 2]: the cut is absolute, as `trunc_normal_` has it, not in units of `std`. */
export const truncatedNormal =
  (std: number): Initializer =>
  (shape, random) =>
    fill(shape, () => truncated(std, random));

function truncated(std: number, random: Random): number {
  for (;;) {
    const value = std * random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

/** `kaiming_normal_(mode='fan_out', nonlinearity='relu')`: what ResNets start from (He et al., arXiv:1502.01852). */
export const kaimingNormalFanOut: Initializer = (shape, random) =>
  normal(Math.sqrt(2 / fanOut(shape)))(shape, random);

/** `kaiming_uniform_(a=√5)`, uniform in ±1/√fan_in: the default of torch's linear and convolution weights. */
export const torchWeight: Initializer = (shape, random) => {
  const bound = 1 / Math.sqrt(Math.max(1, fanIn(shape)));
  return uniform(-bound, bound)(shape, random);
};

/** The default of torch's biases: uniform in ±1/√fan_in of the weight beside it. */
export const torchBias = (weightShape: readonly number[]): Initializer => {
  const bound = 1 / Math.sqrt(Math.max(1, fanIn(weightShape)));
  return uniform(-bound, bound);
};

/** `xavier_uniform_` (Glorot & Bengio, 2010). */
export const xavierUniform =
  (gain = 1): Initializer =>
  (shape, random) => {
    const bound = gain * Math.sqrt(6 / (fanIn(shape) + fanOut(shape)));
    return uniform(-bound, bound)(shape, random);
  };

/** The start values of one parameter. */
export function initialValues(name: string, parameter: Parameter, seed: number): Float32Array {
  return parameter.initializer(parameter.shape, derive(seed, 'initialise', name));
}

/** Gives every parameter and buffer its start value. */
export function initialize(module: Module, seed: number): void {
  for (const [name, tensor] of module.tensors()) tensor.set(initialValues(name, tensor, seed));
}
