/**
 * Decides which nodes are computed for their own sake (`rooted`: each in one kernel, stored when somebody else
 * needs it) and which are expressions that every kernel writes out where it needs them: views always, arithmetic
 * when computing it again costs less than a trip through memory.
 */
import { type Analysis, elementsOf, inputsOf, reshapedBy } from './analysis.ts';
import type { Lowering } from './lowering.ts';
import { type Leaf, leavesOf } from './relations.ts';

export interface Placement {
  readonly rooted: readonly boolean[];
  /** What the expression of a rooted node reads: results of rooted nodes, and what lies in memory from the start. */
  readonly leaves: ReadonlyMap<number, readonly Leaf[]>;
  /** Values that must be stored whatever the kernels are. */
  readonly stored: ReadonlySet<number>;
}

/** Cheap enough to be computed again by every reader (see `ElementLowering.cost`). */
const cheap = 3;
/** As long as it reads only small vectors: a scale per channel, say. */
const cheapOfSmall = 10;
const small = 16384;
/** An expression that reads more buffers than this leaves no room for its neighbours. */
const mostLeaves = 5;

/** `buffers`: how many a kernel can bind. */
export function place(analysis: Analysis, buffers: number): Placement {
  const stored = mustBeStored(analysis);
  const { graph, lowerings, producers, readers } = analysis;
  const rooted = graph.nodes.map((node, position) => {
    const lowering = lowerings[position]!;
    if (lowering.kind !== 'element') return true;
    return lowering.cost > 0 || branches(lowering) || node.outputs.some((value) => stored.has(value));
  });
  const isLeaf = (value: number): boolean => {
    const producer = producers.get(value);
    return !producer || rooted[producer.node]!;
  };
  const expression = (position: number): readonly Leaf[] => leavesOf(analysis, position, isLeaf);
  const distinct = (leaves: readonly Leaf[]): number[] => [...new Set(leaves.map(({ value }) => value))];
  const mayBeFree = (position: number): boolean =>
    lowerings[position]!.kind === 'element' &&
    !branches(lowerings[position]!) &&
    rooted[position]! &&
    graph.nodes[position]!.outputs.length === 1 &&
    !stored.has(graph.nodes[position]!.outputs[0]!);

  // What is cheap, from the inputs on: its inputs may be free themselves.
  const costs: number[] = [];
  graph.nodes.forEach((node, position) => {
    const lowering = lowerings[position]!;
    if (lowering.kind !== 'element') return;
    const size = elementsOf(analysis, node.outputs[0]!);
    const inner = inputsOf(node).flatMap((value) => {
      const producer = producers.get(value);
      if (!producer || rooted[producer.node]) return [];
      // What is spread over a row is computed once for all of it.
      return [(costs[producer.node] ?? 0) * Math.min(1, elementsOf(analysis, value) / Math.max(size, 1))];
    });
    const cost = inner.reduce((sum, one) => sum + one, lowering.cost);
    costs[position] = cost;
    if (!mayBeFree(position)) return;
    const leaves = distinct(expression(position));
    const large = leaves.filter((value) => elementsOf(analysis, value) * 2 > size);
    const isSmall = size <= small && leaves.length <= 3 && cost <= cheapOfSmall;
    if (leaves.length <= mostLeaves && (isSmall || (cost <= cheap && large.length <= 1))) {
      rooted[position] = false;
    }
  });

  // What has one reader is written out there, unless the reader would ask for each element many times.
  const uses = new Map<number, number[]>();
  const usersOf = (position: number): number[] => {
    const known = uses.get(position);
    if (known) return known;
    const found = graph.nodes[position]!.outputs.flatMap((value) =>
      (readers.get(value) ?? []).flatMap((reader) => (rooted[reader] ? [reader] : usersOf(reader))),
    );
    uses.set(position, found);
    return found;
  };
  for (let position = graph.nodes.length - 1; position >= 0; position--) {
    if (!mayBeFree(position)) continue;
    const users = usersOf(position);
    if (users.length !== 1 || lowerings[users[0]!]!.kind === 'template') continue;
    const value = graph.nodes[position]!.outputs[0]!;
    const reached = expression(users[0]!).filter((leaf) => leaf.value === value);
    if (reached.length !== 1 || !['same', 'other'].includes(reached[0]!.relation)) continue;
    if (walkOf(analysis, users[0]!) > 2 * elementsOf(analysis, value)) continue;
    if (distinct(expression(position)).length > mostLeaves) continue;
    rooted[position] = false;
    uses.clear();
  }

  // Nothing may read more than a kernel can bind.
  graph.nodes.forEach((_, position) => {
    if (!rooted[position] || lowerings[position]!.kind === 'template') return;
    while (distinct(expression(position)).length > buffers - 2) {
      const heaviest = freeBehind(analysis, rooted, position)
        .map((inner) => ({ inner, count: distinct(expression(inner)).length }))
        .filter(({ count }) => count > 1 && count <= buffers - 2)
        .sort((a, b) => b.count - a.count)[0];
      if (!heaviest) break;
      rooted[heaviest.inner] = true;
    }
  });

  const leaves = new Map<number, readonly Leaf[]>();
  graph.nodes.forEach((_, position) => {
    if (rooted[position]) leaves.set(position, expression(position));
  });
  return { rooted, leaves, stored };
}

/** Written out in few places only: a kernel of its own, or one beside others that walk element by element. */
export const branches = (lowering: Lowering): boolean =>
  lowering.kind === 'element' && lowering.branches === true;

/** How many elements a node looks at. */
function walkOf(analysis: Analysis, position: number): number {
  const lowering = analysis.lowerings[position]!;
  const value = lowering.kind === 'reduce' ? lowering.input : analysis.graph.nodes[position]!.outputs[0]!;
  return elementsOf(analysis, value);
}

/** The nodes that a rooted node writes out, nearest first. */
function freeBehind(analysis: Analysis, rooted: readonly boolean[], position: number): number[] {
  const found = new Set<number>();
  const visit = (node: number): void => {
    for (const value of inputsOf(analysis.graph.nodes[node]!)) {
      const producer = analysis.producers.get(value);
      if (!producer || rooted[producer.node] || found.has(producer.node)) continue;
      found.add(producer.node);
      visit(producer.node);
    }
  };
  visit(position);
  return [...found];
}

function mustBeStored(analysis: Analysis): Set<number> {
  const stored = new Set(analysis.kept);
  analysis.graph.nodes.forEach((node, position) => {
    const lowering = analysis.lowerings[position]!;
    if (lowering.kind !== 'template') return;
    for (const value of lowering.inMemory ?? []) addUnlessReshaped(analysis, value, stored);
    for (const value of inputsOf(node)) addArithmeticBehind(analysis, value, stored);
  });
  return stored;
}

/** What is no more than a reshape is read as what it reshapes. */
function addUnlessReshaped(analysis: Analysis, value: number, stored: Set<number>): void {
  let current = value;
  for (;;) {
    const inner = reshapedBy(analysis, current);
    if (inner === undefined || stored.has(current)) break;
    current = inner;
  }
  stored.add(current);
}

/** A template reads through views; what they view is in memory. */
function addArithmeticBehind(analysis: Analysis, value: number, stored: Set<number>): void {
  const producer = analysis.producers.get(value);
  if (!producer || stored.has(value)) return;
  const lowering = analysis.lowerings[producer.node]!;
  if (lowering.kind === 'element' && lowering.cost === 0) {
    for (const input of inputsOf(analysis.graph.nodes[producer.node]!)) {
      addArithmeticBehind(analysis, input, stored);
    }
  } else {
    stored.add(value);
  }
}
