/**
 * How a kernel without arithmetic is written: from the shapes and dtypes of its inputs and its attributes to those
 * of its outputs. The families beside this file (elementwise, reductions, views, products, pooling, …) register
 * TensorFlow.js' kernels with it under the backend `meta`.
 */
import { metaBackendName } from '../op.ts';
import * as tf from '../tf.ts';

/** What is known of a tensor that has no numbers. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

/** Inputs by TensorFlow.js' names; lists (Concat, Pack, AddN) are named `0`, `1`, … */
export type Inputs = Readonly<Record<string, tf.TensorInfo>>;
/** Attributes are TensorFlow.js' own, which its typings leave open. */
export type Attrs = Readonly<Record<string, unknown>>;

/** An output: new data, or with `of` the same data seen differently. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly of?: tf.TensorInfo;
}

type MakeOutputs = (inputs: Inputs, attrs: Attrs) => OutputSpec | readonly OutputSpec[];

/** Registers the shape rule of some kernels. */
export function registerShapes(kernels: string | readonly string[], outputs: MakeOutputs): void {
  for (const kernelName of typeof kernels === 'string' ? [kernels] : kernels) {
    tf.registerKernel({
      kernelName,
      backendName: metaBackendName,
      kernelFunc: ({ inputs, attrs }) => {
        const made = outputs(inputs as Inputs, (attrs ?? {}) as Attrs);
        return Array.isArray(made) ? made.map(tensorInfo) : tensorInfo(made as OutputSpec);
      },
    });
  }
}

const tensorInfo = ({ shape, dtype, of }: OutputSpec): tf.TensorInfo => ({
  dataId: of ? of.dataId : {},
  shape: [...shape],
  dtype,
});

/** The only tensor, whatever it is called (`x`, `logits`, `images`). */
export function onlyInput(inputs: Inputs): tf.TensorInfo {
  return Object.values(inputs).find(Boolean)!;
}

/** Axes of a reduction, ascending and not negative; left out: all. */
export function axesOf(axis: unknown, rank: number): number[] {
  return tf.util.parseAxisParam(axis as number | number[], [...Array(rank).keys()]).toSorted((a, b) => a - b);
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);
