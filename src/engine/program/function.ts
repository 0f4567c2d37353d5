/**
 * A function of named tensors, compiled: traced and prepared at the first call with inputs of some shapes, executed
 * at every further one. It may ask the host in between.
 *
 *   const forward = new CompiledFunction(prepare, ({ x }) => model.forward(x), model.variables);
 *   const { logits } = await forward.call({ x: { shape: [8, 3, 32, 32], data } });
 */
import { derive } from '../../core/index.ts';
import type { GraphData } from '../graph/index.ts';
import { type NamedTensors, type Specs, type TensorSpec, type Trace, traceStep } from '../meta/index.ts';
import type * as tf from '../tf.ts';
import { compiling } from './not-compiled.ts';
import type { HostData, PrepareProgram, Program } from './types.ts';

export interface HostTensor<Data extends GraphData = GraphData> {
  readonly shape: readonly number[];
  readonly data: Data;
}
export type HostTensors<Data extends GraphData = GraphData> = Readonly<Record<string, HostTensor<Data>>>;

/** Decides on the host: from outputs so far to inputs. Shapes must follow from shapes alone. */
export type AskHost = (outputs: HostTensors<Float32Array>) => HostTensors;

/** `ask` gives the host's answer to the outputs; without a host it is not there. */
export type TensorFunction = (
  inputs: NamedTensors,
  ask: (outputs: NamedTensors) => NamedTensors,
) => NamedTensors;

interface Compiled {
  readonly trace: Trace;
  readonly program: Program;
}

export class CompiledFunction {
  /** The most recently used last. */
  private readonly programs = new Map<string, Compiled>();

  constructor(
    private readonly prepare: PrepareProgram,
    private readonly fn: TensorFunction,
    private readonly variables: ReadonlyMap<string, tf.Variable>,
    /** Programs for so many combinations of shapes are kept. */
    private readonly limit = 8,
  ) {}

  /** The outputs; with `names` only those. Throws NotCompiled, before anything was computed, where it can't be compiled. */
  async call(
    inputs: HostTensors,
    host?: AskHost,
    names?: (outputs: readonly string[]) => readonly string[],
  ): Promise<HostTensors<Float32Array>> {
    const { trace, program } = await compiling(() => this.programFor(inputs, host));
    const { graph } = trace;
    const shaped = (outputs: HostData): HostTensors<Float32Array> =>
      mapped(outputs, (data, name) => {
        const { shape } = graph.values[graph.outputs[name]!]!;
        return { shape, data: data as Float32Array };
      });
    const dataOf = (tensors: HostTensors): HostData => mapped(tensors, ({ data }) => data);
    const all = Object.keys(graph.outputs);
    const reads = names ? names(all) : all;
    await program.run(dataOf(inputs), (outputs) => dataOf(host!(shaped(outputs))), reads);
    return shaped(await program.read(reads));
  }

  dispose(): void {
    for (const { program } of this.programs.values()) program.dispose();
    this.programs.clear();
  }

  private async programFor(inputs: HostTensors, host: AskHost | undefined): Promise<Compiled> {
    const key = Object.entries(inputs)
      .map(([name, { shape, data }]) => `${name} ${data.constructor.name} ${shape.join('×')}`)
      .join(', ');
    const known = this.programs.get(key);
    this.programs.delete(key);
    const compiled = known ?? (await this.compile(inputs, host));
    this.programs.set(key, compiled);
    for (const [old, { program }] of this.programs) {
      if (this.programs.size <= this.limit) break;
      program.dispose();
      this.programs.delete(old);
    }
    return compiled;
  }

  /** What a call with inputs of these shapes computes; nothing is. */
  trace(inputs: HostTensors, host?: AskHost): Promise<Trace> {
    return traceStep(
      (tensors, { halt }) =>
        this.fn(tensors, (outputs) => {
          if (!host) throw new Error('the function asks the host, and there is none');
          return halt(outputs, specsOf(host(probeOf(outputs))));
        }),
      specsOf(inputs),
      { parameters: this.variables },
    );
  }

  private async compile(inputs: HostTensors, host: AskHost | undefined): Promise<Compiled> {
    const trace = await this.trace(inputs, host);
    return { trace, program: await this.prepare(trace, this.variables) };
  }
}

const mapped = <From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From, name: string) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

/** Shapes and types of arrays. */
export const specsOf = (tensors: HostTensors): Specs =>
  mapped(tensors, ({ shape, data }): TensorSpec => ({ shape, dtype: dtypeOf(data) }));

const dtypeOf = (data: GraphData): TensorSpec['dtype'] => {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'bool';
};

/** Numbers in (0, 1) for outputs that nobody computes: only the shapes of the answer are looked at. */
export function probeOf(outputs: NamedTensors): HostTensors<Float32Array> {
  const random = derive(0, 'probe');
  return mapped(outputs, ({ shape, size }) => ({
    shape,
    data: Float32Array.from({ length: size }, () => 0.05 + 0.9 * random.next()),
  }));
}
