/**
 * Sums by index without atomics: every output element looks through the indices for those that are its own. That
 * reads all indices once per element, which for the tables of this field (a few thousand positions) is cheap, and
 * the order of addition never changes.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import { type LoweringNode, registerLowering, type Scope, type TemplateLowering } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { lanesReader, loopEnd, perElement, perLanes, reader } from './per-element.ts';

/** result[s, …] = Σ over i with segmentIds[i] = s of x[i, …]. Ids outside of the segments count nowhere. */
function segmentSum(node: LoweringNode): TemplateLowering {
  const [x, ids] = [node.input('x'), node.input('segmentIds')];
  const idShape = node.shapeOf(ids);
  const inputShape = node.shapeOf(x);
  const rows = sizeOf(idShape);
  const inner = inputShape.slice(idShape.length);
  const shape = node.shapeOf(node.output());
  const integer = node.dtypeOf(x) === 'int32';
  const options = {
    label: node.node.kernel,
    value: node.output(),
    shape,
    flops: rows * sizeOf(shape),
    bytes: 4 * (sizeOf(inputShape) + sizeOf(shape) + rows),
  };
  const flat = (position: Position): Position => position.reshaped(inputShape);
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      const sum = (
        kernel: KernelBuilder,
        scope: Scope,
        [segment, ...rest]: readonly string[],
        type: string,
        read: string,
      ): string => {
        const id = kernel.fn(['i'], 'i32', (inside) => inside.element(ids, Position.at(idShape, 'i')));
        scope.line(`var result = ${type}(0);`);
        scope.line(
          `for (var i = 0; i < ${loopEnd(writer, rows)}; i++) { if (${id}(i) == ${segment}) { result += ${read}(${['i', ...rest].join(', ')}); } }`,
        );
        return 'result';
      };
      // Neighbours share the search, unless neighbours are segments.
      if (integer || inner.length === 0) {
        const type = integer ? 'i32' : 'f32';
        perElement(writer, options, (kernel, scope, { axes }) =>
          sum(kernel, scope, axes, type, reader(kernel, x, [rows, ...inner], type, flat)),
        );
        return;
      }
      perLanes(writer, options, (kernel, scope, axes, lanes) =>
        sum(kernel, scope, axes, lanes.type, lanesReader(kernel, x, [rows, ...inner], lanes, flat)),
      );
    },
  };
}

/** result[indices[i], …] = Σ updates[i, …]: `indices` [..., depth] point into the leading axes. */
function scatter(node: LoweringNode): TemplateLowering {
  const [indices, updates] = [node.input('indices'), node.input('updates')];
  const indexShape = node.shapeOf(indices);
  const depth = indexShape.at(-1)!;
  const rows = sizeOf(indexShape) / depth;
  const shape = node.shapeOf(node.output());
  const inner = shape.slice(depth);
  const updateShape = node.shapeOf(updates);
  const type = node.dtypeOf(updates) === 'int32' ? 'i32' : 'f32';
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      perElement(
        writer,
        {
          label: node.node.kernel,
          value: node.output(),
          shape,
          flops: rows * sizeOf(shape),
          bytes: 4 * (sizeOf(shape) + sizeOf(updateShape) + sizeOf(indexShape)),
        },
        (kernel, scope, at) => {
          const index = kernel.fn(['i'], 'i32', (inside) =>
            inside.element(indices, Position.at(indexShape, 'i')),
          );
          const read = reader(kernel, updates, [rows, ...inner], type, (position) =>
            position.reshaped(updateShape),
          );
          const own = at.axes.slice(0, depth);
          const hits = own.map((axis, d) => `${index}(i * ${depth} + ${d}) == ${axis}`).join(' && ');
          scope.line(`var result = ${type}(0);`);
          scope.line(
            `for (var i = 0; i < ${loopEnd(writer, rows)}; i++) { if (${hits}) { result += ${read}(${['i', ...at.axes.slice(depth)].join(', ')}); } }`,
          );
          return 'result';
        },
      ),
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
