/**
 * Runs a traced step kernel by kernel on the open TensorFlow.js backend: slow and obvious, the reference that
 * compiled programs are held against. It works on every backend.
 */
import { type Graph, type GraphData, runNode } from '../graph/index.ts';
import type { Trace } from '../meta/index.ts';
import * as tf from '../tf.ts';
import type { AtHalt, HostData, Program } from './types.ts';

export async function replayProgram(
  { graph, halts }: Trace,
  variables: ReadonlyMap<string, tf.Variable>,
): Promise<Program> {
  let outputs = new Map<string, Promise<GraphData>>();
  return {
    async run(inputs, atHalt) {
      const run = new Replay(graph, variables);
      try {
        run.feed(inputs);
        for (const [i, { reads, writes }] of halts.entries()) {
          run.advance();
          const found = await readAll(run, reads);
          run.feed(decisions(atHalt, found, i, writes));
        }
        run.advance();
        outputs = new Map(Object.keys(graph.outputs).map((name) => [name, run.read(name)]));
        await Promise.all(outputs.values());
        run.update();
      } finally {
        run.dispose();
      }
    },
    async read(names) {
      const entries = names.map(async (name) => {
        const values = outputs.get(name);
        if (!values) throw new Error(`the program has no output ${name}, or did not run yet`);
        return [name, await values] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    },
    dispose() {
      outputs.clear();
    },
  };
}

async function readAll(run: Replay, names: readonly string[]): Promise<HostData> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await run.read(name)] as const)),
  );
}

function decisions(
  atHalt: AtHalt | undefined,
  found: HostData,
  halt: number,
  names: readonly string[],
): HostData {
  if (!atHalt) throw new Error('the step halts: run() needs to be told what to do there');
  const given = atHalt(found, halt);
  const missing = names.find((name) => given[name] === undefined);
  if (missing !== undefined) throw new Error(`at halt ${halt} the input ${missing} was not given`);
  return given;
}

/** One run: the tensors so far. */
class Replay {
  private readonly tensors = new Map<number, tf.Tensor>();
  private readonly owned = new Set<tf.Tensor>();
  private readonly done = new Set<number>();

  constructor(
    private readonly graph: Graph,
    private readonly variables: ReadonlyMap<string, tf.Variable>,
  ) {
    for (const [name, id] of Object.entries(graph.parameters)) this.tensors.set(id, this.variable(name));
    for (const [id, data] of graph.constants) this.put(id, data);
  }

  feed(inputs: HostData): void {
    for (const [name, data] of Object.entries(inputs)) {
      const id = this.graph.inputs[name];
      if (id !== undefined) this.put(id, data);
    }
  }

  /** Runs every kernel whose inputs are there. */
  advance(): void {
    for (const [position, node] of this.graph.nodes.entries()) {
      if (this.done.has(position)) continue;
      if (!Object.values(node.inputs).every((id) => this.tensors.has(id))) continue;
      const results = tf.tidy(() => runNode(node, (id) => this.tensors.get(id)!));
      node.outputs.forEach((id, i) => void this.tensors.set(id, results[i]!));
      for (const result of results) this.owned.add(tf.keep(result));
      this.done.add(position);
    }
  }

  async read(name: string): Promise<GraphData> {
    const tensor = this.tensors.get(this.graph.outputs[name]!);
    if (!tensor) throw new Error(`${name} needs an input that was not fed`);
    return ((await tensor.data()) as GraphData).slice();
  }

  /** All at once: an update may be the old value of another variable. */
  update(): void {
    tf.tidy(() => {
      // Memory of its own: two variables may get the same value.
      const values = Object.entries(this.graph.updates).map(([name, id]) => {
        return [this.variable(name), tf.add(this.tensors.get(id)!, 0)] as const;
      });
      for (const [variable, value] of values) variable.assign(value);
    });
  }

  dispose(): void {
    tf.dispose([...this.owned]);
    this.owned.clear();
  }

  private put(id: number, data: GraphData): void {
    const { shape, dtype } = this.graph.values[id]!;
    const tensor = tf.keep(tf.tensor(data, [...shape], dtype));
    this.owned.add(tensor);
    this.tensors.set(id, tensor);
  }

  private variable(name: string): tf.Variable {
    const variable = this.variables.get(name);
    if (!variable) throw new Error(`the step needs the variable ${name}`);
    return variable;
  }
}
