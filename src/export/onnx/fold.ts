/**
 * Everything that depends on parameters and fixed constants alone is computed now, by TensorFlow.js itself:
 * transposed weights, position tables, folded statistics. What is left of a model are the operations on its
 * input, and the values that they read.
 */
import { type GraphData, runNode, tf } from '../../engine/index.ts';
import { isFixed, type Program, type ProgramNode } from './program.ts';

/** A constant of the lowered model. */
export interface Constant {
  readonly data: GraphData;
  readonly shape: readonly number[];
  /** The parameter that it stems from, where it is a single one: names the initializer. */
  readonly origin?: string;
}

export interface Folded {
  /** Nodes that must run. */
  readonly nodes: readonly ProgramNode[];
  /** The constants that they and the outputs read, by value id. */
  readonly constants: ReadonlyMap<number, Constant>;
}

export async function foldConstants(
  program: Program,
  parameters: Readonly<Record<string, tf.Tensor>>,
): Promise<Folded> {
  const tensors = new Map<number, tf.Tensor>();
  const origins = new Map<number, ReadonlySet<string>>();
  const owned: tf.Tensor[] = [];
  const own = (tensor: tf.Tensor): tf.Tensor => {
    owned.push(tensor);
    return tensor;
  };
  const fixedShape = (id: number): boolean => program.values[id]!.dims.every(isFixed);
  const shapeOf = (id: number): number[] => program.values[id]!.dims.map((dimension) => dimension[0]!);
  try {
    for (const [name, id] of Object.entries(program.parameters)) {
      const tensor = parameters[name];
      if (!tensor) throw new Error(`the graph reads the parameter ${name}, which was not given`);
      tensors.set(id, tensor);
      origins.set(id, new Set([name]));
    }
    for (const [id, contents] of program.constants) {
      if (!fixedShape(id) || !contents.every((data) => sameData(data, contents[0]!))) continue;
      tensors.set(id, own(tf.tensor(contents[0]!, shapeOf(id), program.values[id]!.dtype)));
      origins.set(id, new Set());
    }
    const nodes: ProgramNode[] = [];
    for (const node of program.nodes) {
      const inputs = Object.values(node.inputs);
      const foldable =
        inputs.every((id) => tensors.has(id)) &&
        node.outputs.every(fixedShape) &&
        node.attrs.every((attrs) => JSON.stringify(attrs) === JSON.stringify(node.attrs[0]));
      if (!foldable) {
        nodes.push(node);
        continue;
      }
      const results = runNode({ ...node, attrs: node.attrs[0]! }, (id) => tensors.get(id)!);
      const origin = new Set(inputs.flatMap((id) => [...origins.get(id)!]));
      for (const [i, id] of node.outputs.entries()) {
        tensors.set(id, own(results[i]!));
        origins.set(id, origin);
      }
    }
    const read = new Set([
      ...nodes.flatMap((node) => Object.values(node.inputs)),
      ...Object.values(program.outputs),
    ]);
    const constants = new Map<number, Constant>();
    for (const [id, tensor] of tensors) {
      if (!read.has(id)) continue;
      const [name, ...more] = origins.get(id)!;
      const data = (await tensor.data()) as GraphData;
      constants.set(id, {
        data,
        shape: tensor.shape,
        ...(name !== undefined && more.length === 0 ? { origin: name } : {}),
      });
    }
    return { nodes, constants };
  } finally {
    for (const tensor of owned) tensor.dispose();
  }
}

function sameData(a: GraphData, b: GraphData): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
