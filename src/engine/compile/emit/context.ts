/**
 * What writing the kernels of a plan shares: the values in memory, the device, and the list of kernels so far.
 */

import type { GraphDtype } from '../../graph/index.ts';
import { type Analysis, aliasOf, elementsOf, storageOf } from '../analysis.ts';
import type { Arena } from '../arenas.ts';
import type { Group } from '../groups.ts';
import { KernelBuilder, type ValueSource } from '../kernel-builder.ts';
import type { KernelOptions, MemoryRange } from '../lowering.ts';
import type { SubgroupMatrices } from '../lowerings/mat-mul-tiles.ts';
import { Position, sizeOf } from '../position.ts';
import type { PlanKernel, PlanValue, StorageType } from '../types.ts';

export interface Target {
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  readonly software: boolean;
  readonly tuning: ReadonlyMap<string, string>;
  /** Buffers that a kernel can bind. */
  readonly buffers: number;
  /** How many neighbouring lanes surely are in one subgroup, a power of two; 1: the device has none. */
  readonly subgroup: number;
  /** Matrices of f16 that subgroups multiply. */
  readonly matrices?: SubgroupMatrices | undefined;
  /** Activations and what products multiply are f16. */
  readonly half: boolean;
}

export class EmitContext {
  readonly kernels: PlanKernel[] = [];
  private next: number;

  constructor(
    readonly analysis: Analysis,
    readonly target: Target,
    readonly values: Map<number, PlanValue>,
  ) {
    this.next = Math.max(analysis.graph.values.length, ...values.keys()) + 1;
  }

  /** Memory for tensors side by side; they become slices of it. */
  layOut({ elements, members }: Arena): number {
    const id = this.temporary([elements]);
    for (const [value, offset] of members) {
      const { shape, dtype } = this.analysis.graph.values[value]!;
      const storage = storageOf(dtype);
      this.values.set(value, { id: value, shape, dtype, storage, within: { value: id, offset } });
    }
    return id;
  }

  /** The memory of these values; whole arenas where all their members are among them. */
  ranges(given: readonly number[]): MemoryRange[] {
    const all = given.map((value) => aliasOf(this.analysis, this.values, value) ?? value);
    const wanted = new Set(all);
    const whole = new Set<number>();
    const seen = new Set<number>();
    return all.flatMap((value) => {
      const again = seen.has(value);
      seen.add(value);
      const { shape, within } = this.values.get(value)!;
      const members = [...this.values.values()].filter(
        (other) => within && other.within?.value === within.value,
      );
      // What is asked for twice counts twice.
      if (again || !within || !members.every(({ id }) => wanted.has(id))) {
        return [{ value, begin: 0, count: sizeOf(shape) }];
      }
      if (whole.has(within.value)) return [];
      whole.add(within.value);
      return [{ value: within.value, begin: 0, count: sizeOf(this.values.get(within.value)!.shape) }];
    });
  }

  /** Memory that only the plan knows. */
  temporary(
    shape: readonly number[],
    dtype: GraphDtype = 'float32',
    storage: StorageType = storageOf(dtype),
  ): number {
    const id = this.next++;
    this.values.set(id, { id, shape, dtype, storage });
    return id;
  }

  /** A part of a temporary as a value of its own. */
  slice(of: number, offset: number, shape: readonly number[]): number {
    const id = this.next++;
    this.values.set(id, { ...this.values.get(of)!, id, shape, within: { value: of, offset } });
    return id;
  }

  /**
   * Writes a kernel of a group and appends it. `write` is called again without vectors when they take more
   * bindings than the device has. `place`: where a value lies, when that is another value's memory.
   */
  kernel(
    group: Pick<Group, 'nodes' | 'stores'>,
    options: (vectors: boolean) => KernelOptions & {
      readonly write: (kernel: KernelBuilder) => void;
      /** Left out: those of the group. */
      readonly nodes?: readonly number[];
    },
    vectors = false,
    place: (value: number) => number = (value) => value,
  ): void {
    const { write, label, workgroupSize, workgroups, flops, bytes, nodes } = options(vectors);
    const builder = new KernelBuilder(this.source(group, place));
    builder.vectorLoads = vectors;
    write(builder);
    if (vectors && builder.bound > this.target.buffers) {
      this.kernel(group, options, false, place);
      return;
    }
    const finished = builder.finish(workgroupSize);
    this.kernels.push({
      label,
      ...finished,
      workgroups,
      nodes: nodes ?? group.nodes,
      flops: flops ?? this.flops({ nodes: nodes ?? group.nodes }),
      bytes: bytes ?? this.bytes(finished.bindings.map(({ value }) => value)),
    });
  }

  /** `MatMul + Add + Gelu` */
  label(group: Pick<Group, 'nodes'>): string {
    const names = [...new Set(group.nodes.map((node) => this.analysis.graph.nodes[node]!.kernel))];
    return names.length > 6 ? `${names.slice(0, 5).join(' + ')} + …` : names.join(' + ');
  }

  /** Groups of nodes see each other's values as expressions, and all others in memory. */
  private source(
    { nodes, stores }: Pick<Group, 'nodes' | 'stores'>,
    place: (value: number) => number,
  ): ValueSource {
    const { analysis, values } = this;
    const { graph, lowerings } = analysis;
    const own = new Set<number>();
    let followed: number | undefined;
    for (const node of nodes) {
      const lowering = lowerings[node]!;
      const { outputs } = graph.nodes[node]!;
      if (lowering.kind !== 'template') for (const value of outputs) own.add(value);
      else if (lowering.epilogue) followed = outputs[0];
    }
    const inMemory = (value: number): PlanValue | undefined =>
      own.has(value) ? undefined : values.get(place(value));
    return {
      inMemory,
      target: (value) => values.get(place(value)),
      literalOf: (value) => analysis.literals.get(value),
      aliasOf: (value) => aliasOf(analysis, { has: (one) => inMemory(one) !== undefined }, value),
      expression(value) {
        const { node, output } = analysis.producers.get(value)!;
        const lowering = lowerings[node]!;
        return lowering.kind === 'element' ? (scope, at) => lowering.element(scope, at, output) : undefined;
      },
      storesOf: (value) =>
        value === followed
          ? stores.filter((stored) => stored === value || own.has(stored))
          : values.has(value)
            ? [value]
            : [],
    };
  }

  private bytes(bound: readonly number[]): number {
    return [...new Set(bound)].reduce((sum, value) => {
      const { shape, storage } = this.values.get(value)!;
      return sum + sizeOf(shape) * (storage === 'f16' ? 2 : 4);
    }, 0);
  }

  private flops(group: Pick<Group, 'nodes'>): number {
    return group.nodes.reduce((sum, node) => {
      const lowering = this.analysis.lowerings[node]!;
      if (lowering.kind === 'template') return sum;
      const value =
        lowering.kind === 'reduce' ? lowering.input : this.analysis.graph.nodes[node]!.outputs[0]!;
      return sum + elementsOf(this.analysis, value) * (lowering.kind === 'element' ? lowering.cost : 1);
    }, 0);
  }
}

/** A place in a value of `rows` × `columns` elements, of any shape: its axes are split between the two where it can be. */
export function placeInRows(
  shape: readonly number[],
  columns: number,
  at: { readonly row: string; readonly column: string; readonly offset: string },
): Position {
  for (let split = shape.length; split >= 0; split--) {
    const size = sizeOf(shape.slice(split));
    if (size > columns) break;
    if (size !== columns) continue;
    return Position.both(shape, at.offset, [
      ...Position.at(shape.slice(0, split), at.row).axes,
      ...Position.at(shape.slice(split), at.column).axes,
    ]);
  }
  return Position.at(shape, at.offset);
}

export const nextPowerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, 1)));
