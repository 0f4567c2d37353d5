/** Between arrays with shapes, as tasks speak of them, and the flat arrays of a program's inputs and outputs. */
import type { Batch } from '../../data/index.ts';
import type { Graph, HostData } from '../../engine/index.ts';
import type { HostArrays, HostOutputs } from '../../tasks/index.ts';

/** What makes two batches need different programs. */
export function signatureOf(batch: Batch, targets: HostArrays | undefined): string {
  const shapes = Object.entries(targets ?? {}).map(([name, { shape }]) => `${name} ${shape.join('×')}`);
  return [batch.shape.join('×'), ...shapes].join(', ');
}

/** Targets under their input names. */
export function inputsOf(targets: HostArrays): HostData {
  return Object.fromEntries(Object.entries(targets).map(([name, { data }]) => [`target.${name}`, data]));
}

/** Outputs of a program with the shapes that its graph gives them. */
export function shapedOutputs(graph: Graph, outputs: HostData): HostOutputs {
  const shaped = Object.entries(outputs).map(([name, data]) => {
    const { shape } = graph.values[graph.outputs[name]!]!;
    return [name, { shape, data: data as Float32Array }] as const;
  });
  return Object.fromEntries(shaped);
}
