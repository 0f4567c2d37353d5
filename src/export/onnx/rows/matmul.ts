/** Matrix products: the plain ones, linear layers and attention. */
import { tf } from '../../../engine/index.ts';
import { identity, type Lowering, type Permutation } from '../lowering.ts';
import type { ProgramNode } from '../program.ts';
import { emitActivation } from './pointwise.ts';
import type { Row, Rows } from './row.ts';

/** The last two axes swapped: one transpose, whatever order the value is in; none for a constant. */
function swapped(rank: number): Permutation {
  const order = [...identity(rank)];
  return [...order.slice(0, -2), rank - 1, rank - 2];
}

const operand = (lowering: Lowering, id: number, transposed: boolean): string =>
  transposed ? lowering.stored(id, swapped(lowering.rank(id))) : lowering.plain(id);

const matMul: Row = (lowering, node) => {
  const [a, b] = ['a', 'b'].map((name) => lowering.input(node, name)) as [number, number];
  let product = lowering.emit('MatMul', [
    operand(lowering, a, lowering.attribute(node, 'transposeA') === true),
    operand(lowering, b, lowering.attribute(node, 'transposeB') === true),
  ]);
  // The fused kernel adds a bias and an activation.
  if (node.inputs.bias !== undefined) {
    product = lowering.emit('Add', [product, lowering.plain(node.inputs.bias)]);
  }
  const activation = (lowering.attribute(node, 'activation') as string | undefined) ?? 'linear';
  const leakiness = (lowering.attribute(node, 'leakyreluAlpha') as number | undefined) ?? 0.2;
  lowering.define(node.outputs[0]!, emitActivation(lowering, product, activation, leakiness));
};

/** y = x·Wᵀ (+ b), weight [out, in]. */
const linear: Row = (lowering, node) => {
  const weight = operand(lowering, lowering.input(node, 'weight'), true);
  let y = lowering.emit('MatMul', [lowering.plain(lowering.input(node, 'x')), weight]);
  if (node.inputs.bias !== undefined) y = lowering.emit('Add', [y, lowering.plain(node.inputs.bias)]);
  lowering.define(node.outputs[0]!, y);
};

/** softmax(q·kᵀ·scale + mask)·v on [batch, heads, tokens, width]. */
const attention: Row = (lowering, node) => {
  const [q, k, v] = ['q', 'k', 'v'].map((name) => lowering.input(node, name)) as [number, number, number];
  const scale = lowering.onnx.float(lowering.attribute(node, 'scale') as number);
  const query = lowering.emit('Mul', [lowering.plain(q), scale]);
  let scores = lowering.emit('MatMul', [query, operand(lowering, k, true)]);
  if (node.inputs.mask !== undefined) {
    scores = lowering.emit('Add', [scores, lowering.plain(node.inputs.mask)]);
  }
  const probabilities = lowering.emit('Softmax', [scores], { axis: -1 });
  lowering.define(node.outputs[0]!, lowering.emit('MatMul', [probabilities, lowering.plain(v)]));
};

/** Letters for axes, as numpy's. */
const einsum: Row = (lowering, node: ProgramNode) => {
  const operands = Object.values(node.inputs).map((id) => lowering.plain(id));
  const equation = lowering.attribute(node, 'equation') as string;
  lowering.define(node.outputs[0]!, lowering.emit('Einsum', operands, { equation }));
};

export const matmulRows: Rows = {
  [tf.BatchMatMul]: matMul,
  [tf._FusedMatMul]: matMul,
  [tf.Einsum]: einsum,
  OcelliLinear: linear,
  OcelliLinearBias: linear,
  OcelliAttention: attention,
  OcelliMaskedAttention: attention,
};
