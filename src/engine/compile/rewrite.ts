/**
 * Makes a graph plainer before it is planned: composite kernels become what they are made of, copies of a value
 * become the value, what is computed twice is computed once, and what nobody needs goes. Values keep their ids.
 */

import type { Graph, GraphAttribute, GraphDtype, GraphNode, GraphValue } from '../graph/index.ts';
import { sameShape } from './broadcast.ts';
import { keyOf } from './key.ts';

/** Inputs `0`, `1`, …: Σ x² over the elements of all of them. */
export const sumOfAllSquares = 'SumOfAllSquares';

export function rewriteGraph(graph: Graph): Graph {
  return withoutDeadCode(withJoinedSquares(withoutRepetition(withoutCopies(decomposed(graph)))));
}

/** Where composite kernels put what they are made of. */
class Parts {
  readonly nodes: GraphNode[] = [];
  readonly values: GraphValue[];

  constructor(graph: Graph) {
    this.values = [...graph.values];
  }

  /** Adds a node. `output`: the value that it makes, or the shape of a new one. */
  add(
    kernel: string,
    inputs: Readonly<Record<string, number>>,
    output: number | { readonly shape: readonly number[]; readonly dtype: GraphDtype },
    attrs: Readonly<Record<string, GraphAttribute>> = {},
  ): number {
    let id: number;
    if (typeof output === 'number') id = output;
    else {
      id = this.values.length;
      this.values.push({ id, ...output });
    }
    this.nodes.push({ kernel, attrs, inputs, outputs: [id] });
    return id;
  }
}

type Decompose = (node: GraphNode, parts: Parts) => void;

/** x − max(x) along the axis, and Σ exp of that. */
function shiftedRows(
  parts: Parts,
  input: number,
  axis: number,
): { below: number; sum: (x: number) => number } {
  const { shape, dtype } = parts.values[input]!;
  const along = axis < 0 ? axis + shape.length : axis;
  const row = { shape: shape.with(along, 1), dtype };
  const attrs = { axis: [along], keepDims: true };
  const highest = parts.add('Max', { x: input }, row, attrs);
  const below = parts.add('Sub', { a: input, b: highest }, { shape, dtype });
  return { below, sum: (x) => parts.add('Sum', { x }, row, attrs) };
}

/** Numbers that depend on the shape alone: what the shape is taken from need not be computed. */
function fill(node: GraphNode, parts: Parts, value: number): void {
  const { shape, dtype } = parts.values[node.outputs[0]!]!;
  parts.add('Fill', {}, node.outputs[0]!, { shape: [...shape], value, dtype });
}

const compositions: Readonly<Record<string, Decompose>> = {
  Softmax(node, parts) {
    const input = node.inputs.logits!;
    const { below, sum } = shiftedRows(parts, input, Number(node.attrs.dim ?? -1));
    const powers = parts.add('Exp', { x: below }, parts.values[input]!);
    parts.add('RealDiv', { a: powers, b: sum(powers) }, node.outputs[0]!);
  },
  LogSoftmax(node, parts) {
    const input = node.inputs.logits!;
    const { below, sum } = shiftedRows(parts, input, Number(node.attrs.axis ?? -1));
    const total = sum(parts.add('Exp', { x: below }, parts.values[input]!));
    const log = parts.add('Log', { x: total }, parts.values[total]!);
    parts.add('Sub', { a: below, b: log }, node.outputs[0]!);
  },
  SplitV(node, parts) {
    const { shape } = parts.values[node.inputs.x!]!;
    const axis = Number(node.attrs.axis ?? 0);
    const along = axis < 0 ? axis + shape.length : axis;
    let first = 0;
    for (const output of node.outputs) {
      const size = parts.values[output]!.shape;
      const begin = shape.map((_, i) => (i === along ? first : 0));
      parts.add('Slice', { x: node.inputs.x! }, output, { begin, size: [...size] });
      first += size[along]!;
    }
  },
  OnesLike: (node, parts) => fill(node, parts, 1),
  ZerosLike: (node, parts) => fill(node, parts, 0),
  Unpack(node, parts) {
    const { shape, dtype } = parts.values[node.inputs.value!]!;
    const axis = Number(node.attrs.axis ?? 0);
    const along = axis < 0 ? axis + shape.length : axis;
    node.outputs.forEach((output, first) => {
      const size = shape.with(along, 1);
      const begin = shape.map((_, i) => (i === along ? first : 0));
      const slice = parts.add('Slice', { x: node.inputs.value! }, { shape: size, dtype }, { begin, size });
      parts.add('Reshape', { x: slice }, output, { shape: [...parts.values[output]!.shape] });
    });
  },
};

function decomposed(graph: Graph): Graph {
  const parts = new Parts(graph);
  for (const node of graph.nodes) {
    const compose = compositions[node.kernel];
    if (compose) compose(node, parts);
    else parts.nodes.push(node);
  }
  return { ...graph, nodes: parts.nodes, values: parts.values };
}

/** Identity, and reshapes, casts, transpositions, sums and products that change nothing. */
function withoutCopies(graph: Graph): Graph {
  const same = new Map<number, number>();
  const to = (id: number): number => same.get(id) ?? id;
  const kept = keptValues(graph);
  const uniform = uniformConstants(graph);
  const isNumber = (id: number | undefined, number: number): boolean =>
    id !== undefined && uniform.get(id) === number;
  const copied = (node: GraphNode): number | undefined => {
    const output = graph.values[node.outputs[0]!]!;
    const like = (id: number | undefined): number | undefined => {
      const input = id === undefined ? undefined : graph.values[id];
      return input && input.dtype === output.dtype && sameShape(input.shape, output.shape) ? id : undefined;
    };
    const { a, b } = node.inputs;
    switch (node.kernel) {
      case 'Identity':
      case 'Cast':
      case 'Reshape':
        return like(node.inputs.x);
      case 'Transpose': {
        const perm = node.attrs.perm as readonly number[];
        return perm.every((from, axis) => from === axis) ? like(node.inputs.x) : undefined;
      }
      case 'Multiply':
        return isNumber(b, 1) ? like(a) : isNumber(a, 1) ? like(b) : undefined;
      case 'Add':
        return isNumber(b, 0) ? like(a) : isNumber(a, 0) ? like(b) : undefined;
      case 'Sub':
        return isNumber(b, 0) ? like(a) : undefined;
      case 'RealDiv':
        return isNumber(b, 1) ? like(a) : undefined;
      default:
        return undefined;
    }
  };
  const nodes = graph.nodes.flatMap((node) => {
    const mapped = { ...node, inputs: renamed(node.inputs, to) };
    const number = uniformResult(mapped, uniform);
    if (number !== undefined) {
      uniform.set(node.outputs[0]!, number);
      const { shape, dtype } = graph.values[node.outputs[0]!]!;
      return [{ ...node, kernel: 'Fill', inputs: {}, attrs: { shape: [...shape], value: number, dtype } }];
    }
    const source = node.outputs.length === 1 ? copied(mapped) : undefined;
    if (source === undefined || kept.has(node.outputs[0]!)) return [mapped];
    same.set(node.outputs[0]!, source);
    return [];
  });
  return { ...graph, nodes };
}

/** Float constants that are one number throughout. */
function uniformConstants(graph: Graph): Map<number, number> {
  const found = new Map<number, number>();
  for (const [id, data] of graph.constants) {
    const first = data[0];
    if (first === undefined || graph.values[id]!.dtype !== 'float32') continue;
    if (Array.prototype.every.call(data, (x) => x === first)) found.set(id, first);
  }
  return found;
}

/** The one number that a node gives because its inputs are one number each. */
function uniformResult(node: GraphNode, uniform: ReadonlyMap<number, number>): number | undefined {
  const number = (name: string): number | undefined => uniform.get(node.inputs[name]!);
  const [x, a, b] = [number('x'), number('a'), number('b')];
  switch (node.kernel) {
    case 'Fill':
      return node.attrs.dtype === 'float32' || node.attrs.dtype === undefined
        ? Number(node.attrs.value)
        : undefined;
    case 'Reshape':
    case 'Identity':
    case 'BroadcastTo':
    case 'Tile':
      return x;
    case 'Neg':
      return x === undefined ? undefined : -x;
    default:
  }
  if (a === undefined || b === undefined) return undefined;
  switch (node.kernel) {
    case 'Multiply':
      return Math.fround(a * b);
    case 'Add':
      return Math.fround(a + b);
    case 'Sub':
      return Math.fround(a - b);
    case 'RealDiv':
      return Math.fround(a / b);
    default:
      return undefined;
  }
}

/** The same kernel with the same attributes on the same values gives the same. */
function withoutRepetition(graph: Graph): Graph {
  const same = new Map<number, number>();
  const to = (id: number): number => same.get(id) ?? id;
  const kept = keptValues(graph);
  const constants = new Map<string, number>();
  for (const [id, data] of graph.constants) {
    if (data.length > 64) continue;
    const { shape, dtype } = graph.values[id]!;
    const key = `${dtype} ${shape} ${Array.from(data, (x) => (Object.is(x, -0) ? '-0' : x))}`;
    const known = constants.get(key);
    if (known === undefined) constants.set(key, id);
    else if (!kept.has(id)) same.set(id, known);
  }
  const seen = new Map<string, readonly number[]>();
  const nodes = graph.nodes.flatMap((node) => {
    const mapped = { ...node, inputs: renamed(node.inputs, to) };
    const key = keyOf([node.kernel, node.attrs, mapped.inputs]);
    const known = seen.get(key);
    if (!known || node.outputs.some((id) => kept.has(id))) {
      if (!known) seen.set(key, node.outputs);
      return [mapped];
    }
    node.outputs.forEach((id, i) => {
      same.set(id, known[i]!);
    });
    return [];
  });
  return { ...graph, nodes };
}

/** The sum of many sums of squares, as of all gradients, is one sum over many tensors. */
function withJoinedSquares(graph: Graph): Graph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  const nodes = graph.nodes.map((node) => {
    if (node.kernel !== 'Sum' || graph.values[node.outputs[0]!]!.shape.length > 0) return node;
    const pack = makers.get(node.inputs.x!);
    if (pack?.kernel !== 'Pack') return node;
    const squares = Object.entries(pack.inputs).map(([name, id]) => [name, makers.get(id)] as const);
    if (!squares.every(([, maker]) => maker?.kernel === 'OcelliSumOfSquares')) return node;
    const inputs = Object.fromEntries(squares.map(([name, maker]) => [name, maker!.inputs.x!]));
    return { ...node, kernel: sumOfAllSquares, attrs: {}, inputs };
  });
  return { ...graph, nodes };
}

export function withoutDeadCode(graph: Graph): Graph {
  const needed = keptValues(graph);
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((id) => needed.has(id))) return false;
    for (const id of Object.values(node.inputs)) needed.add(id);
    return true;
  });
  return { ...graph, nodes: nodes.reverse() };
}

const keptValues = (graph: Graph): Set<number> =>
  new Set([...Object.values(graph.outputs), ...Object.values(graph.updates)]);

const renamed = (
  inputs: Readonly<Record<string, number>>,
  to: (id: number) => number,
): Record<string, number> => Object.fromEntries(Object.entries(inputs).map(([name, id]) => [name, to(id)]));
