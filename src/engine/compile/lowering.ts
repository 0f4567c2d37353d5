/**
 * How kernels of a recorded graph become WGSL. A lowering is one of three things:
 *
 *  - `element`: each output element is an expression of input elements at some position (arithmetic, broadcasts,
 *    and views such as transpose, slice, pad, concat, gather). The planner writes it into whatever kernel
 *    needs it, so chains of them cost one dispatch or none.
 *  - `reduce`: elements of one input are combined along axes.
 *  - `template`: a kernel with a structure of its own (matrix product, convolution, attention). It reads its
 *    inputs through the same expressions and hands each result to `store`, where the planner appends what
 *    follows element by element.
 *
 * One file of `lowerings/` per group of kernels registers them here by kernel name.
 */
import type { Graph, GraphAttribute, GraphDtype, GraphNode } from '../graph/index.ts';
import type { KernelBuilder } from './kernel-builder.ts';
import type { SubgroupMatrices } from './lowerings/mat-mul-tiles.ts';
import type { Position } from './position.ts';
import type { Scope } from './scope.ts';
import type { PlanKernel } from './types.ts';

export type { Scope } from './scope.ts';

/** A node with its surroundings, as a lowering sees it. */
export interface LoweringNode<Attrs = Readonly<Record<string, GraphAttribute>>> {
  readonly graph: Graph;
  readonly node: GraphNode;
  readonly attrs: Attrs;
  /** Id of an input by TensorFlow.js' name for it (`a`, `x`, `filter`; `0`, `1`, … in lists). */
  input(name: string): number;
  shapeOf(value: number): readonly number[];
  dtypeOf(value: number): GraphDtype;
  /** The numbers of a constant, when the value is one: for axes, indices that are known. */
  constantOf(value: number): ArrayLike<number> | undefined;
  /** Id of an output (0). */
  output(index?: number): number;
}

export interface ElementLowering {
  readonly kind: 'element';
  /** 0: a view, nothing is computed. 1: cheap. 8: exp, tanh, pow, erf. The planner weighs recomputing against memory. */
  readonly cost: number;
  /**
   * Which elements of the inputs an output element is made of. `broadcast`: those at the same place, where inputs
   * are spread over the output as NumPy does. `order`: the one at the same row-major offset (a reshape). Left
   * out: anything.
   */
  readonly access?: 'broadcast' | 'order';
  /**
   * An element comes from one of several places (padding, concatenation): code with branches, which is not written
   * into the loops of other kernels.
   */
  readonly branches?: boolean;
  element(scope: Scope, at: Position, output: number): string;
}

export type Combine = 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all';

export interface ReduceLowering {
  readonly kind: 'reduce';
  readonly combine: Combine;
  readonly input: number;
  readonly axes: readonly number[];
  /** What is combined, when that is not the input's element itself (squares, say). */
  element?(scope: Scope, at: Position): string;
  /** After combining: the mean's division. */
  finish?(scope: Scope, total: string): string;
}

export interface TemplateLowering {
  readonly kind: 'template';
  /**
   * Inputs that must lie in memory in their own order, rather than be reached through views: those that are read
   * many times or by vectors. Others are read through views; arithmetic before them is always in memory.
   */
  readonly inMemory?: readonly number[];
  /** Whether `store` of the first output may take what follows: false where an element is stored in several steps. */
  readonly epilogue: boolean;
  /** Writes the kernels, in order. */
  build(writer: TemplateWriter): void;
}

export type Lowering = ElementLowering | ReduceLowering | TemplateLowering;

export interface TemplateWriter {
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  /** The adapter computes on the processor: barriers are dear, workgroup memory gains nothing. */
  readonly software: boolean;
  /** Choices that were measured on this device, by the key that the lowering gives them. */
  readonly tuning: ReadonlyMap<string, string>;
  /**
   * The memory of these values in as few pieces as possible: what lies side by side is one piece. Elements between
   * two values are zero.
   */
  ranges(values: readonly number[]): readonly MemoryRange[];
  /** How many neighbouring lanes surely are in one subgroup, a power of two; 1: the device has none. */
  readonly subgroup: number;
  /** Matrices of f16 that subgroups multiply; where products are f16. */
  readonly matrices?: SubgroupMatrices | undefined;
  /** What products multiply is f16. */
  readonly half: boolean;
  /** Memory between the kernels of this template. `half`: f16, where products are. */
  temporary(shape: readonly number[], dtype?: GraphDtype, half?: 'half'): number;
  /** A kernel that is written by `write` and appended to the plan. */
  kernel(options: KernelOptions, write: (kernel: KernelBuilder) => void): void;
}

/** `count` elements of a value in memory, from `begin` on. */
export interface MemoryRange {
  readonly value: number;
  readonly begin: number;
  readonly count: number;
}

export interface KernelOptions {
  readonly label: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: PlanKernel['workgroups'];
  readonly flops?: number;
  readonly bytes?: number;
}

/** Undefined: this node can't be lowered in this form (an odd attribute); the plan then says so. */
type MakeLowering = (node: LoweringNode) => Lowering | undefined;

const registry = new Map<string, MakeLowering>();

export function registerLowering(kernels: string | readonly string[], make: MakeLowering): void {
  for (const kernel of typeof kernels === 'string' ? [kernels] : kernels) registry.set(kernel, make);
}

export const hasLowering = (kernel: string): boolean => registry.has(kernel);

export function lowerNode(graph: Graph, node: GraphNode): Lowering | undefined {
  return registry.get(node.kernel)?.(describe(graph, node));
}

function describe(graph: Graph, node: GraphNode): LoweringNode {
  return {
    graph,
    node,
    attrs: node.attrs,
    input(name) {
      const id = node.inputs[name];
      if (id === undefined) throw new Error(`${node.kernel} has no input ${name}`);
      return id;
    },
    shapeOf: (value) => graph.values[value]!.shape,
    dtypeOf: (value) => graph.values[value]!.dtype,
    constantOf: (value) => graph.constants.get(value),
    output: (index = 0) => node.outputs[index]!,
  };
}
