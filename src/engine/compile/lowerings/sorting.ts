/**
 * What looks along an axis and is no reduction: running sums, the place of the largest element, the k largest.
 */
import { flatDispatch } from '../dispatch.ts';
import { type LoweringNode, registerLowering, type TemplateLowering } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { beginGroup } from './mat-mul-kernel.ts';
import { loopEnd, perElement, perInvocation, reader } from './per-element.ts';

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const typeOf = (node: LoweringNode, value: number): 'f32' | 'i32' =>
  node.dtypeOf(value) === 'float32' ? 'f32' : 'i32';
const without = <T>(list: readonly T[], axis: number): T[] => list.filter((_, i) => i !== axis);
const insert = (list: readonly string[], axis: number, entry: string): string[] => [
  ...list.slice(0, axis),
  entry,
  ...list.slice(axis),
];

/** One invocation walks along a line. */
registerLowering('Cumsum', (node): TemplateLowering => {
  const x = node.input('x');
  const shape = node.shapeOf(x);
  const axis = positive(node.attrs.axis as number, shape.length);
  const length = shape[axis]!;
  const rest = without(shape, axis);
  const { exclusive, reverse } = node.attrs;
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      perInvocation(
        writer,
        { label: 'Cumsum', count: sizeOf(rest), flops: sizeOf(shape), bytes: 8 * sizeOf(shape) },
        (kernel, index) => {
          const { main } = kernel;
          const type = typeOf(node, x);
          const own = Position.at(rest, index).axes.map((coordinate) => main.let(coordinate));
          main.line(`var sum = ${type}(0);`);
          const inside = kernel.block(main);
          const along = inside.let(reverse ? `${length - 1} - i` : 'i + 0');
          const at = Position.on(shape, insert(own, axis, along));
          const element = inside.element(x, at);
          if (exclusive) {
            inside.line('let before = sum;');
            inside.line(`sum += ${element};`);
            kernel.store(inside, node.output(), at, 'before');
          } else {
            inside.line(`sum += ${element};`);
            inside.line('let through = sum;');
            kernel.store(inside, node.output(), at, 'through');
          }
          main.line(`for (var i = 0; i < ${loopEnd(writer, length)}; i++) {\n${inside.text()}}`);
        },
      ),
  };
});

/** The first of the largest (smallest) elements. */
registerLowering(['ArgMax', 'ArgMin'], (node): TemplateLowering => {
  const x = node.input('x');
  const shape = node.shapeOf(x);
  const axis = positive(node.attrs.axis as number, shape.length);
  const compare = node.node.kernel === 'ArgMax' ? '>' : '<';
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      perElement(
        writer,
        {
          label: node.node.kernel,
          value: node.output(),
          shape: node.shapeOf(node.output()),
          flops: sizeOf(shape),
          bytes: 4 * sizeOf(shape),
        },
        (kernel, scope, at) => {
          const read = reader(kernel, x, shape, typeOf(node, x));
          const there = (i: string): string => `${read}(${insert(at.axes, axis, i).join(', ')})`;
          scope.line(`var best = ${there('0')}; var place = 0;`);
          scope.line(
            `for (var i = 1; i < ${loopEnd(writer, shape[axis]!)}; i++) { let entry = ${there('i')}; if (entry ${compare} best) { best = entry; place = i; } }`,
          );
          return 'place';
        },
      ),
  };
});

const threads = 64;

/**
 * The k largest of the last axis, in order; of equal ones the first comes first. One invocation per element counts
 * how many come before it, which is its place. A workgroup stays on one line, so that all of it reads the same number.
 */
registerLowering('TopK', (node): TemplateLowering => {
  const x = node.input('x');
  const shape = node.shapeOf(x);
  const [values, places] = [node.output(0), node.output(1)];
  const resultShape = node.shapeOf(values);
  const [length, k] = [shape.at(-1)!, resultShape.at(-1)!];
  const lines = sizeOf(shape.slice(0, -1));
  const groups = Math.ceil(length / threads);
  const grid = flatDispatch(lines * groups);
  const options = {
    label: 'TopK',
    workgroupSize: [threads, 1, 1],
    workgroups: grid.workgroups,
    flops: sizeOf(shape) * length,
    bytes: 4 * (sizeOf(shape) + 2 * sizeOf(resultShape)),
  } as const;
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      writer.kernel(options, (kernel) => {
        const { main } = kernel;
        const read = reader(kernel, x, shape, typeOf(node, x));
        const group = beginGroup(main, grid, lines * groups);
        const line = main.let(groups === 1 ? group : `${group} / ${groups}`);
        const own = main.let(`${groups === 1 ? '0' : `${group} % ${groups}`} * ${threads} + i32(lane)`);
        main.line(`if (${own} >= ${length}) { return; }`);
        const leading = Position.at(shape.slice(0, -1), line).axes.map((axis) => main.let(axis));
        main.line(`let entry = ${read}(${[...leading, own].join(', ')});`);
        const vectors = length % 4 === 0 && typeOf(node, x) === 'f32' ? kernel.vectors(x) : undefined;
        if (vectors) {
          main.line(
            `let first = ${line} * ${length / 4}; var places = vec4i(0); var at = vec4i(0, 1, 2, 3);`,
          );
          main.line(`for (var i = 0; i < ${loopEnd(writer, length / 4)}; i++) {
let others = vec4f(${vectors}[first + i]);
let before = (others > vec4f(entry)) | ((others == vec4f(entry)) & (at < vec4i(${own})));
places += select(vec4i(0), vec4i(1), before); at += 4;
}`);
          main.line('let place = places.x + places.y + places.z + places.w;');
        } else {
          main.line('var place = 0;');
          main.line(`for (var i = 0; i < ${loopEnd(writer, length)}; i++) {
let other = ${read}(${[...leading, 'i'].join(', ')});
if (other > entry || (other == entry && i < ${own})) { place++; }
}`);
        }
        main.line(`if (place >= ${k}) { return; }`);
        const there = Position.on(resultShape, [...leading, 'place']);
        kernel.store(main, values, there, 'entry');
        kernel.store(main, places, there, own);
      }),
  };
});
