/**
 * The tracer: runs a function once through TensorFlow.js and writes down every kernel that it starts.
 *
 * `Engine.runKernel` is wrapped while recording. Only outermost calls become nodes, so an operation made with
 * `defineOp` is one node whatever it is composed of (unless the caller asks to look inside). A tensor is
 * recognised by its `dataId`, not by its id: reshapes, casts without a change of bits, and the clones kept for
 * a gradient share the data under new tensor ids. Where such an alias turns up that no kernel announced, the
 * reshape or cast is written into the graph.
 *
 * Tensors that the function makes from host arrays become constants of the graph: what changes from call to
 * call must therefore be an input.
 */
import * as tf from '../tf.ts';
import type { Graph, GraphAttribute, GraphData, GraphDtype, GraphNode, GraphValue } from './types.ts';

export interface RecordOptions {
  /** Names for variables; the others keep TensorFlow.js' name. */
  readonly parameters?: Iterable<readonly [name: string, variable: tf.Tensor]>;
  /** Kernels to look into: recorded as what they are composed of, where the backend composes them. */
  readonly expand?: (kernel: string) => boolean;
  /** Numbers of a tensor that existed before, is no variable and is used: left out, read from a clone of it. */
  readonly readConstant?: (tensor: tf.Tensor) => Promise<ArrayLike<number>>;
}

type NamedTensors = Readonly<Record<string, tf.Tensor>>;
type RunKernel = (
  name: string,
  inputs: tf.NamedTensorMap,
  attrs?: tf.NamedAttrMap,
) => tf.Tensor | tf.Tensor[];
type MakeTensor = (values: unknown, shape: number[], dtype?: tf.DataType, backend?: unknown) => tf.Tensor;

/** The members of TensorFlow.js' engine that a recording replaces for its duration. */
interface EngineHooks {
  runKernel: RunKernel;
  makeTensor: MakeTensor;
  readonly state: { readonly registeredVariables: Readonly<Record<string, tf.Variable>> };
}

const hooks = (): EngineHooks => tf.engine() as unknown as EngineHooks;
let active: Recorder | undefined;

/** Tells the open recording, if there is one, that gradients follow. */
export function noteBackward(): void {
  active?.noteBackward();
}

/**
 * Records a function of named tensors. The tensors that it returns are the graph's outputs; they and all
 * others that it made are freed.
 */
export async function recordGraph(
  fn: (inputs: NamedTensors) => NamedTensors,
  inputs: NamedTensors,
  options: RecordOptions = {},
): Promise<Graph> {
  const recorder = new Recorder(inputs, options);
  let finished: Promise<Graph> | undefined;
  try {
    tf.tidy(() => {
      finished = recorder.finish(fn(inputs));
    });
  } finally {
    recorder.dispose();
  }
  return finished!;
}

/** An open recording, for what is not one synchronous function; see `recordGraph`. */
export class Recorder {
  private readonly nodes: GraphNode[] = [];
  private readonly values: GraphValue[] = [];
  private readonly byData = new Map<object, number[]>();
  private readonly inputs: Record<string, number> = {};
  private readonly parameters: Record<string, number> = {};
  private readonly constants = new Map<number, GraphData>();
  private readonly pending: { id: number; values: Promise<unknown> }[] = [];
  /** Host arrays behind the tensors that were made while recording. */
  private readonly hostArrays = new WeakMap<object, unknown>();
  /** Variables as they were at the start: an assignment gives a variable other data. */
  private readonly variables = new Map<object, string>();
  private readonly tracked: { name: string; variable: tf.Tensor; dataId: object }[] = [];
  private readonly original: Pick<EngineHooks, 'runKernel' | 'makeTensor'>;
  private depth = 0;
  private open = true;
  private backward: number | undefined;

  constructor(
    inputs: NamedTensors,
    private readonly options: RecordOptions = {},
  ) {
    if (active) throw new Error('a recording is open already');
    for (const [name, tensor] of Object.entries(inputs)) this.inputs[name] = this.register(tensor);
    const named = new Map([...(options.parameters ?? [])].map(([name, variable]) => [variable.id, name]));
    const registered = Object.values(hooks().state.registeredVariables);
    for (const variable of [...[...(options.parameters ?? [])].map(([, tensor]) => tensor), ...registered]) {
      if (this.variables.has(variable.dataId)) continue;
      const name = named.get(variable.id) ?? (variable as tf.Variable).name;
      this.variables.set(variable.dataId, name);
      this.tracked.push({ name, variable, dataId: variable.dataId });
    }
    const engine = hooks();
    this.original = { runKernel: engine.runKernel, makeTensor: engine.makeTensor };
    engine.runKernel = (name, kernelInputs, attrs) => this.run(name, kernelInputs, attrs);
    engine.makeTensor = (values, shape, dtype, backend) => {
      const tensor = this.original.makeTensor.call(engine, values, shape, dtype, backend);
      if (this.depth === 0) this.hostArrays.set(tensor.dataId, copyOf(values));
      return tensor;
    };
    active = this;
  }

  /** A tensor that is fed from here on. */
  addInput(name: string, tensor: tf.Tensor): void {
    if (this.inputs[name] !== undefined) throw new Error(`the recording has an input ${name} already`);
    this.inputs[name] = this.register(tensor);
  }

  /** What is recorded from here on are gradients, and what follows them. */
  noteBackward(): void {
    this.backward ??= this.values.length;
  }

  /** Ends the recording. Constants that only the device knows are read back, hence the promise. */
  finish(outputs: NamedTensors): Promise<Graph> {
    if (!this.open) throw new Error('a recording ends once');
    const outputIds = Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, this.lookup(tensor)]),
    );
    const updates: Record<string, number> = {};
    for (const { name, variable, dataId } of this.tracked) {
      if (variable.dataId !== dataId && this.byData.has(variable.dataId))
        updates[name] = this.lookup(variable);
    }
    this.dispose();
    const reads = this.pending.map(async ({ id, values }) => {
      this.constants.set(id, toGraphData(await values, this.values[id]!.dtype));
    });
    return Promise.all(reads).then(() => this.compact(outputIds, updates));
  }

  /** Takes the hooks out again; called by `finish`, and by the caller when the function threw. */
  dispose(): void {
    if (!this.open) return;
    this.open = false;
    active = undefined;
    const engine = hooks();
    engine.runKernel = this.original.runKernel;
    engine.makeTensor = this.original.makeTensor;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private run(name: string, inputs: tf.NamedTensorMap, attrs?: tf.NamedAttrMap): tf.Tensor | tf.Tensor[] {
    const call = (): tf.Tensor | tf.Tensor[] =>
      this.original.runKernel.call(tf.engine(), name, inputs, attrs);
    if (this.depth > 0) return call();
    const inputIds = (): Record<string, number> => {
      const given = Object.entries(inputs).filter(([, tensor]) => tensor);
      return Object.fromEntries(given.map(([key, tensor]) => [key, this.lookup(tensor)]));
    };
    const note = (from: Record<string, number>, result: tf.Tensor | tf.Tensor[]): typeof result => {
      const outputs = [result].flat().map((tensor) => this.register(tensor));
      this.nodes.push({ kernel: name, attrs: plainAttributes(attrs), inputs: from, outputs });
      return result;
    };
    if (this.options.expand?.(name)) {
      const result = call();
      // What no recorded kernel made can't be looked into: then it is one node after all.
      return [result].flat().every(({ dataId }) => this.byData.has(dataId) || this.hostArrays.has(dataId))
        ? result
        : note(inputIds(), result);
    }
    const from = inputIds();
    this.depth++;
    try {
      return note(from, call());
    } finally {
      this.depth--;
    }
  }

  /** A new value for a tensor. The first value of the same data, shape and type stays the one that is found. */
  private register(tensor: tf.Tensor): number {
    const id = this.values.length;
    this.values.push({ id, shape: [...tensor.shape], dtype: tensor.dtype as GraphDtype });
    const aliases = this.byData.get(tensor.dataId);
    if (aliases) aliases.push(id);
    else this.byData.set(tensor.dataId, [id]);
    return id;
  }

  private lookup(tensor: tf.Tensor): number {
    const aliases = this.byData.get(tensor.dataId);
    if (!aliases) return this.leaf(tensor);
    const sameType = aliases.filter((id) => this.values[id]!.dtype === tensor.dtype);
    const exact = sameType.find((id) => sameShape(this.values[id]!.shape, tensor.shape));
    if (exact !== undefined) return exact;
    const source = sameType[0] ?? aliases[0]!;
    let current = source;
    if (this.values[source]!.dtype !== tensor.dtype) {
      const cast = this.values.length;
      this.values.push({
        id: cast,
        shape: this.values[source]!.shape,
        dtype: tensor.dtype as GraphDtype,
      });
      this.nodes.push({
        kernel: tf.Cast,
        attrs: { dtype: tensor.dtype },
        inputs: { x: source },
        outputs: [cast],
      });
      aliases.push(cast);
      current = cast;
    }
    if (sameShape(this.values[current]!.shape, tensor.shape)) return current;
    const reshaped = this.register(tensor);
    this.nodes.push({
      kernel: tf.Reshape,
      attrs: { shape: [...tensor.shape] },
      inputs: { x: current },
      outputs: [reshaped],
    });
    return reshaped;
  }

  /** A tensor that no recorded kernel made: a variable, or a constant. */
  private leaf(tensor: tf.Tensor): number {
    const id = this.register(tensor);
    const variable = this.variables.get(tensor.dataId);
    if (variable !== undefined) {
      this.parameters[variable] = id;
      return id;
    }
    const host = this.hostArrays.get(tensor.dataId);
    if (host !== undefined) {
      this.constants.set(id, toGraphData(host, tensor.dtype as GraphDtype));
      return id;
    }
    const values = this.options.readConstant?.(tensor) ?? this.readClone(tensor);
    // A failure is met in `finish`.
    values.catch(() => undefined);
    this.pending.push({ id, values });
    return id;
  }

  /** The tensor may be freed before it is read: its data is held. The clone is no part of the graph. */
  private async readClone(tensor: tf.Tensor): Promise<ArrayLike<number>> {
    this.depth++;
    let clone: tf.Tensor;
    try {
      clone = tf.keep(tf.clone(tensor));
    } finally {
      this.depth--;
    }
    const values = (await clone.data()) as ArrayLike<number>;
    clone.dispose();
    return values;
  }

  /** Drops what no output needs and numbers the values anew. */
  private compact(outputs: Record<string, number>, updates: Record<string, number>): Graph {
    const needed = new Set([...Object.values(outputs), ...Object.values(updates)]);
    const kept: GraphNode[] = [];
    for (const node of this.nodes.toReversed()) {
      if (!node.outputs.some((id) => needed.has(id))) continue;
      kept.push(node);
      for (const id of Object.values(node.inputs)) needed.add(id);
    }
    kept.reverse();
    for (const id of Object.values(this.inputs)) needed.add(id);
    for (const node of kept) for (const id of node.outputs) needed.add(id);
    const renumbered = new Map<number, number>();
    const values: GraphValue[] = [];
    for (const value of this.values) {
      if (!needed.has(value.id)) continue;
      renumbered.set(value.id, values.length);
      values.push({ ...value, id: values.length });
    }
    const to = (id: number): number => renumbered.get(id)!;
    const mapped = (record: Readonly<Record<string, number>>): Record<string, number> =>
      Object.fromEntries(
        Object.entries(record)
          .filter(([, id]) => renumbered.has(id))
          .map(([name, id]) => [name, to(id)]),
      );
    return {
      nodes: kept.map((node) => ({ ...node, inputs: mapped(node.inputs), outputs: node.outputs.map(to) })),
      values,
      inputs: mapped(this.inputs),
      parameters: mapped(this.parameters),
      constants: new Map(
        [...this.constants].filter(([id]) => renumbered.has(id)).map(([id, data]) => [to(id), data]),
      ),
      outputs: mapped(outputs),
      updates: mapped(updates),
      ...(this.backward === undefined
        ? {}
        : { backward: [...renumbered.keys()].filter((id) => id < this.backward!).length }),
    };
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

function copyOf(values: unknown): unknown {
  if (ArrayBuffer.isView(values)) return (values as Float32Array).slice();
  return Array.isArray(values) ? [...values] : undefined;
}

function toGraphData(values: unknown, dtype: GraphDtype): GraphData {
  const numbers = values as ArrayLike<number>;
  if (dtype === 'float32') return Float32Array.from(numbers);
  if (dtype === 'int32') return Int32Array.from(numbers);
  if (dtype === 'bool') return Uint8Array.from(numbers, Number);
  throw new Error(`a graph holds float32, int32 and bool; received ${String(dtype)}`);
}

function plainAttributes(attrs: tf.NamedAttrMap | undefined): Record<string, GraphAttribute> {
  const plain: Record<string, GraphAttribute> = {};
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value !== undefined) plain[name] = plainAttribute(value);
  }
  return plain;
}

function plainAttribute(value: unknown): GraphAttribute {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  if (Array.isArray(value)) return value.map(plainAttribute);
  if (value !== null && typeof value === 'object') return plainAttributes(value as tf.NamedAttrMap);
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  return null;
}
