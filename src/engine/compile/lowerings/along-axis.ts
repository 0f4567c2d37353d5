/** What looks along an axis and is no reduction: running sums, the place of the largest element. */
import { type LoweringNode, registerLowering, type TemplateLowering } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
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
