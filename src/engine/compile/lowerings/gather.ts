/**
 * Sums by index without atomics: every output element adds the rows that belong to it, from the first to the last, so
 * the order of addition never changes.
 *
 * Where outputs are few, each looks through all indices. Where they are many, that costs more than putting the rows
 * in order once; outputs then find theirs by halving. For the order each row counts how many come before it, which
 * is its place; on a processor each segment collects its rows, where segments are the fewer.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import {
  type LoweringNode,
  registerLowering,
  type Scope,
  type TemplateLowering,
  type TemplateWriter,
} from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import {
  countBefore,
  lanesOf,
  lanesReader,
  loopEnd,
  perElement,
  perInvocation,
  perLanes,
  reader,
} from './per-element.ts';

/** Rows that are added up by an index each. */
interface RowSums {
  readonly label: string;
  /** Rows of what is added, and the shape of one. */
  readonly rows: number;
  readonly inner: readonly number[];
  readonly added: number;
  readonly addedShape: readonly number[];
  readonly integer: boolean;
  /** Sums of integers that are told as floats, as some of TensorFlow.js' are. */
  readonly toFloat: boolean;
  /** Outputs: segments times `inner`; the leading axes of its shape number the segments. */
  readonly output: number;
  readonly shape: readonly number[];
  /** The segment of row `i`; any number that is no segment's: the row counts nowhere. */
  segmentOf(kernel: KernelBuilder, scope: Scope, i: string): string;
  /** The segments of rows `4 i` to `4 i + 3` as one vec4i, where they lie side by side. */
  fourSegments?(kernel: KernelBuilder): ((i: string) => string) | undefined;
}

/** Rows in the order of their segments. */
interface Sorted {
  /** [rows]: the row at each place, and its segment. */
  readonly order: number;
  readonly segments: number;
}

function writeSums(writer: TemplateWriter, sums: RowSums): void {
  const { label, rows, inner, added, addedShape, integer, output, shape } = sums;
  const leading = shape.slice(0, shape.length - inner.length);
  const type = integer ? 'i32' : 'f32';
  const flat = (position: Position): Position => position.reshaped(addedShape);
  const byLanes = !integer && inner.length > 0;
  const searches = sizeOf(shape) / (byLanes ? lanesOf(inner).count : 1);
  const segments = sizeOf(leading);
  const bySegment = writer.software && 2 * segments < rows;
  const walks = bySegment ? 2 * segments : rows;
  const order = bySegment ? collectRows : sortRows;
  const sorted = searches > 2 * walks ? order(writer, sums, segments) : undefined;
  const options = {
    label,
    value: output,
    shape,
    flops: sizeOf(addedShape),
    bytes: 4 * (sizeOf(addedShape) + sizeOf(shape) + rows),
  };
  const sum = (
    kernel: KernelBuilder,
    scope: Scope,
    axes: readonly string[],
    of: string,
    read: string,
  ): string => {
    const segment = scope.let(Position.on(leading, axes.slice(0, leading.length)).offset);
    const rest = axes.slice(leading.length);
    scope.line(`var result = ${of}(0);`);
    const term = (row: string): string => `result += ${read}(${[row, ...rest].join(', ')});`;
    if (sorted) {
      const segmentAt = reader(kernel, sorted.segments, [rows], 'i32');
      const rowAt = reader(kernel, sorted.order, [rows], 'i32');
      scope.line(`var place = 0; var beyond = ${rows};
while (place < beyond) {
let middle = (place + beyond) / 2;
if (${segmentAt}(middle) < ${segment}) { place = middle + 1; } else { beyond = middle; }
}
for (; place < ${rows}; place++) {
if (${segmentAt}(place) != ${segment}) { break; }
${term(`${rowAt}(place)`)}
}`);
    } else {
      const four = sums.fourSegments?.(kernel);
      if (four) {
        const terms = [0, 1, 2, 3].map((j) => `if (its.${'xyzw'[j]}) { ${term(`4 * i + ${j}`)} }`);
        scope.line(`for (var i = 0; i < ${loopEnd(writer, rows / 4)}; i++) {
let its = ${four('i')} == vec4i(${segment});
if (any(its)) { ${terms.join(' ')} }
}`);
      } else {
        const segmentOf = kernel.fn(['i'], 'i32', (inside) => sums.segmentOf(kernel, inside, 'i'));
        scope.line(
          `for (var i = 0; i < ${loopEnd(writer, rows)}; i++) { if (${segmentOf}(i) == ${segment}) { ${term('i')} } }`,
        );
      }
    }
    return sums.toFloat ? 'f32(result)' : 'result';
  };
  // Neighbours share the search, unless neighbours are segments.
  if (!byLanes) {
    perElement(writer, options, (kernel, scope, { axes }) =>
      sum(kernel, scope, axes, type, reader(kernel, added, [rows, ...inner], type, flat)),
    );
    return;
  }
  perLanes(writer, options, (kernel, scope, axes, lanes) =>
    sum(kernel, scope, axes, lanes.type, lanesReader(kernel, added, [rows, ...inner], lanes, flat)),
  );
}

function sortRows(writer: TemplateWriter, { label, rows, segmentOf, fourSegments }: RowSums): Sorted {
  const [order, segments] = [writer.temporary([rows], 'int32'), writer.temporary([rows], 'int32')];
  const options = { label: `${label} order`, count: rows, flops: 2 * rows * rows, bytes: 16 * rows };
  perInvocation(writer, options, (kernel, index) => {
    const { main } = kernel;
    const its = kernel.fn(['i'], 'i32', (inside) => segmentOf(kernel, inside, 'i'));
    main.line(`let own = ${its}(${index});`);
    const four = fourSegments?.(kernel);
    countBefore(writer, main, {
      count: rows,
      order: '<',
      own: 'own',
      place: index,
      ...(four ? { type: 'vec4i', entries: four } : { type: 'i32', entries: (i) => `${its}(${i})` }),
    });
    const at = Position.on([rows], ['place']);
    kernel.write(main, order, at, index);
    kernel.write(main, segments, at, 'own');
  });
  return { order, segments };
}

/**
 * As `sortRows`, by an invocation per segment, which walks through the rows twice: where its first one goes is how many
 * are of earlier segments. The last invocation has those that are of no segment.
 */
function collectRows(writer: TemplateWriter, { label, rows, segmentOf }: RowSums, count: number): Sorted {
  const [order, segments] = [writer.temporary([rows], 'int32'), writer.temporary([rows], 'int32')];
  const options = { label: `${label} order`, count: count + 1, flops: 2 * count * rows, bytes: 16 * rows };
  perInvocation(writer, options, (kernel, index) => {
    const { main } = kernel;
    const its = kernel.fn(
      ['i'],
      'i32',
      (inside) => `i32(min(u32(${segmentOf(kernel, inside, 'i')}), ${count}u))`,
    );
    const end = loopEnd(writer, rows);
    main.line(`var place = 0;
for (var i = 0; i < ${end}; i++) { if (${its}(i) < ${index}) { place++; } }`);
    const found = kernel.block(main);
    const at = Position.on([rows], ['place']);
    kernel.write(found, order, at, 'i');
    kernel.write(found, segments, at, index);
    main.line(
      `for (var i = 0; i < ${end}; i++) { if (${its}(i) == ${index}) {\n${found.text()}place++;\n} }`,
    );
  });
  return { order, segments };
}

function numbersOf(node: LoweringNode, added: number): Pick<RowSums, 'integer' | 'toFloat'> {
  const integer = node.dtypeOf(added) === 'int32';
  return { integer, toFloat: integer && node.dtypeOf(node.output()) === 'float32' };
}

/** result[s, …] = Σ over i with segmentIds[i] = s of x[i, …]. Ids outside of the segments count nowhere. */
function segmentSum(node: LoweringNode): TemplateLowering {
  const [x, ids] = [node.input('x'), node.input('segmentIds')];
  const idShape = node.shapeOf(ids);
  const addedShape = node.shapeOf(x);
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      writeSums(writer, {
        label: node.node.kernel,
        rows: sizeOf(idShape),
        inner: addedShape.slice(idShape.length),
        added: x,
        addedShape,
        ...numbersOf(node, x),
        output: node.output(),
        shape: node.shapeOf(node.output()),
        segmentOf: (_, scope, i) => scope.element(ids, Position.at(idShape, i)),
        fourSegments(kernel) {
          const vectors = kernel.integerVectors(ids);
          return vectors === undefined ? undefined : (i) => `${vectors}[${i}]`;
        },
      }),
  };
}

/** result[indices[i], …] = Σ updates[i, …]: `indices` [..., depth] point into the leading axes. */
function scatter(node: LoweringNode): TemplateLowering {
  const [indices, updates] = [node.input('indices'), node.input('updates')];
  const indexShape = node.shapeOf(indices);
  const depth = indexShape.at(-1)!;
  const shape = node.shapeOf(node.output());
  const leading = shape.slice(0, depth);
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      writeSums(writer, {
        label: node.node.kernel,
        rows: sizeOf(indexShape) / depth,
        inner: shape.slice(depth),
        added: updates,
        addedShape: node.shapeOf(updates),
        ...numbersOf(node, updates),
        output: node.output(),
        shape,
        segmentOf(_, scope, i) {
          const own = leading.map((__, d) =>
            scope.let(
              scope.element(
                indices,
                Position.at(indexShape, scope.let(depth === 1 ? `${i} + 0` : `${i} * ${depth} + ${d}`)),
              ),
            ),
          );
          const inside = own.map((axis, d) => `u32(${axis}) < ${leading[d]}u`).join(' && ');
          return scope.let(`select(-1, ${Position.on(leading, own).offset}, ${inside})`);
        },
        fourSegments(kernel) {
          const vectors = depth === 1 ? kernel.integerVectors(indices) : undefined;
          if (!vectors) return undefined;
          // What lies outside of the segments is -1 here as well: the order of rows takes segments from both.
          const four = kernel.name('four');
          kernel.declare(`fn ${four}(i: i32) -> vec4i {
let found = ${vectors}[i];
return select(vec4i(-1), found, vec4u(found) < vec4u(${leading[0]}u));
}`);
          return (i) => `${four}(${i})`;
        },
      }),
  };
}

registerLowering('UnsortedSegmentSum', segmentSum);
registerLowering('ScatterNd', scatter);

/** params[indices[…], …]: the last axis of `indices` points into the leading axes of `params`. */
registerLowering('GatherNd', (node) => {
  const [params, indices] = [node.input('params'), node.input('indices')];
  const indexShape = node.shapeOf(indices);
  const shape = node.shapeOf(params);
  const depth = indexShape.at(-1)!;
  const leading = indexShape.length - 1;
  return {
    kind: 'element',
    cost: 1,
    element(scope, at) {
      const own = at.axes.slice(0, leading);
      const found = Array.from({ length: depth }, (_, d) =>
        scope.let(
          `clamp(${scope.element(indices, Position.on(indexShape, [...own, String(d)]))}, 0, ${shape[d]! - 1})`,
        ),
      );
      return scope.element(params, Position.on(shape, [...found, ...at.axes.slice(leading)]));
    },
  };
});
