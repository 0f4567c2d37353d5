/**
 * Runs a recorded graph again, kernel by kernel. It is the slow, obvious reader of a graph: the reference that a
 * compiled plan is held against, and the evaluator that folds constant parts before an export.
 */
import * as tf from '../tf.ts';
import type { Graph, GraphNode } from './types.ts';

/** Runs one node; `tensorOf` gives the tensors of its inputs. */
export function runNode(node: GraphNode, tensorOf: (id: number) => tf.Tensor): tf.Tensor[] {
  const names = Object.keys(node.inputs);
  const isList = names.length > 0 && names.every((name, i) => name === String(i));
  const tensors = names.map((name) => tensorOf(node.inputs[name]!));
  const inputs = isList ? tensors : Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
  const result = tf
    .engine()
    .runKernel(
      node.kernel,
      inputs as unknown as tf.NamedTensorMap,
      node.attrs as unknown as tf.NamedAttrMap,
    ) as tf.Tensor | tf.Tensor[];
  return Array.isArray(result) ? result : [result];
}

/** The outputs of a graph for these inputs and parameters. The caller owns them. */
export function replayGraph(
  graph: Graph,
  inputs: Readonly<Record<string, tf.Tensor>>,
  parameters: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  return tf.tidy(() => {
    const tensors = new Map<number, tf.Tensor>();
    for (const [name, id] of Object.entries(graph.inputs)) tensors.set(id, given(inputs, name, 'input'));
    for (const [name, id] of Object.entries(graph.parameters)) {
      tensors.set(id, given(parameters, name, 'parameter'));
    }
    for (const [id, data] of graph.constants) {
      const { shape, dtype } = graph.values[id]!;
      tensors.set(id, tf.tensor(data, [...shape], dtype));
    }
    for (const node of graph.nodes) {
      const results = runNode(node, (id) => tensors.get(id)!);
      for (const [i, id] of node.outputs.entries()) tensors.set(id, results[i]!);
    }
    return Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, tensors.get(id)!]));
  });
}

function given(tensors: Readonly<Record<string, tf.Tensor>>, name: string, what: string): tf.Tensor {
  const tensor = tensors[name];
  if (!tensor) throw new Error(`the graph needs the ${what} ${name}`);
  return tensor;
}
