/**
 * A recorded graph as text: what is fed, its nodes in order with what each reads and makes, what is kept. It is what
 * the planner and the ONNX exporter start from.
 */
import type { Graph, GraphNode } from '../graph/index.ts';

export function explainGraph(graph: Graph): string[] {
  const { nodes, values, constants, backward } = graph;
  const named = (role: string, record: Readonly<Record<string, number>>): string[] =>
    Object.entries(record).map(([name, id]) => `  ${role} ${name} = ${shaped(graph, id)}`);
  const forward = nodes.filter(({ outputs }) => backward === undefined || outputs[0]! < backward).length;
  return [
    `${nodes.length} nodes, ${forward} of them before the gradients; ${values.length} values`,
    ...named('input', graph.inputs),
    ...named('parameter', graph.parameters),
    ...[...constants.keys()].map((id) => `  constant ${shaped(graph, id)}`),
    ...nodes.map((node, i) => nodeLine(graph, node, i)),
    ...named('output', graph.outputs),
    ...named('update', graph.updates),
  ];
}

function nodeLine(graph: Graph, { kernel, attrs, inputs, outputs }: GraphNode, index: number): string {
  const given = Object.entries(inputs).map(([name, id]) => `${name}=${shaped(graph, id)}`);
  const made = outputs.map((id) => shaped(graph, id));
  const rest = Object.keys(attrs).length > 0 ? `  ${JSON.stringify(attrs)}` : '';
  return `${String(index).padStart(4)} ${kernel}  ${[...given, '→', ...made].join(' ')}${rest}`;
}

/** `7[8×64]`, with its type where that is not float32. */
function shaped({ values }: Graph, id: number): string {
  const { shape, dtype } = values[id]!;
  return `${id}[${shape.join('×')}]${dtype === 'float32' ? '' : ` ${dtype}`}`;
}
