/**
 * What a kernel row of the bench is: one operation of Ocelli at one size, beside TensorFlow.js' own kernel (or
 * the composition that one would write with it) for the same work. `ours` is recorded, planned and executed as a
 * part of a training step is, so the row measures the lowering; `plain` runs eagerly on TensorFlow.js' WebGPU
 * backend, on the same device. Both get the same numbers, and a row is refused when their results differ.
 *
 * A file of this folder exports a list of these; `index.ts` of this folder names the files and tells how it measures.
 *
 *   {
 *     name: 'conv2d_filter_gradient/3x3_64_56',
 *     inputs: { x: { shape: [8, 56, 56, 64] }, dy: { shape: [8, 56, 56, 64] } },
 *     ours: ({ x, dy }) => conv2dFilterGrad({ x, dy }, { … }),
 *     plain: ({ x, dy }) => tf.backend-kernel of the same shape,
 *     flops: 2 * 8 * 56 * 56 * 64 * 64 * 9,
 *   }
 */
import { tf } from '../../src/engine/index.ts';

export interface KernelInput {
  readonly shape: readonly number[];
  /** float32 where left out: normal numbers. int32: 0 ≤ n < `below`. */
  readonly dtype?: 'float32' | 'int32';
  readonly below?: number;
  /** float32: standard deviation (1) around `mean` (0). `positive` takes absolute values, as for variances. */
  readonly deviation?: number;
  readonly mean?: number;
  readonly positive?: boolean;
  /** The numbers of another input with its axes in this order: one side's layout of the same weights. */
  readonly from?: readonly [input: string, order: readonly number[]];
}

type Inputs<Name extends string> = Readonly<Record<Name, tf.Tensor>>;
type Outputs = tf.Tensor | readonly tf.Tensor[];

export interface KernelCase<Name extends string = string> {
  /** `<operation>/<size>`, unique; the bench calls it `kernel/<name>`. Words of a–z, 0–9, `_`. */
  readonly name: string;
  readonly inputs: Readonly<Record<Name, KernelInput>>;
  /** Ocelli's ops; whatever is computed here and not returned is dropped by the planner. */
  ours(inputs: Inputs<Name>): Outputs;
  /** The same outputs in the same order, shape for shape, by TensorFlow.js alone. */
  plain(inputs: Inputs<Name>): Outputs;
  /** Multiplications and additions that the arithmetic needs at least (a product of n × k × m: 2nkm). */
  readonly flops: number;
  /** Least memory traffic in bytes. Left out: every input read once, every output written once. */
  readonly bytes?: number;
  /** Largest difference between the two results, relative to the largest magnitude of the result (1e-4). */
  readonly tolerance?: number;
}

/** The result of `fn` and its gradients by every tensor, for the result's gradient `dy`. */
export function withGradients(
  fn: (...tensors: tf.Tensor[]) => tf.Tensor,
  tensors: readonly tf.Tensor[],
  dy?: tf.Tensor,
): tf.Tensor[] {
  const { value, grads } = tf.valueAndGrads(fn)([...tensors], dy);
  return [value, ...grads];
}

/** Infers the input names, so that `ours` and `plain` may use no others. */
export function kernelCase<Name extends string>(definition: KernelCase<Name>): KernelCase {
  return definition as unknown as KernelCase;
}
