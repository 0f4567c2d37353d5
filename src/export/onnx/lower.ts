/**
 * Recorded forward passes to an ONNX model. Several recordings at different input sizes are overlaid, what
 * depends on weights alone is folded, and each remaining kernel is lowered by its row.
 */
import { RunError } from '../../core/index.ts';
import type { Graph, GraphData, tf } from '../../engine/index.ts';
import {
  DataType,
  encodeOnnx,
  type OnnxDimension,
  type OnnxModel,
  type OnnxValueInfo,
} from '../../formats/onnx/index.ts';
import { OnnxBuilder } from './builder.ts';
import { foldConstants } from './fold.ts';
import type { TypedModel } from './half.ts';
import { Lowering, onnxTypes, unsupported } from './lowering.ts';
import { isFixed, overlay, type Program, type Varying } from './program.ts';
import { rows } from './rows/index.ts';

export interface OnnxOptions {
  /** The values of the graph's parameters. */
  readonly parameters: Readonly<Record<string, tf.Tensor>>;
  /** Names for the dimensions that vary, by input or output name: `{ pixel_values: ['batch', …] }`. */
  readonly dimensionNames?: Readonly<Record<string, readonly string[]>>;
  /** Inputs that the file takes as int64, as Hugging Face's masks are; inside they are what was recorded. */
  readonly int64Inputs?: readonly string[];
  /** Notes for the file's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Ocelli's version, for the file's header. */
  readonly version?: string;
}

/** 17: the first with LayerNormalization; every runtime since 2022 reads it, with IR version 8. */
const opset = 17;
const irVersion = 8;

/** Lowers recordings of one function; one recording gives a model of fixed size. */
export async function lowerToOnnx(
  graphs: Graph | readonly Graph[],
  options: OnnxOptions,
): Promise<Uint8Array> {
  return encodeOnnx((await lowerToModel(graphs, options)).model);
}

export async function lowerToModel(
  graphs: Graph | readonly Graph[],
  options: OnnxOptions,
): Promise<TypedModel> {
  const program = overlay('nodes' in graphs ? [graphs] : graphs);
  const { nodes, constants } = await foldConstants(program, options.parameters);
  const onnx = new OnnxBuilder();
  const lowering = new Lowering(onnx, program, constants);
  const inputs = Object.entries(program.inputs).map(([name, id]) => defineInput(lowering, name, id, options));
  defineVaryingConstants(lowering, program);
  for (const node of nodes) {
    const row = rows[node.kernel];
    if (!row) throw unsupported(`operations that ONNX export knows`, node.kernel);
    row(lowering, node);
  }
  const outputs = Object.entries(program.outputs).map(([name, id]) => {
    const source = lowering.plain(id);
    const output = onnx.unique(name);
    if (output !== name) throw new Error(`two ONNX values are called ${name}`);
    onnx.types.set(name, onnxTypes[lowering.dtype(id)]);
    onnx.nodes.push({
      name: `output_${name}`,
      opType: 'Identity',
      input: [source],
      output: [name],
      attribute: [],
    });
    return valueInfo(name, onnxTypes[lowering.dtype(id)], program.values[id]!.dims, options);
  });
  const model: OnnxModel = {
    irVersion,
    opsetImport: [{ domain: '', version: opset }],
    producerName: 'ocelli',
    producerVersion: options.version ?? '',
    graph: onnx.graph('model', inputs, outputs),
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
  };
  return { model, types: onnx.types };
}

function defineInput(lowering: Lowering, name: string, id: number, options: OnnxOptions): OnnxValueInfo {
  const { onnx } = lowering;
  onnx.unique(name);
  const recorded = onnxTypes[lowering.dtype(id)];
  const type = options.int64Inputs?.includes(name) ? DataType.int64 : recorded;
  onnx.types.set(name, type);
  // Registered under the input's own name first, so that sizes are read from it directly.
  for (const [axis, dimension] of lowering.dims(id).entries())
    lowering.dimensions.register(dimension, name, axis);
  lowering.define(id, type === recorded ? name : onnx.one('Cast', [name], { to: recorded }, recorded));
  return valueInfo(name, type, lowering.dims(id), options);
}

/**
 * Host-made tensors that differ between the recordings. One value everywhere in a varying shape (zeros, ones)
 * can be made at run time, and so can 0, 1, 2, … and a size itself; anything else was computed on the host from
 * a size and can't. Whether a reader needs it at all shows when it asks.
 */
function defineVaryingConstants(lowering: Lowering, program: Program): void {
  for (const [id, contents] of program.constants) {
    if (!lowering.constant(id)) lowering.whenRead(id, () => varyingConstant(lowering, program, id, contents));
  }
}

function varyingConstant(
  lowering: Lowering,
  program: Program,
  id: number,
  contents: readonly GraphData[],
): string {
  const { onnx, dimensions } = lowering;
  const { dims, dtype, rank } = program.values[id]!;
  const type = onnxTypes[dtype];
  const first = contents[0]![0] ?? 0;
  if (contents.every((data) => data.every((entry) => entry === first))) {
    const shape = dimensions.vector(dims);
    if (shape !== undefined) return onnx.one('Expand', [lowering.scalar(first, dtype), shape]);
  }
  if (rank === 1 && contents.every((data) => data.every((entry, i) => entry === first + i))) {
    const length = dimensions.resolve(dims[0]!);
    if (length !== undefined) {
      const count = onnx.one('Squeeze', [length, onnx.ints([0])]);
      const numbers = onnx.one('Range', [onnx.int(0), count, onnx.int(1)]);
      const typed = onnx.one('Cast', [numbers], { to: type }, type);
      return first === 0 ? typed : onnx.one('Add', [typed, lowering.scalar(first, dtype)]);
    }
  }
  if (contents.every((data) => data.length === 1)) {
    const number = dimensions.resolve(contents.map((data) => data[0]!));
    if (number !== undefined) {
      const typed = onnx.one('Cast', [number], { to: type }, type);
      return onnx.one('Reshape', [typed, onnx.ints(Array.from({ length: rank }, () => 1))]);
    }
  }
  const readers = program.nodes.filter((node) => Object.values(node.inputs).includes(id));
  const shape = dims.map((dimension) => (isFixed(dimension) ? dimension[0] : `{${dimension.join(', ')}}`));
  throw new RunError({
    code: 'size_baked_in',
    expected: 'a forward pass that computes what depends on the input size in tensor operations',
    received: `a host-made tensor [${shape.join(', ')}] that differs between input sizes, read by ${readers.map((node) => node.kernel).join(', ')}`,
    fix: 'export with a fixed input size, or compute the tensor with operations',
  });
}

function valueInfo(
  name: string,
  type: number,
  dims: readonly Varying[],
  options: OnnxOptions,
): OnnxValueInfo {
  const names = options.dimensionNames?.[name];
  const dim = dims.map(
    (dimension, axis): OnnxDimension =>
      isFixed(dimension) ? { dimValue: dimension[0]! } : { dimParam: names?.[axis] ?? `${name}_${axis}` },
  );
  return { name, type: { tensorType: { elemType: type, shape: { dim } } } };
}
