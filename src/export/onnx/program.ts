/**
 * Several recordings of one function, laid over each other: what differs between them is what varies with the
 * size of the input (batch, height, width), everything else is fixed. A number that varies is kept as its
 * observations, one per recording (`Varying`), and the lowering finds out how to compute it at run time.
 *
 * This works only if all recordings have the same structure; a function that branches on sizes must be
 * recorded at sizes that take the same branch.
 */
import { RunError } from '../../core/index.ts';
import type { Graph, GraphAttribute, GraphData, GraphDtype } from '../../engine/index.ts';

/** A number in each recording. */
export type Varying = readonly number[];

export const isFixed = (varying: Varying): boolean => varying.every((value) => value === varying[0]);
export const sameVarying = (a: Varying, b: Varying): boolean => a.every((value, i) => value === b[i]);

export interface ProgramValue {
  readonly id: number;
  readonly dtype: GraphDtype;
  readonly rank: number;
  /** One number per recording for each axis. */
  readonly dims: readonly Varying[];
}

export interface ProgramNode {
  readonly kernel: string;
  /** The attributes in each recording. */
  readonly attrs: readonly Readonly<Record<string, GraphAttribute>>[];
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: readonly number[];
}

export interface Program {
  readonly recordings: number;
  readonly nodes: readonly ProgramNode[];
  readonly values: readonly ProgramValue[];
  readonly inputs: Readonly<Record<string, number>>;
  readonly parameters: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
  /** The contents in each recording. */
  readonly constants: ReadonlyMap<number, readonly GraphData[]>;
}

export function overlay(graphs: readonly Graph[]): Program {
  const [first, ...others] = graphs;
  if (!first) throw new Error('nothing was recorded');
  for (const other of others) checkSameStructure(first, other);
  return {
    recordings: graphs.length,
    nodes: first.nodes.map((node, i) => ({
      kernel: node.kernel,
      inputs: node.inputs,
      outputs: node.outputs,
      attrs: graphs.map((graph) => graph.nodes[i]!.attrs),
    })),
    values: first.values.map(({ id, dtype, shape }) => ({
      id,
      dtype,
      rank: shape.length,
      dims: shape.map((_, axis) => graphs.map((graph) => graph.values[id]!.shape[axis]!)),
    })),
    inputs: first.inputs,
    parameters: first.parameters,
    outputs: first.outputs,
    constants: new Map(
      [...first.constants.keys()].map((id) => [id, graphs.map((g) => g.constants.get(id)!)]),
    ),
  };
}

function checkSameStructure(a: Graph, b: Graph): void {
  const sameRecord = (x: object, y: object): boolean => JSON.stringify(x) === JSON.stringify(y);
  const nodes = Math.max(a.nodes.length, b.nodes.length);
  for (let i = 0; i < nodes; i++) {
    const x = a.nodes[i];
    const y = b.nodes[i];
    if (x && y && x.kernel === y.kernel && sameRecord(x.inputs, y.inputs)) continue;
    throw differs(
      `node ${i} is ${x?.kernel ?? 'missing'} at one size and ${y?.kernel ?? 'missing'} at another`,
    );
  }
  const sameLeaves =
    sameRecord(a.inputs, b.inputs) &&
    sameRecord(a.parameters, b.parameters) &&
    sameRecord(a.outputs, b.outputs) &&
    sameRecord([...a.constants.keys()], [...b.constants.keys()]);
  if (!sameLeaves) throw differs('inputs, parameters or constants are others at another size');
  const rank = a.values.find((value, id) => b.values[id]?.shape.length !== value.shape.length);
  if (rank) throw differs(`value ${rank.id} has another rank at another size`);
}

function differs(what: string): RunError {
  return new RunError({
    code: 'graph_differs',
    expected: 'a forward pass of the same structure at every input size',
    received: what,
    fix: 'export with a fixed input size, or make the model compute the same operations at all sizes',
  });
}
