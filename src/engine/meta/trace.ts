/**
 * Traces a step: runs it on tensors without numbers and returns what it would compute, as a graph.
 *
 *   const { graph } = await traceStep(({ x, rate }) => { … weight.assign(…); return { loss } }, specs, { parameters });
 *
 * What varies from call to call must be an input: numbers that the function makes itself become constants. Where
 * the host takes part in the middle (matching), the function calls `halt`: the outputs read there and the inputs
 * fed there are told beside the graph.
 */
import { hasLowering } from '../compile/lowering.ts';
import { type Graph, Recorder } from '../graph/index.ts';
import * as tf from '../tf.ts';
import { onMeta } from './backend.ts';
import type { TensorSpec } from './shapes.ts';

export type Specs = Readonly<Record<string, TensorSpec>>;
export type NamedTensors = Readonly<Record<string, tf.Tensor>>;

/** Before the rest of the graph runs, the host reads some outputs and feeds some inputs. */
export interface Halt {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

export interface Trace {
  readonly graph: Graph;
  readonly halts: readonly Halt[];
}

export interface TraceOptions {
  /** Names for variables; others keep TensorFlow.js' names. */
  readonly parameters?: Iterable<readonly [name: string, variable: tf.Tensor]>;
  /** Kernels to look into; left out: operations of our own that have no lowering to WGSL. */
  readonly expand?: (kernel: string) => boolean;
}

export interface TraceScope {
  /** The host reads `outputs` here and feeds what is returned. Their names are those of the graph's in- and outputs. */
  halt(outputs: NamedTensors, inputs: Specs): NamedTensors;
}

type TracedFunction = (inputs: NamedTensors, scope: TraceScope) => NamedTensors;

/** Of our own and without WGSL. */
export const isComposed = (kernel: string): boolean => kernel.startsWith('Ocelli') && !hasLowering(kernel);

/** `fn` runs once, synchronously. Everything that exists before stays untouched; nothing that it makes remains. */
export async function traceStep(
  fn: TracedFunction,
  inputs: Specs,
  options: TraceOptions = {},
): Promise<Trace> {
  const halts: Halt[] = [];
  const finished = onMeta((meta) => {
    const given = tensorsOf(inputs);
    const recorder = new Recorder(given, {
      expand: options.expand ?? isComposed,
      readConstant: (tensor) => meta.readForeign(tensor),
      ...(options.parameters ? { parameters: options.parameters } : {}),
    });
    const read: Record<string, tf.Tensor> = {};
    const scope: TraceScope = {
      halt(outputs, specs) {
        Object.assign(read, outputs);
        const tensors = tensorsOf(specs);
        for (const [name, tensor] of Object.entries(tensors)) recorder.addInput(name, tensor);
        halts.push({ reads: Object.keys(outputs), writes: Object.keys(specs) });
        return tensors;
      },
    };
    try {
      const results = fn(given, scope);
      return recorder.finish({ ...read, ...results });
    } finally {
      recorder.dispose();
    }
  });
  return { graph: await finished, halts };
}

function tensorsOf(specs: Specs): Record<string, tf.Tensor> {
  const engine = tf.engine();
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => [
      name,
      engine.makeTensorFromTensorInfo({ dataId: {}, shape: [...shape], dtype }),
    ]),
  );
}
