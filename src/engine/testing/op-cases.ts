/**
 * What is checked of every operation: its gradients against finite differences on the cpu backend, and its
 * outputs and gradients against the cpu backend's on the others. A case is a function of tensors with odd
 * sizes; its gradients are taken through a random projection of the output, so that no direction is blind.
 */
import { derive } from '../../core/index.ts';
import { Tape } from '../tape.ts';
import * as tf from '../tf.ts';

export interface OpCase {
  readonly name: string;
  /** Shapes of the differentiated inputs; values are standard normal, times `scale`. */
  readonly shapes: readonly (readonly number[])[];
  readonly scale?: number;
  /** Distinct values far enough apart that a small step changes no maximum and crosses no kink. */
  readonly spaced?: boolean;
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
}

export interface OpResult {
  readonly shape: readonly number[];
  readonly output: Float32Array;
  readonly gradients: readonly Float32Array[];
}

export function inputValues(opCase: OpCase): Float32Array[] {
  return opCase.shapes.map((shape, i) => {
    const random = derive(7, opCase.name, i);
    const size = tf.util.sizeFromShape([...shape]);
    if (opCase.spaced) {
      // A shuffled ladder around 0 without 0 itself.
      const ladder = Float32Array.from({ length: size }, (_, k) => (k - size / 2 + 0.25) * 0.1);
      for (let k = size - 1; k > 0; k--) {
        const other = random.integer(k + 1);
        [ladder[k], ladder[other]] = [ladder[other]!, ladder[k]!];
      }
      return ladder;
    }
    return Float32Array.from({ length: size }, () => random.normal() * (opCase.scale ?? 1));
  });
}

const projectionOf = (opCase: OpCase, size: number): Float32Array => {
  const random = derive(8, opCase.name);
  return Float32Array.from({ length: size }, () => random.uniform(-1, 1));
};

/** Output and gradients on the current backend. */
export async function runCase(opCase: OpCase): Promise<OpResult> {
  const values = inputValues(opCase);
  const inputs = values.map((value, i) => tf.tensor(value, [...opCase.shapes[i]!]));
  const tape = new Tape();
  const y = opCase.run(...inputs);
  const projection = tf.tensor(projectionOf(opCase, y.size), y.shape);
  const gradients = tape.gradients(tf.sum(tf.mul(y, projection)), inputs);
  const missing = gradients.indexOf(undefined);
  if (missing >= 0) throw new Error(`${opCase.name} gives no gradient for its input ${missing}`);
  const read = async (tensor: tf.Tensor): Promise<Float32Array> => (await tensor.data()) as Float32Array;
  const result = {
    shape: y.shape,
    output: await read(y),
    gradients: await Promise.all(gradients.map((gradient) => read(gradient!))),
  };
  tape.dispose();
  tf.dispose(inputs);
  return result;
}

/**
 * The largest difference between the gradients and central finite differences, relative to the largest
 * gradient, over at most `samples` elements of each input. Runs on the current backend: use cpu.
 */
export function finiteDifferenceError(opCase: OpCase, result: OpResult, samples = 24): number {
  const values = inputValues(opCase);
  const projection = projectionOf(opCase, result.output.length);
  const lossAt = (): number => {
    const output = tf.tidy(() =>
      opCase.run(...values.map((value, i) => tf.tensor(value.slice(), [...opCase.shapes[i]!]))),
    );
    const numbers = output.dataSync() as Float32Array;
    output.dispose();
    // Summed in double precision, so that only the operation's own rounding is left.
    return numbers.reduce((sum, number, i) => sum + number * projection[i]!, 0);
  };
  const step = opCase.spaced ? 0.02 : 0.01;
  let worst = 0;
  values.forEach((value, input) => {
    const gradient = result.gradients[input]!;
    const largest = gradient.reduce((max, g) => Math.max(max, Math.abs(g)), 1e-3);
    const stride = Math.max(1, Math.floor(value.length / samples));
    for (let i = 0; i < value.length; i += stride) {
      const at = value[i]!;
      value[i] = at + step;
      const above = lossAt();
      value[i] = at - step;
      const below = lossAt();
      value[i] = at;
      const difference = (above - below) / (Math.fround(at + step) - Math.fround(at - step));
      worst = Math.max(worst, Math.abs(difference - gradient[i]!) / largest);
    }
  });
  return worst;
}

/** The largest difference relative to the largest expected number; NaN where any number is none. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 1e-3;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    // Stays NaN once it is.
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  return worst / largest;
}
