/**
 * Trades time for memory: activations that only gradients need are not kept through the forward pass but computed
 * again, segment by segment, right before the gradients of that segment. What is random repeats itself, because
 * its seed is an input. It works on any graph with gradients and knows no models.
 */
import type { Graph, GraphNode, GraphValue } from '../../graph/index.ts';
import { type Analysis, analyse, elementsOf } from '../analysis.ts';
import { type Placement, place } from '../placement.ts';
import { withoutDeadCode } from '../rewrite.ts';
import { type Activation, chooseCuts } from './segments.ts';

export interface Recomputation {
  readonly graph: Graph;
  /**
   * For each node: 0 in the forward pass and in the gradients of its last segment, then 1, 2, … for every further
   * segment that is computed again, with its gradients. Kernels are not joined across regions.
   */
  readonly regions: readonly number[];
}

const muchSmaller = 64;

/** Left as it is where there are no gradients or nothing is gained. `buffers`: how many a kernel can bind. */
export function withRecomputation(graph: Graph, buffers: number): Recomputation {
  const forward = lengthOfForward(graph);
  const analysis = analyse(graph);
  const placement = place(analysis, buffers);
  const rooted = graph.nodes.flatMap((_, position) =>
    position < forward && placement.rooted[position] ? [position] : [],
  );
  const activations = activationsOf(analysis, placement, rooted, forward);
  const cuts = chooseCuts(activations, rooted.length);
  if (cuts.length === 0) return { graph, regions: graph.nodes.map(() => 0) };
  const segmentOf = (time: number): number => cuts.filter((cut) => cut < time).length;
  const segments = new Map(rooted.map((position, time) => [position, segmentOf(time)]));
  const kept = new Set(
    activations
      .filter(
        ({ value, made, read }) =>
          segmentOf(made) < segmentOf(read) || isSmall(analysis, placement, rooted[made]!, value),
      )
      .map(({ value }) => value),
  );
  return new Writer(analysis, forward, segments, cuts.length, kept).write();
}

/** How many nodes come before the gradients. */
function lengthOfForward({ nodes, backward = 0 }: Graph): number {
  return nodes.findLastIndex(({ outputs }) => outputs.some((id) => id < backward)) + 1;
}

/** `rooted`: the nodes of the forward pass that are computed for their own sake. */
function activationsOf(
  analysis: Analysis,
  { leaves }: Placement,
  rooted: readonly number[],
  forward: number,
): Activation[] {
  const times = new Map(rooted.map((position, time) => [position, time]));
  const read = new Map<number, number>();
  const stashed = new Set<number>();
  for (const [position, own] of leaves) {
    for (const { value } of own) {
      if (position < forward) read.set(value, Math.max(read.get(value) ?? 0, times.get(position)!));
      else stashed.add(value);
    }
  }
  return rooted.flatMap((position, made) =>
    analysis.graph.nodes[position]!.outputs.map((value) => ({
      value,
      // Outputs are there in any case.
      bytes: analysis.kept.has(value) ? 0 : 4 * elementsOf(analysis, value),
      made,
      read: Math.max(made, read.get(value) ?? 0),
      stashed: stashed.has(value),
    })),
  );
}

/** Statistics of much larger values: cheap to keep, dear to compute. */
function isSmall(analysis: Analysis, { leaves }: Placement, node: number, value: number): boolean {
  const largest = Math.max(0, ...leaves.get(node)!.map((leaf) => elementsOf(analysis, leaf.value)));
  return elementsOf(analysis, value) * muchSmaller <= largest;
}

/** Writes the nodes in their new order. */
class Writer {
  private readonly graph: Graph;
  private readonly nodes: GraphNode[];
  private readonly regions: number[];
  private readonly values: GraphValue[];
  /** Values that are computed again, and what they are called then. */
  private readonly again = new Map<number, number>();
  private region = 0;
  /** The segment whose gradients are being computed. */
  private segment: number;

  constructor(
    private readonly analysis: Analysis,
    private readonly forward: number,
    /** Of rooted nodes of the forward pass. */
    private readonly segments: ReadonlyMap<number, number>,
    private readonly last: number,
    private readonly kept: ReadonlySet<number>,
  ) {
    this.graph = analysis.graph;
    this.nodes = this.graph.nodes.slice(0, forward);
    this.regions = this.nodes.map(() => 0);
    this.values = [...this.graph.values];
    this.segment = last;
  }

  write(): Recomputation {
    for (const node of this.graph.nodes.slice(this.forward)) this.push(node, this.inputsOf(node));
    const graph = { ...this.graph, nodes: this.nodes, values: this.values };
    const regionOf = new Map(this.nodes.map(({ outputs }, i) => [outputs[0]!, this.regions[i]!]));
    const lean = withoutDeadCode(graph);
    return { graph: lean, regions: lean.nodes.map(({ outputs }) => regionOf.get(outputs[0]!)!) };
  }

  private push(node: GraphNode, inputs: Readonly<Record<string, number>>): void {
    this.nodes.push({ ...node, inputs });
    this.regions.push(this.region);
  }

  private inputsOf(node: GraphNode): Record<string, number> {
    return Object.fromEntries(Object.entries(node.inputs).map(([name, id]) => [name, this.available(id)]));
  }

  /** The value itself where it is there still, else what takes its place. */
  private available(value: number): number {
    const known = this.again.get(value);
    if (known !== undefined) return known;
    const producer = this.analysis.producers.get(value);
    if (!producer || producer.node >= this.forward || this.stays(value, producer.node)) return value;
    const node = this.graph.nodes[producer.node]!;
    const inputs = this.inputsOf(node);
    const segment = this.segments.get(producer.node);
    if (segment !== undefined && segment < this.segment) {
      this.segment = segment;
      this.region++;
    }
    const outputs = node.outputs.map((output) => {
      const id = this.values.length;
      this.values.push({ ...this.graph.values[output]!, id });
      this.again.set(output, id);
      return id;
    });
    this.push({ ...node, outputs }, inputs);
    return this.again.get(value)!;
  }

  private stays(value: number, producer: number): boolean {
    const segment = this.segments.get(producer);
    // Expressions are in no memory: they are written again from what they are made of.
    if (segment === undefined) return false;
    return segment === this.last || this.kept.has(value) || this.analysis.kept.has(value);
  }
}
