/** Sums, means, extremes along axes. */
import { type Combine, type LoweringNode, type ReduceLowering, registerLowering } from '../lowering.ts';
import { sizeOf } from '../position.ts';
import { float } from '../wgsl.ts';

/** The `axis` or `axes` attribute as TensorFlow.js writes it: a number, a list, or nothing for all axes. */
export function axesOf(node: LoweringNode, rank: number): number[] {
  const given = node.attrs.axis ?? node.attrs.axes ?? node.attrs.reductionIndices;
  const all = Array.from({ length: rank }, (_, axis) => axis);
  if (given === undefined || given === null) return all;
  const list = (Array.isArray(given) ? given : [given]) as number[];
  return list.map((axis) => (axis < 0 ? axis + rank : axis));
}

const combines: Readonly<Record<string, Combine>> = {
  Sum: 'sum',
  Mean: 'sum',
  Prod: 'prod',
  Max: 'max',
  Min: 'min',
  Any: 'any',
  All: 'all',
};

registerLowering(Object.keys(combines), (node): ReduceLowering => {
  const input = node.input('x');
  const shape = node.shapeOf(input);
  const axes = axesOf(node, shape.length);
  const count = sizeOf(axes.map((axis) => shape[axis]!));
  const { kernel } = node.node;
  return {
    kind: 'reduce',
    combine: combines[kernel]!,
    input,
    axes,
    ...(kernel === 'Mean' ? { finish: (_, total) => `(${total} * ${float(1 / count)})` } : {}),
  };
});

registerLowering('OcelliSumOfSquares', (node): ReduceLowering => {
  const input = node.input('x');
  return {
    kind: 'reduce',
    combine: 'sum',
    input,
    axes: node.shapeOf(input).map((_, axis) => axis),
    element(scope, at) {
      const x = scope.let(scope.element(input, at));
      return `${x} * ${x}`;
    },
  };
});
