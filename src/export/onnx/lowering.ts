/**
 * The state of a lowering: which ONNX value stands for which value of the program, and in which order its axes
 * are stored.
 *
 * TensorFlow.js' convolutions are channels-last, ONNX' are channels-first. So a value may be stored permuted: a
 * transpose costs nothing until someone needs the axes in order, element-wise operations work on the stored
 * order, and the transposes around a chain of convolutions vanish instead of being searched for afterwards.
 */
import { RunError } from '../../core/index.ts';
import type { GraphAttribute, GraphData, GraphDtype } from '../../engine/index.ts';
import { DataType } from '../../formats/onnx/index.ts';
import type { AttributeValue, OnnxBuilder, OnnxData } from './builder.ts';
import { Dimensions } from './dimensions.ts';
import type { Constant } from './fold.ts';
import { isFixed, type Program, type ProgramNode, type Varying } from './program.ts';

/** `permutation[i]` is the stored axis that holds axis i. */
export type Permutation = readonly number[];

interface Stored {
  readonly name: string;
  readonly permutation: Permutation;
}

export const onnxTypes: Readonly<Record<GraphDtype, number>> = {
  float32: DataType.float,
  int32: DataType.int32,
  bool: DataType.bool,
};

export const identity = (rank: number): Permutation => Array.from({ length: rank }, (_, axis) => axis);
export const isIdentity = (permutation: Permutation): boolean => permutation.every((axis, i) => axis === i);
const samePermutation = (a: Permutation, b: Permutation): boolean =>
  a.length === b.length && a.every((axis, i) => axis === b[i]);

/** Stored channels first, read channels last: [N, H, W, C] at the stored axes 0, 2, 3, 1. */
export const channelsFirst = (rank: number): Permutation => [
  0,
  ...Array.from({ length: rank - 2 }, (_, i) => i + 2),
  1,
];

export class Lowering {
  readonly dimensions: Dimensions;
  private readonly values = new Map<number, Stored[]>();
  private readonly unread = new Map<number, () => string>();

  constructor(
    readonly onnx: OnnxBuilder,
    readonly program: Program,
    private readonly constants: ReadonlyMap<number, Constant>,
  ) {
    this.dimensions = new Dimensions(onnx);
  }

  // — what is known of a value —

  dims(id: number): readonly Varying[] {
    return this.program.values[id]!.dims;
  }

  rank(id: number): number {
    return this.program.values[id]!.rank;
  }

  dtype(id: number): GraphDtype {
    return this.program.values[id]!.dtype;
  }

  /** The fixed size of an axis; an error where it varies. */
  size(id: number, axis: number): number {
    const dimension = this.dims(id).at(axis)!;
    if (isFixed(dimension)) return dimension[0]!;
    throw unsupported(`a fixed dimension ${axis} of value ${id}`, `sizes ${dimension.join(', ')}`);
  }

  constant(id: number): Constant | undefined {
    return this.constants.get(id);
  }

  // — where a value is —

  /** Says which ONNX value holds a value of the program. */
  define(id: number, name: string, permutation: Permutation = identity(this.rank(id))): void {
    const stored = this.values.get(id);
    if (stored) stored.push({ name, permutation });
    else this.values.set(id, [{ name, permutation }]);
    for (const [axis, dimension] of this.dims(id).entries()) {
      this.dimensions.register(dimension, name, permutation[axis]!);
    }
  }

  /** Gives a value a maker that runs when it is read first, if ever. */
  whenRead(id: number, make: () => string): void {
    this.unread.set(id, make);
  }

  /** The order in which a value is stored at the moment. */
  permutation(id: number): Permutation {
    this.makeUnread(id);
    return this.values.get(id)?.[0]?.permutation ?? identity(this.rank(id));
  }

  /** The value with its axes in order. */
  plain(id: number): string {
    return this.stored(id, identity(this.rank(id)));
  }

  /** The value in this order; transposed when it is not there yet. */
  stored(id: number, permutation: Permutation): string {
    this.makeUnread(id);
    const known = this.values.get(id) ?? [];
    const found = known.find((candidate) => samePermutation(candidate.permutation, permutation));
    if (found) return found.name;
    const constant = this.constants.get(id);
    if (constant) return this.storeConstant(id, constant, permutation);
    const source = known[0];
    if (!source) throw new Error(`value ${id} is used before it was made`);
    const perm: number[] = [];
    for (const [axis, position] of permutation.entries()) perm[position] = source.permutation[axis]!;
    const name = this.onnx.one('Transpose', [source.name], { perm });
    known.push({ name, permutation });
    return name;
  }

  private makeUnread(id: number): void {
    const make = this.unread.get(id);
    if (!make) return;
    this.unread.delete(id);
    this.define(id, make());
  }

  private storeConstant(id: number, constant: Constant, permutation: Permutation): string {
    const dims: number[] = [];
    for (const [axis, position] of permutation.entries()) dims[position] = constant.shape[axis]!;
    const data = isIdentity(permutation)
      ? constant.data
      : permuteData(constant.data, constant.shape, permutation);
    const name = this.onnx.constant(data, dims, constant.origin ?? 'constant');
    const stored = this.values.get(id);
    if (stored) stored.push({ name, permutation });
    else this.values.set(id, [{ name, permutation }]);
    return name;
  }

  // — short forms for the rows —

  input(node: ProgramNode, name: string): number {
    const id = node.inputs[name];
    if (id === undefined) throw new Error(`${node.kernel} has no input ${name}`);
    return id;
  }

  /** An attribute that must not vary. */
  attribute(node: ProgramNode, name: string): GraphAttribute | undefined {
    const [first, ...others] = node.attrs.map((attrs) => attrs[name]);
    if (others.every((other) => JSON.stringify(other) === JSON.stringify(first))) return first;
    throw unsupported(
      `${node.kernel} with the same ${name} at every input size`,
      node.attrs.map((attrs) => JSON.stringify(attrs[name])).join(' / '),
    );
  }

  /** A list of numbers that may vary. */
  numbers(node: ProgramNode, name: string): Varying[] {
    const lists = node.attrs.map((attrs) => attrs[name] as readonly number[]);
    return lists[0]!.map((_, i) => lists.map((list) => list[i]!));
  }

  /** An int64 vector of numbers that may vary; an error where they can't be computed from the input. */
  vector(numbers: readonly Varying[], what: string): string {
    const name = this.dimensions.vector(numbers);
    if (name !== undefined) return name;
    const seen = numbers.map((number) => (isFixed(number) ? number[0] : `{${number.join(', ')}}`));
    throw unsupported(`${what} that can be computed from the sizes of the input`, `[${seen.join(', ')}]`);
  }

  emit(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    type?: number,
  ): string {
    return this.onnx.one(opType, inputs, attributes, type);
  }

  scalar(value: number, dtype: GraphDtype): string {
    return this.onnx.constant(toDtype([value], dtype), []);
  }
}

function toDtype(values: readonly number[], dtype: GraphDtype): OnnxData {
  if (dtype === 'int32') return Int32Array.from(values);
  if (dtype === 'bool') return Uint8Array.from(values);
  return Float32Array.from(values);
}

/** Reorders row-major data so that axis i lands at `permutation[i]`. */
export function permuteData<Data extends GraphData>(
  data: Data,
  shape: readonly number[],
  permutation: Permutation,
): Data {
  const rank = shape.length;
  const dims: number[] = [];
  for (const [axis, position] of permutation.entries()) dims[position] = shape[axis]!;
  const stride: number[] = Array.from({ length: rank }, () => 1);
  for (let i = rank - 2; i >= 0; i--) stride[i] = stride[i + 1]! * dims[i + 1]!;
  const step = permutation.map((position) => stride[position]!);
  const out = data.slice() as Data;
  const index = new Array<number>(rank).fill(0);
  let target = 0;
  for (let i = 0; i < data.length; i++) {
    out[target] = data[i]!;
    for (let axis = rank - 1; axis >= 0; axis--) {
      target += step[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      target -= step[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

export function unsupported(expected: string, received: string): RunError {
  return new RunError({
    code: 'not_exportable',
    expected,
    received,
    fix: 'export with a fixed input size, or add a row to src/export/onnx for this operation',
  });
}
