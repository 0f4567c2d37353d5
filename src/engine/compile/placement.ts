/**
 * Decides which values lie in memory. All others are expressions, computed wherever a kernel needs them: views
 * always, arithmetic when it has one reader. An expression may not read more buffers than a kernel can bind.
 */
import { type Analysis, inputsOf, reshapedBy } from './analysis.ts';

export interface Placement {
  readonly inMemory: ReadonlySet<number>;
  /** Values in memory that computing `value` in place reads. */
  leavesOf(value: number): ReadonlySet<number>;
}

/** `buffers`: how many a kernel may read. */
export function place(analysis: Analysis, buffers: number): Placement {
  const { graph, lowerings, readers, kept } = analysis;
  const inMemory = new Set<number>([
    ...Object.values(graph.inputs),
    ...Object.values(graph.parameters),
    ...graph.constants.keys(),
    ...kept,
  ]);
  graph.nodes.forEach((node, position) => {
    const lowering = lowerings[position]!;
    if (lowering.kind !== 'element') {
      for (const output of node.outputs) inMemory.add(output);
      if (lowering.kind === 'template') {
        for (const value of lowering.inMemory ?? []) addUnlessReshaped(analysis, value, inMemory);
        for (const value of inputsOf(node)) addArithmeticBehind(analysis, value, inMemory);
      }
      return;
    }
    if (lowering.cost === 0) return;
    for (const output of node.outputs) {
      if ((readers.get(output)?.length ?? 0) > 1) inMemory.add(output);
    }
  });
  const leaves = new Map<number, ReadonlySet<number>>();
  const leavesOf = (value: number): ReadonlySet<number> =>
    inMemory.has(value) ? new Set([value]) : (leaves.get(value) ?? new Set());
  const union = (values: readonly number[]): Set<number> =>
    new Set(values.flatMap((value) => [...leavesOf(value)]));
  graph.nodes.forEach((node) => {
    const inputs = inputsOf(node);
    let found = union(inputs);
    while (found.size > buffers) {
      const largest = inputs
        .filter((value) => !inMemory.has(value))
        .sort((a, b) => leavesOf(b).size - leavesOf(a).size)[0];
      if (largest === undefined) break;
      inMemory.add(largest);
      found = union(inputs);
    }
    for (const output of node.outputs) leaves.set(output, found);
  });
  return { inMemory, leavesOf };
}

/** What is no more than a reshape is read as what it reshapes. */
function addUnlessReshaped(analysis: Analysis, value: number, inMemory: Set<number>): void {
  let current = value;
  for (;;) {
    const inner = reshapedBy(analysis, current);
    if (inner === undefined || inMemory.has(current)) break;
    current = inner;
  }
  inMemory.add(current);
}

/** A template reads through views; what they view is in memory. */
function addArithmeticBehind(analysis: Analysis, value: number, inMemory: Set<number>): void {
  const producer = analysis.producers.get(value);
  if (!producer || inMemory.has(value)) return;
  const lowering = analysis.lowerings[producer.node]!;
  if (lowering.kind === 'element' && lowering.cost === 0) {
    for (const input of inputsOf(analysis.graph.nodes[producer.node]!)) {
      addArithmeticBehind(analysis, input, inMemory);
    }
  } else {
    inMemory.add(value);
  }
}
