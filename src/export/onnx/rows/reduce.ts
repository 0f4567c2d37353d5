/** Kernels that reduce along axes, and those that work along one axis: softmax, running sums, arg max. */
import { tf } from '../../../engine/index.ts';
import { DataType } from '../../../formats/onnx/index.ts';
import { identity, type Lowering, onnxTypes, type Permutation } from '../lowering.ts';
import type { ProgramNode } from '../program.ts';
import type { Row, Rows } from './row.ts';

/** `axes` as attributes or, for ReduceSum since opset 13, as an input. */
function reduceNode(
  lowering: Lowering,
  op: string,
  x: string,
  axes: readonly number[],
  keep: boolean,
): string {
  const keepdims = keep ? 1 : 0;
  if (op === 'ReduceSum') return lowering.emit(op, [x, lowering.onnx.ints(axes)], { keepdims });
  return lowering.emit(op, [x], { axes, keepdims });
}

/** The axes of a reduction: TensorFlow.js' kernels call them `axis` or `reductionIndices`; left out means all. */
function axesOf(lowering: Lowering, node: ProgramNode, rank: number): number[] {
  const given = lowering.attribute(node, 'axis') ?? lowering.attribute(node, 'reductionIndices');
  if (given === undefined || given === null) return [...identity(rank)];
  const list = typeof given === 'number' ? [given] : (given as readonly number[]);
  return list.map((axis) => (axis < 0 ? axis + rank : axis));
}

/** Where the axes that are left stand, once others were taken out of a stored order. */
function remaining(permutation: Permutation, axes: readonly number[]): Permutation {
  const kept = permutation.filter((_, axis) => !axes.includes(axis));
  const order = [...kept].sort((a, b) => a - b);
  return kept.map((position) => order.indexOf(position));
}

const reduce =
  (op: string): Row =>
  (lowering, node) => {
    const id = lowering.input(node, 'x');
    const output = node.outputs[0]!;
    const permutation = lowering.permutation(id);
    const axes = axesOf(lowering, node, lowering.rank(id));
    const keep = lowering.attribute(node, 'keepDims') === true || lowering.rank(output) === lowering.rank(id);
    const stored = axes.map((axis) => permutation[axis]!).sort((a, b) => a - b);
    let x = lowering.stored(id, permutation);
    if (axes.length === 0) {
      lowering.define(output, x, permutation);
      return;
    }
    const logical = lowering.dtype(id) === 'bool';
    if (logical) x = lowering.emit('Cast', [x], { to: DataType.int32 }, DataType.int32);
    let y = reduceNode(lowering, op, x, stored, keep);
    const type = onnxTypes[lowering.dtype(output)];
    if (lowering.onnx.typeOf(y) !== type) y = lowering.emit('Cast', [y], { to: type }, type);
    lowering.define(output, y, keep ? permutation : remaining(permutation, axes));
  };

/** The last axis, in whatever place it is stored. */
const alongLast =
  (op: string): Row =>
  (lowering, node) => {
    const id = Object.values(node.inputs)[0]!;
    const rank = lowering.rank(id);
    const given = node.attrs[0]!.dim ?? node.attrs[0]!.axis;
    const axis = typeof given === 'number' && given >= 0 ? given : rank - 1;
    const permutation = lowering.permutation(id);
    const x = lowering.stored(id, permutation);
    lowering.define(node.outputs[0]!, lowering.emit(op, [x], { axis: permutation[axis]! }), permutation);
  };

const cumulative: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const permutation = lowering.permutation(id);
  const axis = lowering.attribute(node, 'axis') as number;
  const stored = permutation[axis < 0 ? axis + permutation.length : axis]!;
  const flag = (name: string): number => (lowering.attribute(node, name) === true ? 1 : 0);
  const name = lowering.emit('CumSum', [lowering.stored(id, permutation), lowering.onnx.int(stored)], {
    exclusive: flag('exclusive'),
    reverse: flag('reverse'),
  });
  lowering.define(node.outputs[0]!, name, permutation);
};

const extreme =
  (op: string): Row =>
  (lowering, node) => {
    const id = lowering.input(node, 'x');
    const [axis] = axesOf(lowering, node, lowering.rank(id));
    const index = lowering.emit(op, [lowering.plain(id)], { axis: axis!, keepdims: 0 }, DataType.int64);
    lowering.define(node.outputs[0]!, lowering.emit('Cast', [index], { to: DataType.int32 }, DataType.int32));
  };

export const reduceRows: Rows = {
  [tf.Sum]: reduce('ReduceSum'),
  [tf.Mean]: reduce('ReduceMean'),
  [tf.Max]: reduce('ReduceMax'),
  [tf.Min]: reduce('ReduceMin'),
  [tf.Prod]: reduce('ReduceProd'),
  [tf.All]: reduce('ReduceMin'),
  [tf.Any]: reduce('ReduceMax'),
  [tf.Cumsum]: cumulative,
  [tf.ArgMax]: extreme('ArgMax'),
  [tf.ArgMin]: extreme('ArgMin'),
  [tf.Softmax]: alongLast('Softmax'),
  [tf.LogSoftmax]: alongLast('LogSoftmax'),
  OcelliSoftmax: alongLast('Softmax'),
  OcelliLogSoftmax: alongLast('LogSoftmax'),
};
