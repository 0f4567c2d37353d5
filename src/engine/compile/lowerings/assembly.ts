/**
 * Tensors put together: padding, concatenation, gathering, one-hot rows, fills. An element comes from one of
 * several places; only that one is computed.
 */
import { broadcastPosition } from '../broadcast.ts';
import {
  type ElementLowering,
  type Lowering,
  type LoweringNode,
  registerLowering,
  type Scope,
  type TemplateLowering,
} from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { literal, wgslType } from '../wgsl.ts';
import { perInvocation } from './per-element.ts';
import { axesOf } from './reductions.ts';

/** More inputs than this don't fit into one kernel beside its output. */
const mostInputs = 6;

registerLowering('PadV2', (node): ElementLowering => {
  const value = node.input('x');
  const shape = node.shapeOf(value);
  const dtype = node.dtypeOf(value);
  const paddings = node.attrs.paddings as readonly (readonly [number, number])[];
  return {
    kind: 'element',
    cost: 0,
    branches: true,
    element(scope, at) {
      const conditions: string[] = [];
      const axes = shape.map((dimension, axis) => {
        const [before, after] = paddings[axis]!;
        const name = before === 0 ? at.axes[axis]! : scope.let(`${at.axes[axis]} - ${before}`);
        if (before > 0) conditions.push(`${name} >= 0`);
        if (after > 0) conditions.push(`${name} < ${dimension}`);
        return name;
      });
      const from = Position.on(shape, axes);
      if (conditions.length === 0) return scope.element(value, from);
      const fill = literal(scope, Number(node.attrs.constantValue ?? 0), dtype);
      return scope.when(conditions.join(' && '), wgslType(dtype), fill, (inner) =>
        inner.element(value, from),
      );
    },
  };
});

/** A part of what is put together: where it begins along the axis, and its place for an output element. */
interface Part {
  readonly value: number;
  readonly begin: number;
  readonly size: number;
  place(at: Position, along: string): Position;
}

registerLowering('Concat', (node) => {
  const [axis] = axesOf(node, node.shapeOf(node.output()).length) as [number];
  let begin = 0;
  const parts = listOf(node).map((value): Part => {
    const shape = node.shapeOf(value);
    const part = {
      value,
      begin,
      size: shape[axis]!,
      place: (at: Position, along: string) => Position.on(shape, at.axes.toSpliced(axis, 1, along)),
    };
    begin += part.size;
    return part;
  });
  return assembled(node, axis, parts);
});

registerLowering('Pack', (node) => {
  const [axis] = axesOf(node, node.shapeOf(node.output()).length) as [number];
  const parts = listOf(node).map((value, index): Part => {
    const shape = node.shapeOf(value);
    return {
      value,
      begin: index,
      size: 1,
      place: (at) => Position.on(shape, at.axes.toSpliced(axis, 1)),
    };
  });
  return assembled(node, axis, parts);
});

const listOf = ({ node: { inputs } }: LoweringNode): number[] =>
  Object.keys(inputs)
    .toSorted((a, b) => Number(a) - Number(b))
    .map((name) => inputs[name]!);

function assembled(node: LoweringNode, axis: number, parts: readonly Part[]): Lowering {
  const present = parts.filter(({ size, value }) => size > 0 && sizeOf(node.shapeOf(value)) > 0);
  return present.length <= mostInputs ? pieces(node, axis, present) : pieceByPiece(node, axis, present);
}

function pieces(node: LoweringNode, axis: number, parts: readonly Part[]): ElementLowering {
  const type = wgslType(node.dtypeOf(node.output()));
  const zero = { f32: '0.0', i32: '0', bool: 'false' }[type];
  const choose = (scope: Scope, at: Position, rest: readonly Part[]): string => {
    const [part, ...others] = rest as [Part, ...Part[]];
    const along = at.axes[axis]!;
    const own = (inner: Scope): string =>
      inner.element(part.value, part.place(at, part.begin === 0 ? along : `(${along} - ${part.begin})`));
    if (others.length === 0) return own(scope);
    const otherwise = scope.when(`${along} >= ${others[0]!.begin}`, type, zero, (inner) =>
      choose(inner, at, others),
    );
    return scope.when(`${along} < ${others[0]!.begin}`, type, otherwise, own);
  };
  return {
    kind: 'element',
    cost: 0,
    branches: parts.length > 1,
    element: (scope, at) => choose(scope, at, parts),
  };
}

/** Each kernel copies a few of the parts to where they belong. */
function pieceByPiece(node: LoweringNode, axis: number, parts: readonly Part[]): TemplateLowering {
  const output = node.output();
  const shape = node.shapeOf(output);
  return {
    kind: 'template',
    epilogue: false,
    build(writer) {
      for (let first = 0; first < parts.length; first += mostInputs) {
        const some = parts.slice(first, first + mostInputs);
        const { begin } = some[0]!;
        const end = some.at(-1)!.begin + some.at(-1)!.size;
        const part = shape.with(axis, end - begin);
        perInvocation(writer, { label: node.node.kernel, count: sizeOf(part) }, (kernel, offset) => {
          const { main } = kernel;
          const axes = Position.at(part, offset).axes;
          const along = main.let(begin === 0 ? axes[axis]! : `(${axes[axis]} + ${begin})`);
          const at = Position.on(shape, axes.with(axis, along));
          kernel.write(main, output, at, pieces(node, axis, some).element(main, at, 0));
        });
      }
    },
  };
}

registerLowering('AddN', (node): Lowering => {
  const values = listOf(node);
  const sum = (scope: Scope, at: Position, some: readonly number[]): string =>
    some.map((value) => scope.element(value, broadcastPosition(at, node.shapeOf(value)))).join(' + ');
  if (values.length <= mostInputs) {
    return {
      kind: 'element',
      access: 'broadcast',
      cost: 1,
      element: (scope, at) => `(${sum(scope, at, values)})`,
    };
  }
  const output = node.output();
  const shape = node.shapeOf(output);
  return {
    kind: 'template',
    epilogue: false,
    build(writer) {
      for (let first = 0; first < values.length; first += mostInputs) {
        perInvocation(writer, { label: node.node.kernel, count: sizeOf(shape) }, (kernel, offset) => {
          const { main } = kernel;
          const at = Position.at(shape, offset);
          const type = wgslType(node.dtypeOf(output));
          const before = first === 0 ? '' : `${type}(${kernel.buffer(output, 'write')}[${offset}]) + `;
          kernel.write(main, output, at, before + sum(main, at, values.slice(first, first + mostInputs)));
        });
      }
    },
  };
});

registerLowering(['Select', 'SelectV2'], (node): ElementLowering => {
  const names = ['condition', 't', 'e'] as const;
  return {
    kind: 'element',
    access: 'broadcast',
    cost: 1,
    element(scope, at) {
      const [condition, t, e] = names.map((name) => {
        const value = node.input(name);
        return scope.element(value, broadcastPosition(at, node.shapeOf(value)));
      });
      return `select(${e}, ${t}, ${condition})`;
    },
  };
});

registerLowering('OneHot', (node): ElementLowering => {
  const indices = node.input('indices');
  const dtype = node.dtypeOf(node.output());
  const number = (name: string, fallback: number): number => Number(node.attrs[name] ?? fallback);
  return {
    kind: 'element',
    cost: 1,
    element(scope, at) {
      const index = scope.element(indices, Position.on(node.shapeOf(indices), at.axes.slice(0, -1)));
      const on = literal(scope, number('onValue', 1), dtype);
      const off = literal(scope, number('offValue', 0), dtype);
      return `select(${off}, ${on}, ${index} == ${at.axes.at(-1)})`;
    },
  };
});

registerLowering('GatherV2', (node): ElementLowering => {
  const [x, indices] = [node.input('x'), node.input('indices')];
  const [shape, indexShape] = [node.shapeOf(x), node.shapeOf(indices)];
  const [axis] = axesOf(node, shape.length) as [number];
  const batchDims = Number(node.attrs.batchDims ?? 0);
  const inner = indexShape.length - batchDims;
  return {
    kind: 'element',
    cost: 0,
    element(scope, at) {
      const place = [...at.axes.slice(0, batchDims), ...at.axes.slice(axis, axis + inner)];
      const index = scope.let(scope.element(indices, Position.on(indexShape, place)));
      // What lies outside is nowhere near: it must not be read past the end.
      const inside = scope.let(`clamp(${index}, 0, ${Math.max(shape[axis]! - 1, 0)})`);
      const from = [...at.axes.slice(0, axis), inside, ...at.axes.slice(axis + inner)];
      return scope.element(x, Position.on(shape, from));
    },
  };
});

/** Numbers that depend on nothing but the place. */
function made(
  kernels: string | readonly string[],
  write: (node: LoweringNode, scope: Scope, at: Position) => string,
): void {
  registerLowering(
    kernels,
    (node): ElementLowering => ({
      kind: 'element',
      cost: 0,
      element: (scope, at) => write(node, scope, at),
    }),
  );
}

const constant =
  (value: (node: LoweringNode) => number) =>
  (node: LoweringNode, scope: Scope): string =>
    literal(scope, value(node), node.dtypeOf(node.output()));

made(
  'ZerosLike',
  constant(() => 0),
);
made(
  'OnesLike',
  constant(() => 1),
);
made(
  'Fill',
  constant((node) => Number(node.attrs.value)),
);
made('Range', (node, scope, at) => {
  const { start, step = 1 } = node.attrs;
  const dtype = node.dtypeOf(node.output());
  const along = dtype === 'int32' ? at.offset : `f32(${at.offset})`;
  return `(${literal(scope, Number(start), dtype)} + ${along} * ${literal(scope, Number(step), dtype)})`;
});
