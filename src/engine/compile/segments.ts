/** Where the host takes part in the middle of a step, kernels stand before or after. */
import type { Graph } from '../graph/index.ts';
import type { Analysis } from './analysis.ts';
import { updateNodes } from './arenas.ts';

/** The host awaits the outputs `reads`, then feeds the inputs `writes`. */
export interface PlanHalt {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
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
      if ((ofValue.get(graph.outputs[name]!) ?? 0) > i) {
        throw new Error(`${name} depends on what the host feeds after it`);
      }
    }
  });
  return segments;
}

/**
 * The order of kernels where activations are computed again (recompute/): nodes of a higher rank come later, and only
 * nodes of one rank share a kernel. What gradients need comes after all halts; updates are together at the end.
 */
export function ranksOf(
  analysis: Analysis,
  segments: readonly number[],
  halts: number,
  regions: readonly number[],
): number[] {
  const last = halts + Math.max(0, ...regions);
  const updates = updateNodes(analysis);
  return segments.map((segment, node) => {
    if (updates.has(node)) return last;
    const region = regions[node]!;
    return region > 0 ? halts + region : segment;
  });
}
