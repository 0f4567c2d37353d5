/**
 * Operations of our own, first-class beside those of TensorFlow.js.
 *
 * An operation is one kernel on the tape, in a recorded graph and in a profile, whatever computes it: here a
 * composition of TensorFlow.js ops, later a WGSL kernel for WebGPU registered over it under the same name.
 * Its gradient is written beside it, may use other operations, and is not differentiated again.
 *
 * How it hooks in: `registerKernel` for each backend and `registerGradient`. Inside a kernel TensorFlow.js
 * records nothing on the tape, so the composition runs plainly.
 */
import * as tf from './tf.ts';

/** The backends that Ocelli runs on, by TensorFlow.js' names. */
export const backendNames = ['cpu', 'wasm', 'webgpu'] as const;

/** Computes shapes only: steps are traced on it (`meta/`). */
export const metaBackendName = 'meta';

export interface OpDefinition<Input extends string, Attrs extends object> {
  /** Unique, PascalCase as TensorFlow.js' kernel names: `Gelu`, `LayerNorm`. Registered as `Ocelli<name>`. */
  readonly name: string;
  /** The names of the inputs, all of them required: an optional input makes another operation. */
  readonly inputs: readonly Input[];
  /** How many outputs `forward` returns (1). The first is the result, the others are kept for `backward`. */
  readonly outputs?: number;
  /** What `backward` reads, when that is not every input and output: the rest need not stay in memory. */
  readonly saves?: { readonly inputs?: readonly Input[]; readonly outputs?: readonly number[] };
  /** The result is a new tensor, never an input: what an op returns is owned by its caller. */
  forward(inputs: Record<Input, tf.Tensor>, attrs: Attrs): tf.Tensor | tf.Tensor[];
  /**
   * Gradients by input, each computed when it is asked for; those of one node run in one `tidy`, so they may
   * share what they compute (`once`). Only the first output is differentiated. Left out: not differentiable.
   */
  backward?(
    dy: tf.Tensor,
    inputs: Record<Input, tf.Tensor>,
    outputs: readonly tf.Tensor[],
    attrs: Attrs,
  ): { readonly [Name in Input]?: () => tf.Tensor };
}

const compositions = new WeakSet<tf.KernelFunc>();

/** Whether the operation is computed as its composition there, and not by a kernel of its own. */
export function isComposedOn(kernelName: string, backendName: string): boolean {
  const kernel = tf.getKernel(kernelName, backendName);
  return kernel !== undefined && compositions.has(kernel.kernelFunc);
}

/** Registers an operation for every backend and returns the function that calls it, for its first output. */
export function defineOp<Input extends string, Attrs extends object = Record<string, never>>(
  definition: OpDefinition<Input, Attrs>,
): (inputs: Record<Input, tf.Tensor>, attrs: Attrs) => tf.Tensor {
  const call = defineOpWithOutputs(definition);
  return (inputs, attrs) => call(inputs, attrs)[0]!;
}

/** As `defineOp`; the function returns all outputs. Through the further ones no gradient flows. */
export function defineOpWithOutputs<Input extends string, Attrs extends object = Record<string, never>>(
  definition: OpDefinition<Input, Attrs>,
): (inputs: Record<Input, tf.Tensor>, attrs: Attrs) => tf.Tensor[] {
  const kernelName = `Ocelli${definition.name}`;
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) =>
    tf.tidy(() => definition.forward(inputs as Record<Input, tf.Tensor>, attrs as unknown as Attrs));
  compositions.add(kernelFunc);
  for (const backendName of [...backendNames, metaBackendName])
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  const { backward } = definition;
  if (backward) {
    const savedInputs = definition.saves?.inputs ?? definition.inputs;
    const outputCount = definition.outputs ?? 1;
    const savedOutputs = definition.saves?.outputs ?? Array.from({ length: outputCount }, (_, i) => i);
    tf.registerGradient({
      kernelName,
      inputsToSave: [...savedInputs],
      outputsToSave: Array.from({ length: outputCount }, (_, i) => savedOutputs.includes(i)),
      gradFunc: (dy, saved, attrs) => {
        const inputs = Object.fromEntries(savedInputs.map((name, i) => [name, saved[i]!])) as Record<
          Input,
          tf.Tensor
        >;
        const outputs: tf.Tensor[] = [];
        savedOutputs.forEach((output, i) => {
          outputs[output] = saved[savedInputs.length + i]!;
        });
        const first = Array.isArray(dy) ? dy[0]! : dy;
        return backward(first, inputs, outputs, attrs as unknown as Attrs) as Record<string, () => tf.Tensor>;
      },
    });
  }
  return (inputs, attrs) => {
    const result = tf
      .engine()
      .runKernel(kernelName, inputs as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap) as
      | tf.Tensor
      | tf.Tensor[];
    return Array.isArray(result) ? result : [result];
  };
}

/** Computes at the first call and remembers: for what several closures of one `backward` need. */
export function once<T>(compute: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => {
    value ??= { of: compute() };
    return value.of;
  };
}
