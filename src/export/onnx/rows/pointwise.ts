/** Element-wise kernels. They work on whatever order their inputs are stored in. */
import { type GraphDtype, tf } from '../../../engine/index.ts';
import { DataType } from '../../../formats/onnx/index.ts';
import {
  identity,
  isIdentity,
  type Lowering,
  onnxTypes,
  type Permutation,
  permuteData,
} from '../lowering.ts';
import type { ProgramNode } from '../program.ts';
import type { Row, Rows } from './row.ts';

type Emit = (lowering: Lowering, x: string, node: ProgramNode) => string;

/** The first input, or `a`: kernels call it `x` almost always. */
const onlyInput = (node: ProgramNode): number => Object.values(node.inputs)[0]!;

const unary =
  (emit: Emit): Row =>
  (lowering, node) => {
    const id = onlyInput(node);
    const permutation = lowering.permutation(id);
    lowering.define(node.outputs[0]!, emit(lowering, lowering.stored(id, permutation), node), permutation);
  };

/** Names of the operands in one common order, broadcastable as they are, and that order. */
function aligned(
  lowering: Lowering,
  ids: readonly number[],
  rank: number,
): { names: string[]; permutation: Permutation } {
  const leader = ids.find(
    (id) => lowering.rank(id) === rank && !lowering.constant(id) && !isIdentity(lowering.permutation(id)),
  );
  const canFollow = ids.every(
    (id) => lowering.rank(id) === rank || lowering.constant(id) || isScalar(lowering, id),
  );
  if (leader === undefined || !canFollow) {
    return { names: ids.map((id) => lowering.plain(id)), permutation: identity(rank) };
  }
  const permutation = lowering.permutation(leader);
  return { names: ids.map((id) => inOrder(lowering, id, rank, permutation)), permutation };
}

const isScalar = (lowering: Lowering, id: number): boolean => lowering.rank(id) === 0;

function inOrder(lowering: Lowering, id: number, rank: number, permutation: Permutation): string {
  if (lowering.rank(id) === rank) return lowering.stored(id, permutation);
  const constant = lowering.constant(id);
  if (!constant || constant.data.length === 1) return lowering.plain(id);
  const shape = [...Array.from({ length: rank - constant.shape.length }, () => 1), ...constant.shape];
  const dims: number[] = [];
  for (const [axis, position] of permutation.entries()) dims[position] = shape[axis]!;
  return lowering.onnx.constant(
    permuteData(constant.data, shape, permutation),
    dims,
    constant.origin ?? 'constant',
  );
}

const binary =
  (emit: (lowering: Lowering, a: string, b: string, dtype: GraphDtype) => string): Row =>
  (lowering, node) => {
    const ids = [lowering.input(node, 'a'), lowering.input(node, 'b')];
    const output = node.outputs[0]!;
    const { names, permutation } = aligned(lowering, ids, lowering.rank(output));
    lowering.define(output, emit(lowering, names[0]!, names[1]!, lowering.dtype(ids[0]!)), permutation);
  };

const named = (op: string): Row => unary((lowering, x) => lowering.emit(op, [x]));
const arithmetic = (op: string): Row => binary((lowering, a, b) => lowering.emit(op, [a, b]));
const comparison = (op: string): Row =>
  binary((lowering, a, b, dtype) => {
    const [x, y] = dtype === 'bool' ? [asNumber(lowering, a), asNumber(lowering, b)] : [a, b];
    return lowering.emit(op, [x, y], {}, DataType.bool);
  });

const asNumber = (lowering: Lowering, x: string): string =>
  lowering.emit('Cast', [x], { to: DataType.int32 }, DataType.int32);

/** ONNX' logic takes booleans only. */
const logic = (op: string): Row => binary((lowering, a, b) => lowering.emit(op, [a, b], {}, DataType.bool));

const number = (node: ProgramNode, name: string, otherwise: number): number => {
  const value = node.attrs[0]![name];
  return typeof value === 'number' ? value : otherwise;
};

const clip = (lowering: Lowering, x: string, low: number, high: number, dtype: GraphDtype): string =>
  lowering.emit('Clip', [x, lowering.scalar(low, dtype), lowering.scalar(high, dtype)]);

/** x·Φ(x) through erf: Gelu is an operator of its own from opset 20 on; runtimes fuse this form. */
const emitGelu: Emit = (lowering, x) => {
  const scaled = lowering.emit('Div', [x, lowering.onnx.float(Math.SQRT2)]);
  const erf = lowering.emit('Add', [lowering.emit('Erf', [scaled]), lowering.onnx.float(1)]);
  return lowering.emit('Mul', [lowering.emit('Mul', [x, erf]), lowering.onnx.float(0.5)]);
};

const emitGeluTanh: Emit = (lowering, x) => {
  const { onnx } = lowering;
  const cubic = lowering.emit('Mul', [
    lowering.emit('Mul', [lowering.emit('Mul', [x, x]), x]),
    onnx.float(0.044715),
  ]);
  const inner = lowering.emit('Mul', [lowering.emit('Add', [x, cubic]), onnx.float(Math.sqrt(2 / Math.PI))]);
  const gate = lowering.emit('Add', [lowering.emit('Tanh', [inner]), onnx.float(1)]);
  return lowering.emit('Mul', [lowering.emit('Mul', [x, onnx.float(0.5)]), gate]);
};

/** Turns one activation name of TensorFlow.js' fused kernels into nodes. */
export function emitActivation(lowering: Lowering, x: string, activation: string, leakiness: number): string {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return lowering.emit('Relu', [x]);
    case 'relu6':
      return clip(lowering, x, 0, 6, 'float32');
    case 'sigmoid':
      return lowering.emit('Sigmoid', [x]);
    case 'elu':
      return lowering.emit('Elu', [x]);
    case 'leakyrelu':
      return lowering.emit('LeakyRelu', [x], { alpha: { float: leakiness } });
    default:
      throw new Error(`no ONNX form of the fused activation ${activation}`);
  }
}

const gatedBy =
  (slope: number): Emit =>
  (lowering, x) => {
    const scaled = slope === 1 ? x : lowering.emit('Mul', [x, lowering.onnx.float(slope)]);
    return lowering.emit('Mul', [x, lowering.emit('Sigmoid', [scaled])]);
  };

const cast: Row = (lowering, node) => {
  const id = onlyInput(node);
  const output = node.outputs[0]!;
  const permutation = lowering.permutation(id);
  const x = lowering.stored(id, permutation);
  const from = lowering.dtype(id);
  const to = lowering.dtype(output);
  const name = from === to ? x : lowering.emit('Cast', [x], { to: onnxTypes[to] }, onnxTypes[to]);
  lowering.define(output, name, permutation);
};

/** A tensor of one number in the shape of another. */
const filled =
  (value: number): Row =>
  (lowering, node) => {
    const id = onlyInput(node);
    const permutation = lowering.permutation(id);
    const shape = lowering.emit('Shape', [lowering.stored(id, permutation)], {}, DataType.int64);
    const output = node.outputs[0]!;
    lowering.define(
      output,
      lowering.emit('Expand', [lowering.scalar(value, lowering.dtype(output)), shape]),
      permutation,
    );
  };

const select: Row = (lowering, node) => {
  const ids = ['condition', 't', 'e'].map((name) => lowering.input(node, name));
  const output = node.outputs[0]!;
  const { names, permutation } = aligned(lowering, ids, lowering.rank(output));
  const type = onnxTypes[lowering.dtype(output)];
  lowering.define(output, lowering.emit('Where', names, {}, type), permutation);
};

const sum: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const { names, permutation } = aligned(lowering, Object.values(node.inputs), lowering.rank(output));
  lowering.define(output, lowering.emit('Sum', names), permutation);
};

/** TensorFlow.js answers in int32 whatever it is asked. */
const floorDivision: Row = (lowering, node) => {
  const output = node.outputs[0]!;
  const ids = ['a', 'b'].map((name) => lowering.input(node, name));
  const { names, permutation } = aligned(lowering, ids, lowering.rank(output));
  const numbers = names.map((x) =>
    lowering.onnx.typeOf(x) === DataType.float
      ? x
      : lowering.emit('Cast', [x], { to: DataType.float }, DataType.float),
  );
  const quotient = lowering.emit('Floor', [lowering.emit('Div', numbers)]);
  const to = onnxTypes[lowering.dtype(output)];
  lowering.define(output, lowering.emit('Cast', [quotient], { to }, to), permutation);
};

const own = (name: string): string => `Ocelli${name}`;

export const pointwiseRows: Rows = {
  [tf.Identity]: (lowering, node) => cast(lowering, node),
  [tf.Cast]: cast,
  [tf.ZerosLike]: filled(0),
  [tf.OnesLike]: filled(1),
  [tf.Select]: select,
  [tf.AddN]: sum,

  [tf.Add]: arithmetic('Add'),
  [tf.Sub]: arithmetic('Sub'),
  [tf.Multiply]: binary((lowering, a, b, dtype) => lowering.emit(dtype === 'bool' ? 'And' : 'Mul', [a, b])),
  [tf.RealDiv]: arithmetic('Div'),
  [tf.Maximum]: arithmetic('Max'),
  [tf.Minimum]: arithmetic('Min'),
  [tf.Pow]: arithmetic('Pow'),
  [tf.Mod]: binary((lowering, a, b, dtype) => {
    if (dtype === 'int32') return lowering.emit('Mod', [a, b]);
    // ONNX' fmod takes the dividend's sign, TensorFlow's the divisor's.
    const quotient = lowering.emit('Floor', [lowering.emit('Div', [a, b])]);
    return lowering.emit('Sub', [a, lowering.emit('Mul', [quotient, b])]);
  }),
  [tf.FloorDiv]: floorDivision,
  [tf.SquaredDifference]: binary((lowering, a, b) => {
    const difference = lowering.emit('Sub', [a, b]);
    return lowering.emit('Mul', [difference, difference]);
  }),
  [tf.Greater]: comparison('Greater'),
  [tf.GreaterEqual]: comparison('GreaterOrEqual'),
  [tf.Less]: comparison('Less'),
  [tf.LessEqual]: comparison('LessOrEqual'),
  [tf.Equal]: comparison('Equal'),
  [tf.NotEqual]: binary((lowering, a, b) =>
    lowering.emit('Not', [lowering.emit('Equal', [a, b], {}, DataType.bool)]),
  ),
  [tf.LogicalAnd]: logic('And'),
  [tf.LogicalOr]: logic('Or'),
  [tf.LogicalNot]: named('Not'),

  [tf.Abs]: named('Abs'),
  [tf.Neg]: named('Neg'),
  [tf.Exp]: named('Exp'),
  [tf.Expm1]: unary((lowering, x) =>
    lowering.emit('Sub', [lowering.emit('Exp', [x]), lowering.onnx.float(1)]),
  ),
  [tf.Log]: named('Log'),
  [tf.Log1p]: unary((lowering, x) =>
    lowering.emit('Log', [lowering.emit('Add', [x, lowering.onnx.float(1)])]),
  ),
  [tf.Sqrt]: named('Sqrt'),
  [tf.Rsqrt]: unary((lowering, x) => lowering.emit('Reciprocal', [lowering.emit('Sqrt', [x])])),
  [tf.Square]: unary((lowering, x) => lowering.emit('Mul', [x, x])),
  [tf.Reciprocal]: named('Reciprocal'),
  [tf.Sign]: named('Sign'),
  [tf.Floor]: named('Floor'),
  [tf.Ceil]: named('Ceil'),
  [tf.Round]: named('Round'),
  [tf.Sin]: named('Sin'),
  [tf.Cos]: named('Cos'),
  [tf.Tan]: named('Tan'),
  [tf.Asin]: named('Asin'),
  [tf.Acos]: named('Acos'),
  [tf.Atan]: named('Atan'),
  [tf.Sinh]: named('Sinh'),
  [tf.Cosh]: named('Cosh'),
  [tf.Tanh]: named('Tanh'),
  [tf.Erf]: named('Erf'),
  [tf.Sigmoid]: named('Sigmoid'),
  [tf.Relu]: named('Relu'),
  [tf.Relu6]: unary((lowering, x) => clip(lowering, x, 0, 6, 'float32')),
  [tf.ClipByValue]: unary((lowering, x, node) =>
    clip(
      lowering,
      x,
      number(node, 'clipValueMin', -3.4e38),
      number(node, 'clipValueMax', 3.4e38),
      lowering.dtype(node.outputs[0]!),
    ),
  ),
  [tf.LeakyRelu]: unary((lowering, x, node) =>
    lowering.emit('LeakyRelu', [x], { alpha: { float: number(node, 'alpha', 0.2) } }),
  ),
  [tf.Elu]: named('Elu'),
  [tf.Softplus]: named('Softplus'),
  [tf.IsNan]: unary((lowering, x) => lowering.emit('IsNaN', [x], {}, DataType.bool)),
  [tf.Step]: unary((lowering, x) => {
    const positive = lowering.emit('Greater', [x, lowering.onnx.float(0)], {}, DataType.bool);
    return lowering.emit('Cast', [positive], { to: DataType.float }, DataType.float);
  }),

  [own('Gelu')]: unary(emitGelu),
  [own('GeluTanh')]: unary(emitGeluTanh),
  [own('QuickGelu')]: unary(gatedBy(1.702)),
  [own('Silu')]: unary(gatedBy(1)),
  [own('Sigmoid')]: named('Sigmoid'),
  [own('Relu')]: named('Relu'),
  [own('HardSwish')]: named('HardSwish'),
};
