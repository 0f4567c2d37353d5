/**
 * How elements of a value that is read lie to the elements of what reads it. Kernels that share a walk over
 * their elements can hand values to each other only where that is simple: the same element, or one that is
 * spread over a row or a column.
 */
import type { Analysis } from './analysis.ts';
import { sizeOf } from './position.ts';

/**
 * `same`: equal offsets. `row`: spread along trailing axes (offset divided by a number); `column`: spread along
 * leading axes (rest of that division). `other`: anything else.
 */
export type Relation = 'same' | 'row' | 'column' | 'scalar' | 'other';

/** Between an output of shape `out` and an input of shape `shape` that is broadcast to it. */
export function broadcastRelation(out: readonly number[], shape: readonly number[]): Relation {
  if (sizeOf(shape) === sizeOf(out)) return 'same';
  if (sizeOf(shape) === 1) return 'scalar';
  const missing = out.length - shape.length;
  const spread = out.flatMap((dimension, axis) =>
    dimension === 1 ? [] : [axis < missing || shape[axis - missing] === 1],
  );
  const first = spread.indexOf(true);
  const last = spread.lastIndexOf(true);
  if (spread.slice(first, last + 1).includes(false)) return 'other';
  if (first === 0) return 'column';
  return last === spread.length - 1 ? 'row' : 'other';
}

/** First `outer`, then `inner` from there. */
export function compose(outer: Relation, inner: Relation): Relation {
  if (outer === 'same') return inner;
  if (inner === 'same') return outer;
  if (inner === 'scalar') return 'scalar';
  return outer === inner && outer !== 'other' ? outer : 'other';
}

export interface Leaf {
  readonly value: number;
  readonly relation: Relation;
}

/** Where the expression of a node ends: values that `isLeaf`, with every way in which they are reached. */
export function leavesOf(
  analysis: Analysis,
  node: number,
  isLeaf: (value: number) => boolean,
): readonly Leaf[] {
  const { graph, lowerings, producers } = analysis;
  const found = new Map<string, Leaf>();
  const seen = new Set<string>();
  const visitInputs = (position: number, relation: Relation): void => {
    const lowering = lowerings[position]!;
    const { inputs, outputs } = graph.nodes[position]!;
    const out = graph.values[outputs[0]!]!.shape;
    for (const value of Object.values(inputs)) {
      visit(value, compose(relation, relationOfInput(lowering, out, graph.values[value]!.shape)));
    }
  };
  const visit = (value: number, relation: Relation): void => {
    const key = `${value} ${relation}`;
    if (seen.has(key) || analysis.literals.has(value)) return;
    seen.add(key);
    const producer = producers.get(value);
    if (isLeaf(value) || !producer) found.set(key, { value, relation });
    else visitInputs(producer.node, relation);
  };
  visitInputs(node, 'same');
  return [...found.values()];
}

function relationOfInput(
  lowering: Analysis['lowerings'][number],
  out: readonly number[],
  shape: readonly number[],
): Relation {
  // A reduction is followed from its own domain, the shape of its input.
  if (lowering.kind === 'reduce') return 'same';
  if (lowering.kind !== 'element' || !lowering.access) return 'other';
  return lowering.access === 'order' ? 'same' : broadcastRelation(out, shape);
}
