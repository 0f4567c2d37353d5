/** Kernels that treat elements one by one: arithmetic, comparisons, selection, with broadcasting. */
import * as tf from '../../tf.ts';
import { type Inputs, onlyInput, registerShapes } from '../shapes.ts';

/** One input, the same shape and type. */
const unary = [
  tf.Abs,
  tf.Acos,
  tf.Acosh,
  tf.Asin,
  tf.Asinh,
  tf.Atan,
  tf.Atanh,
  tf.Ceil,
  tf.ClipByValue,
  tf.Cos,
  tf.Cosh,
  tf.Cumprod,
  tf.Cumsum,
  tf.Elu,
  tf.Erf,
  tf.Exp,
  tf.Expm1,
  tf.Floor,
  tf.LeakyRelu,
  tf.Log,
  tf.Log1p,
  tf.LogSoftmax,
  tf.LRN,
  tf.Neg,
  tf.OnesLike,
  tf.Reciprocal,
  tf.Relu,
  tf.Relu6,
  tf.Reverse,
  tf.Round,
  tf.Rsqrt,
  tf.Selu,
  tf.Sigmoid,
  tf.Sign,
  tf.Sin,
  tf.Sinh,
  tf.Softmax,
  tf.Softplus,
  tf.Sqrt,
  tf.Square,
  tf.Step,
  tf.Tan,
  tf.Tanh,
  tf.ZerosLike,
];

registerShapes(unary, (inputs) => {
  const { shape, dtype } = onlyInput(inputs);
  return { shape, dtype };
});

registerShapes([tf.IsFinite, tf.IsInf, tf.IsNan, tf.LogicalNot], (inputs) => ({
  shape: onlyInput(inputs).shape,
  dtype: 'bool',
}));

const broadcast = (a: tf.TensorInfo, b: tf.TensorInfo): number[] =>
  tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);

const pair = (inputs: Inputs): [tf.TensorInfo, tf.TensorInfo] =>
  Object.values(inputs) as [tf.TensorInfo, tf.TensorInfo];

registerShapes(
  [
    tf.Add,
    tf.Atan2,
    tf.FloorDiv,
    tf.Maximum,
    tf.Minimum,
    tf.Mod,
    tf.Multiply,
    tf.Pow,
    tf.Prelu,
    tf.RealDiv,
    tf.SquaredDifference,
    tf.Sub,
  ],
  (inputs) => {
    const [a, b] = pair(inputs);
    return { shape: broadcast(a, b), dtype: tf.upcastType(a.dtype, b.dtype) };
  },
);

registerShapes(
  [
    tf.Equal,
    tf.Greater,
    tf.GreaterEqual,
    tf.Less,
    tf.LessEqual,
    tf.LogicalAnd,
    tf.LogicalOr,
    tf.LogicalXor,
    tf.NotEqual,
  ],
  (inputs) => ({ shape: broadcast(...pair(inputs)), dtype: 'bool' }),
);

registerShapes(tf.EluGrad, ({ dy }) => ({ shape: dy!.shape, dtype: 'float32' }));

registerShapes(tf.AddN, (inputs) => {
  const { shape, dtype } = onlyInput(inputs);
  return { shape, dtype };
});

/** `condition` has the rank of the branches, or one entry per row of theirs. */
registerShapes(tf.Select, ({ t, e }) => ({ shape: t!.shape, dtype: tf.upcastType(t!.dtype, e!.dtype) }));

registerShapes(tf.Cast, ({ x }, { dtype }) => ({
  shape: x!.shape,
  dtype: dtype as tf.DataType,
  // As the backends do: a cast to the same type makes no new data.
  ...(dtype === x!.dtype ? { of: x! } : {}),
}));
