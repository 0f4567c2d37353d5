/**
 * The planner: a recorded graph becomes a list of kernels.
 */
import type { Graph, GraphDtype } from '../graph/index.ts';
import { aliasOf, analyse, storageOf } from './analysis.ts';
import { flatDispatch } from './dispatch.ts';
import { KernelBuilder, type ValueSource } from './kernel-builder.ts';
import type { KernelOptions, ReduceLowering, TemplateWriter } from './lowering.ts';
import { place } from './placement.ts';
import { Position, sizeOf } from './position.ts';
import { combineIdentity, combineTwo } from './reduce.ts';
import type { KernelPlan, PlanKernel, PlanValue } from './types.ts';

/** A place where the host takes part: it awaits the outputs `reads`, then feeds the inputs `writes`. */
export interface PlanHalt {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

export interface PlanOptions {
  /** Of the device: `shader-f16`, `subgroups`. */
  readonly features: ReadonlySet<string>;
  /** Of the device, by WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
  /** The adapter computes on the processor. */
  readonly software?: boolean;
  /** Choices that were measured on this device. */
  readonly tuning?: ReadonlyMap<string, string>;
  /** In the order in which they come. */
  readonly halts?: readonly PlanHalt[];
}

const threads = 256;

/** Throws an EngineError when a kernel of the graph has no lowering. */
export function planGraph(graph: Graph, options: PlanOptions): KernelPlan {
  const analysis = analyse(graph);
  const buffers = options.limits.maxStorageBuffersPerShaderStage ?? 8;
  const { inMemory } = place(analysis, buffers - 1);
  const values = new Map<number, PlanValue>();
  for (const { id, shape, dtype } of graph.values) {
    if (inMemory.has(id)) values.set(id, { id, shape, dtype, storage: storageOf(dtype) });
  }
  let next = graph.values.length;
  const temporary = (shape: readonly number[], dtype: GraphDtype = 'float32'): number => {
    values.set(next, { id: next, shape, dtype, storage: storageOf(dtype) });
    return next++;
  };
  const source: ValueSource = {
    inMemory: (value) => values.get(value),
    literalOf: (value) => analysis.literals.get(value),
    aliasOf: (value) => aliasOf(analysis, inMemory, value),
    lowering(value) {
      const { node, output } = analysis.producers.get(value)!;
      return { lowering: analysis.lowerings[node]!, output };
    },
    storesOf: (value) => [value],
  };
  const segments = segmentsOf(graph, options.halts ?? []);
  const kernels: { segment: number; kernel: PlanKernel }[] = [];
  graph.nodes.forEach((node, position) => {
    const lowering = analysis.lowerings[position]!;
    const emit = (kernel: KernelOptions, write: (builder: KernelBuilder) => void): void => {
      const builder = new KernelBuilder(source);
      write(builder);
      const { workgroupSize, workgroups, label, flops = 0, bytes = 0 } = kernel;
      kernels.push({
        segment: segments[position]!,
        kernel: { label, workgroups, flops, bytes, nodes: [position], ...builder.finish(workgroupSize) },
      });
    };
    if (lowering.kind === 'template') {
      const writer: TemplateWriter = {
        features: options.features,
        limits: options.limits,
        software: options.software ?? options.features.has('software'),
        tuning: options.tuning ?? new Map(),
        temporary,
        kernel: emit,
      };
      lowering.build(writer);
      return;
    }
    node.outputs.forEach((value) => {
      const stored = values.get(value);
      if (!stored) return;
      const size = sizeOf(stored.shape);
      if (size === 0) return;
      const flat = flatDispatch(Math.ceil(size / threads));
      emit({ label: node.kernel, workgroupSize: [threads, 1, 1], workgroups: flat.workgroups }, (kernel) => {
        const { main } = kernel;
        const offset = main.let(`${flat.index} * ${threads} + i32(lane)`);
        main.line(`if (${offset} >= ${size}) { return; }`);
        const at = Position.at(stored.shape, offset);
        if (lowering.kind === 'reduce') writeReduce(kernel, graph, lowering, value, at);
        else kernel.write(main, value, at, kernel.compute(main, value, at));
      });
    });
  });
  const ordered = kernels.toSorted((a, b) => a.segment - b.segment);
  return {
    values,
    kernels: ordered.map(({ kernel }) => kernel),
    inputs: graph.inputs,
    parameters: graph.parameters,
    constants: graph.constants,
    outputs: graph.outputs,
    updates: graph.updates,
    halts: (options.halts ?? []).map(({ reads, writes }, i) => ({
      kernel: ordered.filter(({ segment }) => segment <= i).length,
      reads,
      writes,
    })),
  };
}

/** For each node the number of halts that come before it. */
export function segmentsOf(graph: Graph, halts: readonly PlanHalt[]): number[] {
  const ofValue = new Map<number, number>();
  halts.forEach(({ writes }, i) => {
    for (const name of writes) {
      const value = graph.inputs[name];
      if (value !== undefined) ofValue.set(value, i + 1);
    }
  });
  const segments = graph.nodes.map((node) => {
    const segment = Math.max(0, ...Object.values(node.inputs).map((value) => ofValue.get(value) ?? 0));
    for (const output of node.outputs) ofValue.set(output, segment);
    return segment;
  });
  halts.forEach(({ reads }, i) => {
    for (const name of reads) {
      if ((ofValue.get(graph.outputs[name]!) ?? 0) > i)
        throw new Error(`${name} depends on what the host feeds after it`);
    }
  });
  return segments;
}

/** One invocation walks over all that goes into an element. */
function writeReduce(
  kernel: KernelBuilder,
  graph: Graph,
  lowering: ReduceLowering,
  value: number,
  at: Position,
): void {
  const { main } = kernel;
  const { shape, dtype } = graph.values[lowering.input]!;
  const reduced = shape.map((_, axis) => lowering.axes.includes(axis));
  const keptShape = shape.filter((_, axis) => !reduced[axis]);
  const reducedShape = shape.filter((_, axis) => reduced[axis]);
  const kept = [...Position.at(keptShape, at.offset).axes];
  const resultType = graph.values[value]!.dtype;
  const type = resultType === 'float32' ? 'f32' : resultType === 'int32' ? 'i32' : 'bool';
  const total = kernel.name('total');
  main.line(`var ${total}: ${type} = ${combineIdentity(lowering.combine, dtype)};`);
  const step = kernel.name('i');
  const inner = kernel.block(main);
  const walked = [...Position.at(reducedShape, step).axes];
  const axes = shape.map((_, axis) => (reduced[axis] ? walked.shift()! : kept.shift()!));
  const from = Position.on(shape, axes);
  const element = lowering.element?.(inner, from) ?? inner.element(lowering.input, from);
  inner.line(`${total} = ${combineTwo(lowering.combine, total, element)};`);
  main.line(`for (var ${step} = 0; ${step} < ${sizeOf(reducedShape)}; ${step}++) {\n${inner.text()}}`);
  const name = main.let(`${total}`);
  kernel.write(main, value, at, lowering.finish?.(main, name) ?? name);
}
