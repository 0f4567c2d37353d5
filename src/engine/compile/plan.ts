/**
 * The planner: a recorded graph becomes a list of kernels. What is computed where (`placement`), which nodes
 * share a kernel (`groups`), and their WGSL (`emit`) are decided one after the other.
 */
import type { Graph } from '../graph/index.ts';
import { analyse, storageOf } from './analysis.ts';
import { EmitContext, type Target, writeGroup } from './emit/index.ts';
import { Grouping } from './groups.ts';
import { writeHalfWeights } from './half-weights.ts';
import type { SubgroupMatrices } from './lowerings/mat-mul-tiles.ts';
import { place } from './placement.ts';
import { sizeOf } from './position.ts';
import { halfValues } from './precision.ts';
import { withRecomputation } from './recompute/index.ts';
import { rewriteGraph } from './rewrite.ts';
import { type PlanHalt, ranksOf, segmentsOf } from './segments.ts';
import type { KernelPlan, PlanValue } from './types.ts';

export interface PlanOptions {
  /** Of the device: `shader-f16`, `subgroups`. */
  readonly features: ReadonlySet<string>;
  /** Of the device, by WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
  /** The adapter computes on the processor. */
  readonly software?: boolean;
  /** How many neighbouring lanes surely are in one subgroup, a power of two (1); of a device with `subgroups`. */
  readonly subgroup?: number | undefined;
  /** Matrices of f16 that subgroups of the device multiply. */
  readonly matrices?: SubgroupMatrices | undefined;
  /** Choices that were measured on this device. */
  readonly tuning?: ReadonlyMap<string, string>;
  /** In the order in which they come. */
  readonly halts?: readonly PlanHalt[];
  /** Compute activations again for the gradients rather than keep them: less memory, more time (recompute/). */
  readonly recompute?: boolean | undefined;
  /**
   * `fp16`: activations lie in memory as f16 (precision.ts), and products multiply f16 copies of the weights
   * (half-weights.ts). Sums are f32, and so are the weights. The device must have `shader-f16`.
   */
  readonly precision?: 'fp32' | 'fp16' | undefined;
  /**
   * Updates of parameters become one kernel over all of them, which lie side by side for it (true). Without, each is made
   * where its numbers are, among the activations, and copied at the end: parameters stay where another plan has them.
   */
  readonly sideBySide?: boolean | undefined;
  /** Inputs are f16 as activations would be: for timing a kernel by itself. */
  readonly halfInputs?: boolean | undefined;
}

/** More in one kernel gains nothing: addresses take registers. */
const mostBuffers = 12;

/** Throws an EngineError when a kernel of the graph has no lowering. */
export function planGraph(recorded: Graph, options: PlanOptions): KernelPlan {
  const rewritten = rewriteGraph(recorded);
  const halts = options.halts ?? [];
  const target: Target = {
    features: options.features,
    limits: options.limits,
    software: options.software ?? options.features.has('software'),
    tuning: options.tuning ?? new Map(),
    buffers: Math.min(options.limits.maxStorageBuffersPerShaderStage ?? 8, mostBuffers),
    subgroup: options.features.has('subgroups') ? (options.subgroup ?? 1) : 1,
    half: options.precision === 'fp16',
    matrices: options.matrices,
  };
  const { graph, regions } = options.recompute
    ? withRecomputation(rewritten, target.buffers)
    : { graph: rewritten, regions: undefined };
  const analysis = analyse(graph);
  const placement = place(analysis, target.buffers);
  const segments = segmentsOf(graph, halts);
  const ranks = regions ? ranksOf(analysis, segments, halts.length, regions) : segments;
  const { groups, arenas } = new Grouping(
    analysis,
    placement,
    ranks,
    target.buffers,
    options.sideBySide === false ? 0 : bindableElements(options.limits),
  ).build();
  const given = [
    ...Object.values(graph.inputs),
    ...Object.values(graph.parameters),
    ...graph.constants.keys(),
  ];
  const values = new Map<number, PlanValue>();
  const stored = groups.flatMap(({ stores }) => stores);
  const isLarge = (id: number): boolean =>
    graph.values[id]!.dtype === 'float32' && sizeOf(graph.values[id]!.shape) >= 1024;
  const halves = target.half ? halfValues(analysis, placement, stored) : undefined;
  const fed = options.halfInputs ? new Set(Object.values(graph.inputs).filter(isLarge)) : undefined;
  for (const id of [...given, ...stored]) {
    const { shape, dtype } = graph.values[id]!;
    values.set(id, { id, shape, dtype, storage: halves?.has(id) || fed?.has(id) ? 'f16' : storageOf(dtype) });
  }
  const context = new EmitContext(analysis, target, values);
  const laid = new Map(arenas.map((arena) => [arena, context.layOut(arena)]));
  const weights = target.half
    ? writeHalfWeights(context, placement, groups, laid, bindableElements(options.limits))
    : undefined;
  const ends: number[] = [];
  for (const group of groups) {
    const segment = Math.min(ranks[group.nodes[0]!]!, halts.length);
    while (ends.length < segment) ends.push(context.kernels.length);
    writeGroup(context, placement, group, laid, weights?.get(group));
  }
  while (ends.length < halts.length) ends.push(context.kernels.length);
  const bound = new Set(context.kernels.flatMap(({ bindings }) => bindings.map(({ value }) => value)));
  const named = new Set(
    [graph.inputs, graph.parameters, graph.outputs, graph.updates].flatMap((names) => Object.values(names)),
  );
  for (const { within } of values.values()) if (within) bound.add(within.value);
  for (const id of values.keys()) if (!bound.has(id) && !named.has(id)) values.delete(id);
  return {
    values,
    kernels: context.kernels,
    inputs: graph.inputs,
    parameters: graph.parameters,
    constants: new Map([...graph.constants].filter(([id]) => values.has(id))),
    outputs: graph.outputs,
    updates: graph.updates,
    halts: halts.map(({ reads, writes }, i) => ({ kernel: ends[i]!, reads, writes })),
  };
}

/** How many numbers of 32 bits a kernel can bind as one buffer. */
function bindableElements(limits: Readonly<Record<string, number>>): number {
  const { maxStorageBufferBindingSize = 2 ** 27, maxBufferSize = 2 ** 28 } = limits;
  return Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4);
}
