/**
 * Matrix products: `BatchMatMul` with its transposed operands and broadcast batches, TensorFlow.js' fused form,
 * and linear layers. What follows element by element is written into the same kernel.
 */
import { type LoweringNode, registerLowering, type Scope, type TemplateLowering } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { type Product, writeProduct } from './mat-mul-kernel.ts';
import { batchedLayout, matrixOperand } from './mat-mul-operand.ts';
import { orderColumns, wantsOrder } from './ordered-columns.ts';

interface Operands {
  readonly a: number;
  readonly b: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Batches of both operands spread to the result's. */
function batchedProduct(
  node: LoweringNode,
  { a, b, transposeA, transposeB }: Operands,
  finish?: (scope: Scope, at: Position, value: string) => string,
): Product {
  const output = node.output();
  const shape = node.shapeOf(output);
  const [rows, columns] = shape.slice(-2) as [number, number];
  const batchShape = shape.slice(0, -2);
  const shapes = { a: node.shapeOf(a), b: node.shapeOf(b) };
  const depth = shapes.a.at(transposeA ? -2 : -1)!;
  // One second operand for all batches: their rows are rows of one product.
  const together =
    !transposeA &&
    sizeOf(shapes.b.slice(0, -2)) === 1 &&
    sizeOf(shapes.a) === sizeOf(batchShape) * rows * depth;
  const batch = together ? 1 : sizeOf(batchShape);
  const layout = {
    a: batchedLayout(
      together ? [sizeOf(batchShape) * rows, depth] : shapes.a,
      together ? [] : batchShape,
      transposeA,
    ),
    // Its columns are asked for from outside.
    b: batchedLayout(shapes.b, batchShape, !transposeB),
  };
  return {
    name: `MatMul/${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`,
    shape: { batch, rows: together ? sizeOf(batchShape) * rows : rows, columns, depth },
    a: (kernel, usable) => matrixOperand(kernel, a, shapes.a, layout.a, usable),
    b: (kernel, usable) => matrixOperand(kernel, b, shapes.b, layout.b, usable),
    store(kernel, scope, at, value) {
      const matrix = at.batch === '0' ? at.row : `(${at.batch} * ${rows} + ${at.row})`;
      const offset = scope.let(`${matrix} * ${columns} + ${at.column}`);
      const leading = Position.at([...batchShape, rows], scope.let(matrix)).axes;
      const position = Position.both(shape, offset, [...leading, at.column]);
      kernel.store(scope, output, position, finish ? finish(scope, position, value) : value);
    },
  };
}

const template = (product: Product): TemplateLowering => ({
  kind: 'template',
  epilogue: true,
  build: (writer) => writeProduct(writer, product),
});

registerLowering('BatchMatMul', (node) =>
  template(
    batchedProduct(node, {
      a: node.input('a'),
      b: node.input('b'),
      transposeA: node.attrs.transposeA === true,
      transposeB: node.attrs.transposeB === true,
    }),
  ),
);

/** y = x · weightᵀ (+ bias): `x` [..., in], `weight` [out, in]. Leading axes of x are rows. */
function linear(node: LoweringNode, hasBias: boolean): TemplateLowering {
  const x = node.input('x');
  const weight = node.input('weight');
  const shape = node.shapeOf(node.output());
  const width = node.shapeOf(x).at(-1)!;
  const columns = shape.at(-1)!;
  const rows = sizeOf(shape) / columns;
  const product = { batch: 1, rows, columns, depth: width };
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      const ordered = wantsOrder(writer, product)
        ? orderColumns(writer, weight, [columns, width])
        : undefined;
      const matrix = { value: ordered ?? weight, shape: ordered ? [width, columns] : node.shapeOf(weight) };
      const layout = batchedLayout(matrix.shape, [], ordered !== undefined);
      writeProduct(writer, {
        name: 'Linear',
        shape: product,
        a: (kernel, usable) =>
          matrixOperand(kernel, x, node.shapeOf(x), batchedLayout([rows, width], [], false), usable),
        b: (kernel, usable) => matrixOperand(kernel, matrix.value, matrix.shape, layout, usable),
        store(kernel, scope, at, value) {
          const offset = scope.let(`${at.row} * ${columns} + ${at.column}`);
          const leading = Position.at(shape.slice(0, -1), at.row).axes;
          const bias = hasBias
            ? scope.element(node.input('bias'), Position.on([columns], [at.column]))
            : undefined;
          const sum = bias ? `${value} + ${bias}` : value;
          kernel.store(scope, node.output(), Position.both(shape, offset, [...leading, at.column]), sum);
        },
      });
    },
  };
}

registerLowering('OcelliLinear', (node) => linear(node, false));
registerLowering('OcelliLinearBias', (node) => linear(node, true));
