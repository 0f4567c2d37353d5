/** Views: where an output element lies in an input. They cost nothing and are never computed for their own sake. */

import * as tf from '../../tf.ts';
import { broadcastPosition } from '../broadcast.ts';
import { type ElementLowering, type LoweringNode, registerLowering, type Scope } from '../lowering.ts';
import { Position } from '../position.ts';
import { axesOf } from './reductions.ts';

type Find = (node: LoweringNode, scope: Scope, at: Position, output: number) => Position;

/** Registers a view of the input `x`. */
function view(kernels: string | readonly string[], find: Find, access?: ElementLowering['access']): void {
  registerLowering(
    kernels,
    (node): ElementLowering => ({
      kind: 'element',
      cost: 0,
      ...(access ? { access } : {}),
      element: (scope, at, output) =>
        scope.element(node.input(inputName(node)), find(node, scope, at, output)),
    }),
  );
}

/** The one data input: `x`, `input` in ExpandDims, `value` in Unpack. */
const inputName = ({ node: { inputs } }: LoweringNode): string =>
  ['x', 'input', 'value'].find((name) => inputs[name] !== undefined) ?? 'x';
const inputShape = (node: LoweringNode): readonly number[] => node.shapeOf(node.input(inputName(node)));

/** `name + amount`, in brackets. */
const plus = (name: string, amount: number): string =>
  amount === 0 ? name : amount > 0 ? `(${name} + ${amount})` : `(${name} - ${-amount})`;

view(
  ['Reshape', 'Identity', 'ExpandDims', 'Squeeze'],
  (node, _, at) => at.reshaped(inputShape(node)),
  'order',
);

view('BroadcastTo', (node, _, at) => broadcastPosition(at, inputShape(node)), 'broadcast');

view('Transpose', (node, _, at) => {
  const perm = node.attrs.perm as readonly number[];
  const axes: string[] = [];
  perm.forEach((from, to) => {
    axes[from] = at.axes[to]!;
  });
  return Position.on(inputShape(node), axes);
});

view('Slice', (node, _, at) => {
  const shape = inputShape(node);
  const given = node.attrs.begin;
  const begin = (typeof given === 'number' ? [given] : given) as readonly number[];
  return Position.on(
    shape,
    shape.map((_, axis) => plus(at.axes[axis]!, begin[axis] ?? 0)),
  );
});

view('StridedSlice', (node, _, at) => {
  const shape = inputShape(node);
  const list = (name: string): number[] => [...(node.attrs[name] as readonly number[])];
  const mask = (name: string): number => Number(node.attrs[name] ?? 0);
  const info = tf.slice_util.sliceInfo(
    [...shape],
    list('begin'),
    list('end'),
    list('strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
  const sliced = at.reshaped(
    shape.map((_, axis) => Math.ceil((info.end[axis]! - info.begin[axis]!) / info.strides[axis]!)),
  );
  return Position.on(
    shape,
    shape.map((_, axis) => {
      const stride = info.strides[axis]!;
      const along = stride === 1 ? sliced.axes[axis]! : `(${sliced.axes[axis]} * ${stride})`;
      return plus(along, info.begin[axis]!);
    }),
  );
});

view('SplitV', (node, _, at, output) => {
  const shape = inputShape(node);
  const [axis] = axesOf(node, shape.length) as [number];
  const before = node.node.outputs
    .slice(0, output)
    .reduce((sum, value) => sum + node.shapeOf(value)[axis]!, 0);
  return Position.on(
    shape,
    at.axes.map((name, i) => (i === axis ? plus(name, before) : name)),
  );
});

view('Unpack', (node, _, at, output) => {
  const shape = inputShape(node);
  const [axis] = axesOf(node, shape.length) as [number];
  return Position.on(shape, at.axes.toSpliced(axis, 0, String(output)));
});

view('Tile', (node, _, at) => {
  const shape = inputShape(node);
  const outputShape = node.shapeOf(node.output());
  return Position.on(
    shape,
    shape.map((dimension, axis) =>
      outputShape[axis] === dimension ? at.axes[axis]! : `(${at.axes[axis]} % ${dimension})`,
    ),
  );
});

view('Reverse', (node, _, at) => {
  const shape = inputShape(node);
  const given = node.attrs.dims as number | readonly number[];
  const dims = (typeof given === 'number' ? [given] : given).map((axis) =>
    axis < 0 ? axis + shape.length : axis,
  );
  return Position.on(
    shape,
    at.axes.map((name, axis) => (dims.includes(axis) ? `(${shape[axis]! - 1} - ${name})` : name)),
  );
});

view('MirrorPad', (node, scope, at) => {
  const shape = inputShape(node);
  const paddings = node.attrs.paddings as readonly (readonly [number, number])[];
  // `reflect` leaves out the edge itself.
  const edge = node.attrs.mode === 'reflect' ? 0 : 1;
  return Position.on(
    shape,
    shape.map((dimension, axis) => {
      if (paddings[axis]!.every((amount) => amount === 0)) return at.axes[axis]!;
      const along = scope.let(plus(at.axes[axis]!, -paddings[axis]![0]));
      const last = dimension - 1;
      const low = scope.let(`select(${along}, ${-edge} - ${along}, ${along} < 0)`);
      return scope.let(`select(${low}, ${2 * last + edge} - ${low}, ${low} > ${last})`);
    }),
  );
});
