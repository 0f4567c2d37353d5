/**
 * Which values lie in memory as f16. Kernels compute in f32 whatever they load, so half precision is a matter of
 * storage: activations and their gradients take half the bytes, and sums lose nothing on the way.
 *
 * f32 stay: what the caller feeds, keeps or reads back (weights, the optimiser's state, losses, outputs); gradients
 * of weights, which are summed and squared; results of reductions and statistics, with all that has one number for
 * each channel; powers, exponentials and logarithms, which leave the range of f16; and what is small.
 */
import { type Analysis, elementsOf, inputsOf } from './analysis.ts';
import { updateNodes } from './arenas.ts';
import type { Placement } from './placement.ts';
import { sumOfAllSquares } from './rewrite.ts';

/** Fewer elements gain nothing. */
const fewest = 1024;

/** Results that need the range or the digits of f32: all of them, or only those named by their position. */
const fullPrecision: Readonly<Record<string, 'all' | readonly number[]>> = {
  Square: 'all',
  Pow: 'all',
  Exp: 'all',
  Expm1: 'all',
  Log: 'all',
  Log1p: 'all',
  Sqrt: 'all',
  Rsqrt: 'all',
  Reciprocal: 'all',
  Cumsum: 'all',
  UnsortedSegmentSum: 'all',
  // The largest score of each row and the sum of its exponentials.
  OcelliAttention: [1],
  OcelliMaskedAttention: [1],
};

/** Of the values that kernels store, those that may lie in half the bytes. */
export function halfValues(
  analysis: Analysis,
  placement: Placement,
  stored: Iterable<number>,
): ReadonlySet<number> {
  const { graph, lowerings, producers, kept } = analysis;
  const summed = summedGradients(analysis, placement);
  const isHalf = (value: number): boolean => {
    const producer = producers.get(value);
    if (!producer || kept.has(value) || summed.has(value)) return false;
    const { dtype, shape } = graph.values[value]!;
    if (dtype !== 'float32' || elementsOf(analysis, value) < fewest) return false;
    // One number for each channel: statistics, and what is made of them, however many channels there are.
    if (shape.filter((length) => length > 1).length < 2) return false;
    if (lowerings[producer.node]!.kind === 'reduce') return false;
    const full = fullPrecision[graph.nodes[producer.node]!.kernel];
    return full === undefined || (full !== 'all' && !full.includes(producer.output));
  };
  return new Set([...stored].filter(isHalf));
}

/** What updates of parameters and the norm of all gradients read, and what that is a view of. */
function summedGradients(analysis: Analysis, { leaves }: Placement): Set<number> {
  const { nodes } = analysis.graph;
  const updates = updateNodes(analysis);
  const found = new Set<number>();
  const add = (value: number): void => {
    if (found.has(value)) return;
    found.add(value);
    const producer = analysis.producers.get(value);
    const lowering = producer && analysis.lowerings[producer.node]!;
    if (lowering?.kind === 'element' && lowering.cost === 0)
      for (const input of inputsOf(nodes[producer!.node]!)) add(input);
  };
  for (const [node, own] of leaves) {
    const { kernel } = nodes[node]!;
    if (!updates.has(node) && kernel !== sumOfAllSquares && kernel !== 'OcelliSumOfSquares') continue;
    for (const { value } of own) add(value);
  }
  return found;
}
