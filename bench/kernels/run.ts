/** Runs one kernel case on both sides and compares the results. */
import { derive } from '../../src/core/index.ts';
import { planGraph } from '../../src/engine/compile/index.ts';
import { Execution, planTarget } from '../../src/engine/execute/index.ts';
import { type Device, tf, traceStep } from '../../src/engine/index.ts';
import { GpuTimeline } from '../../src/engine/profile/index.ts';
import { interleaved, median } from '../case.ts';
import { permute } from '../networks/weights.ts';
import type { KernelCase, KernelInput } from './case.ts';

export interface KernelResult {
  /** Sum over the case's kernels by GPU time, medians. */
  readonly oursMs: number;
  readonly plainMs: number;
  readonly oursDispatches: number;
  readonly plainDispatches: number;
  readonly bytes: number;
}

type Arrays = Readonly<Record<string, Float32Array | Int32Array>>;
type Timed = { readonly ms: number; readonly dispatches: number };

const defaultTolerance = 1e-4;

/** Throws when the two sides differ. */
export async function runKernelCase(
  kernel: KernelCase,
  device: Device,
  rounds: number,
): Promise<KernelResult> {
  const gpu = device.gpu!;
  const arrays = arraysOf(kernel);
  const names: string[] = [];
  const { graph } = await traceStep(
    (inputs) => {
      const results = listOf(kernel.ours(inputs));
      for (const i of results.keys()) names[i] = `output${i}`;
      return Object.fromEntries(results.map((tensor, i) => [`output${i}`, tensor]));
    },
    Object.fromEntries(
      Object.entries(kernel.inputs).map(([name, { shape, dtype = 'float32' }]) => [name, { shape, dtype }]),
    ),
  );
  const plan = planGraph(graph, { ...planTarget(gpu), tuning: new Map() });
  const execution = await Execution.prepare(plan, gpu);
  const feed = (): void => {
    for (const [name, numbers] of Object.entries(arrays))
      if (plan.inputs[name] !== undefined) execution.write(name, numbers);
  };
  const tensors = Object.fromEntries(
    Object.entries(kernel.inputs).map(([name, { shape, dtype = 'float32' }]) => [
      name,
      tf.tensor(arrays[name]!, [...shape], dtype),
    ]),
  );
  const timeline = GpuTimeline.attach(gpu.device, { by: 'pass' });
  const timed = async (): Promise<Timed> => {
    const passes = await timeline.read();
    return {
      ms: passes.reduce((sum, { ms }) => sum + ms, 0),
      dispatches: passes.reduce((sum, { dispatches }) => sum + dispatches, 0),
    };
  };
  try {
    feed();
    await execution.run();
    const oursValues = await execution.readAll(names);
    const expected = tf.tidy(() => listOf(kernel.plain(tensors)).map((tensor) => tf.keep(tf.clone(tensor))));
    for (const [i, tensor] of expected.entries()) {
      const wanted = await device.read(tensor);
      compare(kernel, i, oursValues[`output${i}`]!, wanted);
    }
    const outputs = expected.reduce((sum, tensor) => sum + 4 * tensor.size, 0);
    if (names.length !== expected.length)
      throw new Error(`ours gives ${names.length} outputs, plain ${expected.length}`);
    tf.dispose(expected);
    await timeline.read();
    const results = await interleaved<'ours' | 'plain', Timed>(rounds, {
      async ours() {
        feed();
        await execution.run();
        return timed();
      },
      async plain() {
        tf.tidy(() => void kernel.plain(tensors));
        submitPlain();
        return timed();
      },
    });
    const inputs = Object.entries(arrays).reduce(
      (sum, [name, { length }]) => sum + (kernel.inputs[name]!.from ? 0 : 4 * length),
      0,
    );
    return {
      oursMs: median(results.ours.map(({ ms }) => ms)),
      plainMs: median(results.plain.map(({ ms }) => ms)),
      oursDispatches: results.ours[0]!.dispatches,
      plainDispatches: results.plain[0]!.dispatches,
      bytes: kernel.bytes ?? inputs + outputs,
    };
  } finally {
    timeline.dispose();
    execution.dispose();
    tf.dispose(tensors);
  }
}

/** What TensorFlow.js has encoded and not submitted yet. */
function submitPlain(): void {
  const backend = tf.backend() as unknown as {
    readonly commandEncoder: GPUCommandEncoder | null;
    endComputePassEncoder(): void;
    submitQueue(): void;
  };
  if (!backend.commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

const listOf = (results: tf.Tensor | readonly tf.Tensor[]): readonly tf.Tensor[] =>
  Array.isArray(results) ? results : [results as tf.Tensor];

function arraysOf({ name, inputs }: KernelCase): Arrays {
  return Object.fromEntries(
    Object.entries(inputs).map(([input, given]) => {
      if (!given.from) return [input, numbersOf(`${name} ${input}`, given)];
      const [other, order] = given.from;
      const source = inputs[other]!;
      const data = numbersOf(`${name} ${other}`, source) as Float32Array;
      const moved = permute({ shape: source.shape, data }, order);
      if (moved.shape.join() !== given.shape.join())
        throw new Error(`${input} is [${moved.shape}], not [${given.shape}]`);
      return [input, moved.data];
    }),
  );
}

function numbersOf(
  stream: string,
  { shape, dtype = 'float32', below = 2, deviation = 1, mean = 0, positive = false }: KernelInput,
): Float32Array | Int32Array {
  const random = derive(1, 'kernel', stream);
  const length = shape.reduce((product, size) => product * size, 1);
  if (dtype === 'int32') return Int32Array.from({ length }, () => Math.floor(random.uniform(0, below)));
  return Float32Array.from({ length }, () => {
    const value = mean + deviation * random.normal();
    return positive ? Math.abs(value) : value;
  });
}

function compare(
  { tolerance = defaultTolerance }: KernelCase,
  output: number,
  ours: ArrayLike<number>,
  plain: ArrayLike<number>,
): void {
  if (ours.length !== plain.length)
    throw new Error(`output ${output} has ${ours.length} numbers, TensorFlow.js' ${plain.length}`);
  let [largest, difference, at] = [0, 0, 0];
  for (let i = 0; i < ours.length; i++) {
    largest = Math.max(largest, Math.abs(plain[i]!));
    const off = Math.abs(ours[i]! - plain[i]!);
    // A number that is none on one side is the largest difference of all.
    if (off > difference || Number.isNaN(off)) {
      [difference, at] = [Number.isNaN(off) ? Number.POSITIVE_INFINITY : off, i];
    }
  }
  if (!(difference <= tolerance * Math.max(largest, 1e-30)))
    throw new Error(`output ${output} differs at ${at}: ${ours[at]}, TensorFlow.js has ${plain[at]}`);
}
