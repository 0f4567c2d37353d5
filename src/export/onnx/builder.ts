/**
 * Puts an ONNX graph together: nodes with unique value names, initializers that are shared when equal, and the
 * element type of every value, which a later conversion to half precision needs.
 */
import {
  AttributeType,
  DataType,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '../../formats/onnx/index.ts';

export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

export type OnnxData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Element type by value name. */
  readonly types = new Map<string, number>();
  private readonly counts = new Map<string, number>();
  private readonly shared = new Map<string, string>();

  /** Adds a node and returns the names of its outputs. `type` is the element type of the outputs. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    type: number = this.typeOf(inputs[0]!),
    outputs = 1,
  ): string[] {
    const name = this.unique(opType);
    const output = Array.from({ length: outputs }, (_, i) => (i === 0 ? `${name}_out` : `${name}_out${i}`));
    for (const value of output) this.types.set(value, type);
    const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
    this.nodes.push({ name, opType, input: [...inputs], output, attribute });
    return output;
  }

  /** A node with one output. */
  one(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    type?: number,
  ): string {
    return this.add(opType, inputs, attributes, type ?? this.typeOf(inputs[0]!))[0]!;
  }

  /** An initializer; small equal ones are one. */
  constant(data: OnnxData, dims: readonly number[], name = 'constant'): string {
    const dataType = typeOfData(data);
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = data.length <= 64 ? `${dataType}:${dims.join()}:${rawData.join()}` : undefined;
    const known = key === undefined ? undefined : this.shared.get(key);
    if (known !== undefined) return known;
    const unique = this.unique(name);
    this.initializers.push({ name: unique, dims: [...dims], dataType, rawData });
    this.types.set(unique, dataType);
    if (key !== undefined) this.shared.set(key, unique);
    return unique;
  }

  ints(values: readonly number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length], 'shape');
  }

  int(value: number): string {
    return this.constant(BigInt64Array.of(BigInt(value)), [], 'integer');
  }

  float(value: number): string {
    return this.constant(Float32Array.of(value), [], 'scalar');
  }

  typeOf(name: string): number {
    const type = this.types.get(name);
    if (type === undefined) throw new Error(`no ONNX value is called ${name}`);
    return type;
  }

  /** A name that nothing has yet; values are named after what made them. */
  unique(base: string): string {
    const count = this.counts.get(base) ?? 0;
    this.counts.set(base, count + 1);
    return count === 0 ? base : this.unique(`${base}_${count}`);
  }

  graph(name: string, input: OnnxValueInfo[], output: OnnxValueInfo[]): OnnxGraph {
    return withoutDeadNodes({ name, node: this.nodes, initializer: this.initializers, input, output });
  }
}

/** What no output needs is left out, initializers too. */
function withoutDeadNodes(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.output.map((value) => value.name));
  const node = graph.node
    .toReversed()
    .filter((candidate) => {
      if (!candidate.output.some((name) => needed.has(name))) return false;
      for (const name of candidate.input) needed.add(name);
      return true;
    })
    .toReversed();
  return { ...graph, node, initializer: graph.initializer.filter((tensor) => needed.has(tensor.name)) };
}

function typeOfData(data: OnnxData): number {
  if (data instanceof Float32Array) return DataType.float;
  if (data instanceof Int32Array) return DataType.int32;
  if (data instanceof BigInt64Array) return DataType.int64;
  return DataType.bool;
}

function encodeAttribute(name: string, value: AttributeValue): OnnxAttribute {
  if (typeof value === 'number') return { name, type: AttributeType.int, i: value };
  if (typeof value === 'string')
    return { name, type: AttributeType.string, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: AttributeType.ints, ints: [...(value as number[])] };
  if ('float' in value) return { name, type: AttributeType.float, f: value.float };
  if ('floats' in value) return { name, type: AttributeType.floats, floats: [...value.floats] };
  throw new Error(`attribute ${name} has no ONNX type`);
}
