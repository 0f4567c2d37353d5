/** Kernels that move numbers without changing them. */
import { tf } from '../../../engine/index.ts';
import { DataType } from '../../../formats/onnx/index.ts';
import { identity, type Lowering, onnxTypes, type Permutation, unsupported } from '../lowering.ts';
import { isFixed, type ProgramNode, sameVarying, type Varying } from '../program.ts';
import type { Row, Rows } from './row.ts';

/** Larger than every index: a slice to the end. */
const toTheEnd = 2 ** 31 - 1;

const numberAttribute = (lowering: Lowering, node: ProgramNode, name: string): number =>
  lowering.attribute(node, name) as number;

const positiveAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Gives a value the shape of `output`: by numbers where they are fixed, else by computed ones. */
function reshapeTo(
  lowering: Lowering,
  source: string,
  sourceDims: readonly Varying[],
  output: number,
): string {
  const dims = lowering.dims(output);
  const isCopied = (axis: number): boolean => {
    const from = sourceDims[axis];
    return from !== undefined && sameVarying(from, dims[axis]!);
  };
  const varying = dims.flatMap((dimension, axis) => (isFixed(dimension) || isCopied(axis) ? [] : [axis]));
  if (varying.length <= 1) {
    const shape = dims.map((dimension, axis) =>
      isFixed(dimension) ? dimension[0]! : isCopied(axis) ? 0 : -1,
    );
    return lowering.emit('Reshape', [source, lowering.onnx.ints(shape)]);
  }
  // One number may be left to the runtime: the one that is hardest to compute.
  const open = varying.find((axis) => lowering.dimensions.vector([dims[axis]!]) === undefined) ?? varying[0]!;
  const numbers = dims.map((dimension, axis) =>
    axis === open ? dimension.map(() => -1) : isCopied(axis) ? dimension.map(() => 0) : dimension,
  );
  return lowering.emit('Reshape', [source, lowering.vector(numbers, 'a shape')]);
}

const reshape: Row = (lowering, node) => {
  const id = Object.values(node.inputs)[0]!;
  const output = node.outputs[0]!;
  const from = lowering.dims(id);
  const to = lowering.dims(output);
  if (from.length === to.length && from.every((dimension, axis) => sameVarying(dimension, to[axis]!))) {
    const permutation = lowering.permutation(id);
    lowering.define(output, lowering.stored(id, permutation), permutation);
    return;
  }
  lowering.define(output, reshapeTo(lowering, lowering.plain(id), from, output));
};

/** No node: from here on the axes are read in another order. */
const transpose: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const perm = lowering.attribute(node, 'perm') as readonly number[];
  const stored = lowering.permutation(id);
  lowering.define(
    node.outputs[0]!,
    lowering.stored(id, stored),
    perm.map((axis) => stored[axis]!),
  );
};

interface Range {
  readonly axis: number;
  readonly begin: Varying;
  readonly end: Varying;
  readonly step: number;
}

/** Slices along the axes where something is left out. */
function slice(lowering: Lowering, id: number, output: number, ranges: readonly Range[]): void {
  const dims = lowering.dims(id);
  const permutation = lowering.permutation(id);
  const x = lowering.stored(id, permutation);
  const cut = ranges.filter(
    ({ axis, begin, end, step }) =>
      step !== 1 || begin.some((value) => value !== 0) || !sameVarying(end, dims[axis]!),
  );
  if (cut.length === 0) {
    lowering.define(output, x, permutation);
    return;
  }
  /** An index from the start, from the end where that is fixed, or computed. */
  const index = (value: Varying, size: Varying): Varying => {
    if (isFixed(value)) return value;
    const fromEnd = value.map((position, i) => position - size[i]!);
    return isFixed(fromEnd) && fromEnd[0]! < 0 ? fromEnd : value;
  };
  const starts = cut.map(({ axis, begin }) => index(begin, dims[axis]!));
  const ends = cut.map(({ axis, end }) =>
    sameVarying(end, dims[axis]!) ? end.map(() => toTheEnd) : index(end, dims[axis]!),
  );
  const name = lowering.emit('Slice', [
    x,
    lowering.vector(starts, 'where a slice begins'),
    lowering.vector(ends, 'where a slice ends'),
    lowering.onnx.ints(cut.map(({ axis }) => permutation[axis]!)),
    lowering.onnx.ints(cut.map(({ step }) => step)),
  ]);
  lowering.define(output, name, permutation);
}

const plainSlice: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const begins = lowering.numbers(node, 'begin');
  const sizes = lowering.numbers(node, 'size');
  const dims = lowering.dims(id);
  const ranges = begins.map((begin, axis) => ({
    axis,
    begin,
    // A size of −1 goes to the end.
    end: sizes[axis]!.map((size, i) => (size === -1 ? dims[axis]![i]! : begin[i]! + size)),
    step: 1,
  }));
  slice(lowering, id, node.outputs[0]!, ranges);
};

const stridedSlice: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const output = node.outputs[0]!;
  const infos = node.attrs.map((attrs, recording) => {
    const list = (name: string): number[] => [...(attrs[name] as readonly number[])];
    const mask = (name: string): number => attrs[name] as number;
    return tf.slice_util.sliceInfo(
      lowering.dims(id).map((dimension) => dimension[recording]!),
      list('begin'),
      list('end'),
      list('strides'),
      mask('beginMask'),
      mask('endMask'),
      mask('ellipsisMask'),
      mask('newAxisMask'),
      mask('shrinkAxisMask'),
    );
  });
  const first = infos[0]!;
  if (first.strides.some((stride) => stride < 1)) {
    throw unsupported('a strided slice that goes forward', `strides ${first.strides.join(', ')}`);
  }
  const rank = lowering.rank(id);
  const ranges = identity(rank).map((axis) => ({
    axis,
    begin: infos.map((info) => info.begin[axis]!),
    end: infos.map((info) => info.end[axis]!),
    step: first.strides[axis]!,
  }));
  if (lowering.rank(output) === rank && first.finalShape.length === first.finalShapeSparse.length) {
    slice(lowering, id, output, ranges);
    return;
  }
  throw unsupported('a strided slice that keeps all axes', 'one that adds or drops axes');
};

/** Operands in one order: their common one, or the plain one. */
function inCommonOrder(
  lowering: Lowering,
  ids: readonly number[],
): { names: string[]; permutation: Permutation } {
  const leader = ids.find((id) => !lowering.constant(id));
  const permutation = leader === undefined ? identity(lowering.rank(ids[0]!)) : lowering.permutation(leader);
  const common = ids.every(
    (id) => lowering.constant(id) || lowering.permutation(id).join() === permutation.join(),
  );
  const order = common ? permutation : identity(permutation.length);
  return { names: ids.map((id) => lowering.stored(id, order)), permutation: order };
}

const concat: Row = (lowering, node) => {
  const ids = Object.values(node.inputs);
  const { names, permutation } = inCommonOrder(lowering, ids);
  const axis = positiveAxis(numberAttribute(lowering, node, 'axis'), permutation.length);
  const type = onnxTypes[lowering.dtype(node.outputs[0]!)];
  const name =
    names.length === 1 ? names[0]! : lowering.emit('Concat', names, { axis: permutation[axis]! }, type);
  lowering.define(node.outputs[0]!, name, permutation);
};

const pack: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const axis = positiveAxis(numberAttribute(lowering, node, 'axis'), lowering.rank(output));
  const parts = Object.values(node.inputs).map((id) =>
    lowering.emit('Unsqueeze', [lowering.plain(id), lowering.onnx.ints([axis])]),
  );
  lowering.define(output, lowering.emit('Concat', parts, { axis }));
};

function split(lowering: Lowering, node: ProgramNode, axis: number, sizes: readonly Varying[]): string[] {
  const id = Object.values(node.inputs)[0]!;
  const lengths = lowering.vector(sizes, 'the lengths of a split');
  const type = onnxTypes[lowering.dtype(id)];
  return lowering.onnx.add('Split', [lowering.plain(id), lengths], { axis }, type, node.outputs.length);
}

const splitV: Row = (lowering, node) => {
  const rank = lowering.rank(node.outputs[0]!);
  const axis = positiveAxis(numberAttribute(lowering, node, 'axis'), rank);
  const sizes = node.outputs.map((id) => lowering.dims(id)[axis]!);
  for (const [i, name] of split(lowering, node, axis, sizes).entries())
    lowering.define(node.outputs[i]!, name);
};

const unpack: Row = (lowering, node) => {
  const rank = lowering.rank(Object.values(node.inputs)[0]!);
  const axis = positiveAxis(numberAttribute(lowering, node, 'axis'), rank);
  const ones = node.outputs.map(() => Array.from({ length: lowering.program.recordings }, () => 1));
  for (const [i, name] of split(lowering, node, axis, ones).entries()) {
    lowering.define(node.outputs[i]!, lowering.emit('Squeeze', [name, lowering.onnx.ints([axis])]));
  }
};

const tile: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const reps = lowering.numbers(node, 'reps');
  const repeats = lowering.vector(reps, 'how often something is repeated');
  lowering.define(node.outputs[0]!, lowering.emit('Tile', [lowering.plain(id), repeats]));
};

const broadcastTo: Row = (lowering, node) => {
  const shape = lowering.vector(lowering.dims(node.outputs[0]!), 'a shape to broadcast to');
  const id = Object.values(node.inputs)[0]!;
  lowering.define(node.outputs[0]!, lowering.emit('Expand', [lowering.plain(id), shape]));
};

const pad =
  (mode: 'constant' | 'reflect'): Row =>
  (lowering, node) => {
    const id = lowering.input(node, 'x');
    const pairs = node.attrs.map((attrs) => attrs.paddings as readonly (readonly [number, number])[]);
    const permutation = lowering.permutation(id);
    const before: Varying[] = [];
    const after: Varying[] = [];
    for (const [axis, position] of permutation.entries()) {
      before[position] = pairs.map((paddings) => paddings[axis]![0]);
      after[position] = pairs.map((paddings) => paddings[axis]![1]);
    }
    const inputs = [lowering.stored(id, permutation), lowering.vector([...before, ...after], 'a padding')];
    if (mode === 'constant') {
      const value = (lowering.attribute(node, 'constantValue') as number | undefined) ?? 0;
      inputs.push(lowering.scalar(value, lowering.dtype(id)));
    } else if (lowering.attribute(node, 'mode') !== 'reflect') {
      throw unsupported('padding by reflection', String(lowering.attribute(node, 'mode')));
    }
    lowering.define(node.outputs[0]!, lowering.emit('Pad', inputs, { mode }), permutation);
  };

const reverse: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const rank = lowering.rank(id);
  const axes = (lowering.attribute(node, 'dims') as readonly number[]).map((axis) =>
    positiveAxis(axis, rank),
  );
  const permutation = lowering.permutation(id);
  const name = lowering.emit('Slice', [
    lowering.stored(id, permutation),
    lowering.onnx.ints(axes.map(() => -1)),
    lowering.onnx.ints(axes.map(() => -toTheEnd)),
    lowering.onnx.ints(axes.map((axis) => permutation[axis]!)),
    lowering.onnx.ints(axes.map(() => -1)),
  ]);
  lowering.define(node.outputs[0]!, name, permutation);
};

/** A tensor of one value whose shape varies. */
const fill: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const value = lowering.scalar(numberAttribute(lowering, node, 'value'), lowering.dtype(output));
  const shape = lowering.vector(lowering.dims(output), 'a shape to fill');
  lowering.define(output, lowering.emit('Expand', [value, shape]));
};

const range: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const bound = (name: string): string => {
    const vector = lowering.vector(
      [node.attrs.map((attrs) => attrs[name] as number)],
      `the ${name} of a range`,
    );
    return lowering.emit('Squeeze', [vector, lowering.onnx.ints([0])]);
  };
  const step = (lowering.attribute(node, 'step') as number | undefined) ?? 1;
  const numbers = lowering.emit('Range', [bound('start'), bound('stop'), lowering.onnx.int(step)]);
  const to = onnxTypes[lowering.dtype(output)];
  lowering.define(output, lowering.emit('Cast', [numbers], { to }, to));
};

const gather: Row = (lowering, node) => {
  const batchDims = (lowering.attribute(node, 'batchDims') as number | undefined) ?? 0;
  if (batchDims !== 0) throw unsupported('a gather without batch dimensions', `batchDims ${batchDims}`);
  const x = lowering.input(node, 'x');
  const axis = positiveAxis(numberAttribute(lowering, node, 'axis'), lowering.rank(x));
  const indices = lowering.plain(lowering.input(node, 'indices'));
  lowering.define(node.outputs[0]!, lowering.emit('Gather', [lowering.plain(x), indices], { axis }));
};

const gatherNd: Row = (lowering, node) => {
  const params = lowering.plain(lowering.input(node, 'params'));
  const indices = lowering.plain(lowering.input(node, 'indices'));
  const long = lowering.emit('Cast', [indices], { to: DataType.int64 }, DataType.int64);
  lowering.define(node.outputs[0]!, lowering.emit('GatherND', [params, long]));
};

/** In int64 and float32: the combination that every runtime has. */
const oneHot: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const [off, on] = [numberAttribute(lowering, node, 'offValue'), numberAttribute(lowering, node, 'onValue')];
  const values = lowering.onnx.constant(Float32Array.of(off, on), [2]);
  const depth = lowering.onnx.int(numberAttribute(lowering, node, 'depth'));
  const indices = lowering.plain(lowering.input(node, 'indices'));
  const long = lowering.emit('Cast', [indices], { to: DataType.int64 }, DataType.int64);
  const hot = lowering.emit('OneHot', [long, depth, values], { axis: -1 }, DataType.float);
  const to = onnxTypes[lowering.dtype(output)];
  lowering.define(output, lowering.emit('Cast', [hot], { to }, to));
};

const expandDims: Row = (lowering, node) => reshape(lowering, node);

export const shapeRows: Rows = {
  [tf.Reshape]: reshape,
  [tf.ExpandDims]: expandDims,
  [tf.Transpose]: transpose,
  [tf.Slice]: plainSlice,
  [tf.StridedSlice]: stridedSlice,
  [tf.Concat]: concat,
  [tf.Pack]: pack,
  [tf.Unpack]: unpack,
  [tf.SplitV]: splitV,
  [tf.Tile]: tile,
  [tf.BroadcastTo]: broadcastTo,
  [tf.PadV2]: pad('constant'),
  [tf.MirrorPad]: pad('reflect'),
  [tf.Reverse]: reverse,
  [tf.Fill]: fill,
  [tf.Range]: range,
  [tf.GatherV2]: gather,
  [tf.GatherNd]: gatherNd,
  [tf.OneHot]: oneHot,
};
