/**
 * A recorded graph with what planning asks of it: who makes a value, who reads it, and how each node is lowered.
 */

import type { Graph, GraphDtype, GraphNode } from '../graph/index.ts';
import { EngineError } from './engine-error.ts';
import { type Lowering, lowerNode } from './lowering.ts';
import { sizeOf } from './position.ts';
import type { PlanValue, StorageType } from './types.ts';

export interface Producer {
  /** Position in `Graph.nodes`. */
  readonly node: number;
  /** Which output of it. */
  readonly output: number;
}

export interface Analysis {
  readonly graph: Graph;
  readonly lowerings: readonly Lowering[];
  /** Absent for inputs, parameters and constants. */
  readonly producers: ReadonlyMap<number, Producer>;
  /** Positions of the nodes that read a value, once each. */
  readonly readers: ReadonlyMap<number, readonly number[]>;
  /** Values that must be in memory when the plan has run. */
  readonly kept: ReadonlySet<number>;
  /** Constants that are one number throughout. */
  readonly literals: ReadonlyMap<number, { readonly value: number; readonly dtype: GraphDtype }>;
}

/** Throws an EngineError that lists the kernels without a lowering. */
export function analyse(graph: Graph): Analysis {
  const missing = new Map<string, number>();
  const lowerings: Lowering[] = [];
  const producers = new Map<number, Producer>();
  const readers = new Map<number, number[]>();
  graph.nodes.forEach((node, position) => {
    const lowering = lowerNode(graph, node);
    if (lowering) lowerings[position] = lowering;
    else missing.set(node.kernel, (missing.get(node.kernel) ?? 0) + 1);
    node.outputs.forEach((value, output) => {
      producers.set(value, { node: position, output });
    });
    for (const value of new Set(Object.values(node.inputs))) {
      const known = readers.get(value);
      if (known) known.push(position);
      else readers.set(value, [position]);
    }
  });
  if (missing.size > 0) throw new EngineError([...missing.keys()]);
  const kept = new Set([...Object.values(graph.outputs), ...Object.values(graph.updates)]);
  return { graph, lowerings, producers, readers, kept, literals: literalsOf(graph) };
}

function literalsOf(graph: Graph): Map<number, { value: number; dtype: GraphDtype }> {
  const found = new Map<number, { value: number; dtype: GraphDtype }>();
  for (const [id, data] of graph.constants) {
    const value = data[0];
    if (value === undefined || !Array.prototype.every.call(data, (other) => Object.is(other, value)))
      continue;
    found.set(id, { value, dtype: graph.values[id]!.dtype });
  }
  return found;
}

const storages: Readonly<Record<PlanValue['dtype'], StorageType>> = {
  float32: 'f32',
  int32: 'i32',
  bool: 'u32',
};

export const storageOf = (dtype: PlanValue['dtype']): StorageType => storages[dtype];

type Lowered = Pick<Analysis, 'graph' | 'lowerings' | 'producers'>;

/** The value of which `value` is a reshape and nothing more. */
export function reshapedBy({ graph, lowerings, producers }: Lowered, value: number): number | undefined {
  const producer = producers.get(value);
  if (!producer) return undefined;
  const lowering = lowerings[producer.node]!;
  if (lowering.kind !== 'element' || lowering.cost > 0 || lowering.access !== 'order') return undefined;
  const [input] = inputsOf(graph.nodes[producer.node]!);
  return graph.values[input!]!.dtype === graph.values[value]!.dtype ? input : undefined;
}

/** The value in memory of which `value` is a reshape, or itself. */
export function aliasOf(
  lowered: Lowered,
  inMemory: { has(value: number): boolean },
  value: number,
): number | undefined {
  let current: number | undefined = value;
  while (current !== undefined && !inMemory.has(current)) current = reshapedBy(lowered, current);
  return current;
}

/** The graph values that a node reads, once each. */
export const inputsOf = (node: GraphNode): number[] => [...new Set(Object.values(node.inputs))];

/** How many elements a value has. */
export const elementsOf = ({ graph }: Pick<Analysis, 'graph'>, value: number): number =>
  sizeOf(graph.values[value]!.shape);
