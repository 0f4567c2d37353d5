/**
 * Convolutions and their gradients as products without the matrices (implicit GEMM), for every stride, padding,
 * dilation and number of groups. Groups are batches of a product. Where every channel is a group of its own
 * there is nothing to multiply by blocks: `depthwise.ts`.
 */
import { type LoweringNode, registerLowering, type Scope, type TemplateLowering } from '../lowering.ts';
import { Position } from '../position.ts';
import { type Geometry, geometryOf, mergeColumns } from './convolution-geometry.ts';
import {
  gradientByChannel,
  orderFilter,
  phasesOf,
  pixelsByTap,
  pixelsOfGradient,
  pixelsUnderFilter,
} from './convolution-operands.ts';
import { depthwiseForward, depthwiseInputGrad } from './depthwise.ts';
import { depthwiseFilterGrad } from './depthwise-filter-gradient.ts';
import { type Product, splitIndex, writeProduct } from './mat-mul-kernel.ts';
import { type MatrixLayout, matrixOperand } from './mat-mul-operand.ts';
import { wantsOrder } from './ordered-columns.ts';

/**
 * Terms of one tap that make a loop of their own. Blocks in workgroup memory are 16 terms deep (8 at least):
 * fewer channels, or a rest of them, would leave the blocks half empty.
 */
const loopsOverTaps = (depth: number, taps: number, software: boolean): boolean =>
  taps === 1 || software || depth % 16 === 0 || depth >= 128;

/** A matrix [outer, inner] for each batch, one behind the other. */
const packed = (outer: number, inner: number, transposed: boolean): MatrixLayout => ({
  outerStride: transposed ? 1 : inner,
  innerStride: transposed ? outer : 1,
  offset: (batch) => (batch === '0' ? '0' : `${batch} * ${outer * inner}`),
  offsetsAligned: (outer * inner) % 4 === 0,
});

const nameOf = (what: string, { rows, columns, stride }: Geometry): string =>
  `${what}/${rows}x${columns}s${stride.join('x')}`;

function forward(node: LoweringNode): TemplateLowering {
  const x = node.input('x');
  const weight = node.input('weight');
  const output = node.output();
  const shape = node.shapeOf(output);
  const filter = node.shapeOf(weight);
  const plain = geometryOf(node.attrs, node.shapeOf(x), shape, filter);
  if (plain.depth === 1 && plain.groups > 1) return depthwiseForward(node, plain);
  const geometry = mergeColumns(plain);
  const { batch, outHeight, outWidth, outDepth, groups, depth } = geometry;
  const taps = geometry.rows * geometry.columns;
  const terms = taps * depth;
  return {
    kind: 'template',
    epilogue: true,
    inMemory: [x],
    build(writer) {
      const walk = loopsOverTaps(depth, taps, writer.software);
      const oneTap = plain.rows * plain.columns === 1;
      const size = { batch: groups, rows: batch * outHeight * outWidth, columns: outDepth, depth: terms };
      const asItLies = oneTap && !wantsOrder(writer, size);
      const ordered = asItLies ? weight : orderFilter(writer, weight, filter, groups, true);
      const orderedShape = asItLies ? filter : [groups, terms, outDepth];
      const product: Product = {
        name: nameOf('Conv2d', plain),
        shape: size,
        taps: walk ? taps : 1,
        a: (kernel, usable) => pixelsUnderFilter(kernel, x, geometry, !walk && taps > 1, usable),
        b(kernel, usable) {
          const layout = packed(outDepth, terms, !asItLies);
          const matrix = matrixOperand(kernel, ordered, orderedShape, layout, usable);
          if (!walk || taps === 1) return matrix;
          return {
            ...matrix,
            tap: (scope, [at], tap) => [scope.let(`${at} + ${tap} * ${depth * layout.innerStride}`)],
          };
        },
        store(kernel, scope, at, value) {
          const channel =
            at.batch === '0' ? at.column : scope.let(`${at.batch} * ${outDepth} + ${at.column}`);
          const offset = scope.let(`${at.row} * ${geometry.out} + ${channel}`);
          const pixel = Position.at(shape.slice(0, 3), at.row).axes;
          kernel.store(scope, output, Position.both(shape, offset, [...pixel, channel]), value);
        },
      };
      writeProduct(writer, product);
    },
  };
}

function inputGrad(node: LoweringNode): TemplateLowering {
  const dy = node.input('dy');
  const weight = node.input('weight');
  const output = node.output();
  const shape = node.shapeOf(output);
  const filter = node.shapeOf(weight);
  const geometry = geometryOf(node.attrs, shape, node.shapeOf(dy), filter);
  if (geometry.depth === 1 && geometry.groups > 1) return depthwiseInputGrad(node, geometry);
  const { batch, height, width, channels, depth, outDepth, groups } = geometry;
  const mostTaps = phasesOf(geometry, false);
  const taps = mostTaps.rows * mostTaps.columns;
  const filterTaps = geometry.rows * geometry.columns;
  return {
    kind: 'template',
    epilogue: true,
    inMemory: [dy],
    build(writer) {
      const walk = loopsOverTaps(outDepth, taps, writer.software);
      const phases = walk && taps > 1 ? phasesOf(geometry, true) : mostTaps;
      const ordered = filterTaps === 1 ? weight : orderFilter(writer, weight, filter, groups, false);
      const orderedShape = filterTaps === 1 ? filter : [groups, filterTaps, outDepth, depth];
      const product: Product = {
        name: nameOf('Conv2dInputGrad', geometry),
        shape: {
          batch: groups * phases.count,
          rows: batch * phases.height * phases.width,
          columns: depth,
          depth: taps * outDepth,
        },
        taps: walk ? taps : 1,
        ...(phases.taps
          ? {
              tapsOf(scope: Scope, image: string) {
                const [, phaseY, phaseX] = phases.split(scope, image);
                return phases.taps!(scope, phaseY, phaseX);
              },
            }
          : {}),
        flops: 2 * batch * geometry.outHeight * geometry.outWidth * geometry.out * filterTaps * depth,
        a: (kernel, usable) => pixelsOfGradient(kernel, dy, geometry, phases, !walk, usable),
        b(kernel, usable) {
          // One tap's [out, in], found anew for each tap: the order of taps is the phase's.
          const matrix = matrixOperand(kernel, ordered, orderedShape, packed(depth, outDepth, true), usable);
          const enter = (
            scope: Parameters<typeof matrix.place>[0],
            place: readonly string[],
            tap: string,
          ) => {
            if (filterTaps === 1) return place;
            const [at, phaseY, phaseX] = place as [string, string, string];
            const [row, column] = phases.filterTap(scope, tap, phaseY, phaseX);
            const found = `${row} * ${geometry.columns} + ${column}`;
            const index = scope.let(phases.taps ? found : `min(${found}, ${filterTaps - 1})`);
            return [scope.let(`${at} + ${index} * ${outDepth * depth}`)];
          };
          const place: typeof matrix.place = (scope, batchIndex, column) => {
            const [group, phaseY, phaseX] = phases.split(scope, batchIndex);
            const base = group === '0' ? column : `${group} * ${filterTaps * outDepth * depth} + ${column}`;
            return [scope.let(base), phaseY, phaseX];
          };
          if (walk) return { ...matrix, place, tap: enter };
          return {
            ...matrix,
            place,
            load(scope, at, k) {
              const tap = scope.let(`${k} / ${outDepth}`);
              return matrix.load(scope, enter(scope, at, tap), scope.let(`${k} - ${tap} * ${outDepth}`));
            },
            vector(scope, at, k) {
              const tap = scope.let(`${k} / ${outDepth}`);
              return matrix.vector!(scope, enter(scope, at, tap), scope.let(`${k} - ${tap} * ${outDepth}`));
            },
          };
        },
        store(kernel, scope, at, value) {
          const [group, phaseY, phaseX] = phases.split(scope, at.batch);
          const sizes = [batch, phases.height, phases.width];
          const [image, i, j] = splitIndex(scope, at.row, sizes) as [string, string, string];
          const y = phases.stepY === 1 ? i : scope.let(`${i} * ${phases.stepY} + ${phaseY}`);
          const x = phases.stepX === 1 ? j : scope.let(`${j} * ${phases.stepX} + ${phaseX}`);
          const channel = group === '0' ? at.column : scope.let(`${group} * ${depth} + ${at.column}`);
          const position = Position.on(shape, [image, y, x, channel]);
          const beyond = height % phases.stepY !== 0 || width % phases.stepX !== 0;
          if (!beyond) {
            kernel.store(scope, output, position, value);
            return;
          }
          const inside = kernel.block(scope);
          kernel.store(inside, output, position, value);
          scope.line(`if (${y} < ${height} && ${x} < ${width}) {\n${inside.text()}}`);
        },
      };
      if (channels === 0) return;
      writeProduct(writer, product);
    },
  };
}

function filterGrad(node: LoweringNode): TemplateLowering {
  const dy = node.input('dy');
  const x = node.input('x');
  const output = node.output();
  const filter = node.shapeOf(output);
  const plain = geometryOf(node.attrs, node.shapeOf(x), node.shapeOf(dy), filter);
  if (plain.depth === 1 && plain.groups > 1) return depthwiseFilterGrad(node, plain);
  const geometry = mergeColumns(plain);
  const { batch, outHeight, outWidth, outDepth, groups, rows, columns, depth } = geometry;
  const [, filterDepth, filterRows, filterColumns] = filter as [number, number, number, number];
  const taps = rows * columns;
  return {
    kind: 'template',
    epilogue: true,
    inMemory: [dy, x],
    build(writer) {
      // Pixels of a row share what depends on the row; without taps there is nothing to share.
      const walk = writer.software && batch * outHeight > 1 && (taps > 1 || geometry.stride[0] > 1);
      const product: Product = {
        name: nameOf('Conv2dFilterGrad', plain),
        shape: {
          batch: groups,
          rows: outDepth,
          columns: taps * depth,
          depth: batch * outHeight * outWidth,
        },
        taps: walk ? batch * outHeight : 1,
        a: (kernel, usable) => gradientByChannel(kernel, dy, geometry, usable),
        b: (kernel, usable) => pixelsByTap(kernel, x, geometry, !walk, usable),
        store(kernel, scope, at, value) {
          const channel = at.batch === '0' ? at.row : scope.let(`${at.batch} * ${outDepth} + ${at.row}`);
          const sizes = [filterRows, filterColumns, filterDepth];
          const [row, column, input] = splitIndex(scope, at.column, sizes) as [string, string, string];
          kernel.store(scope, output, Position.on(filter, [channel, input, row, column]), value);
        },
      };
      writeProduct(writer, product);
    },
  };
}

registerLowering('OcelliConv2d', forward);
registerLowering('OcelliConv2dInputGrad', inputGrad);
registerLowering('OcelliConv2dFilterGrad', filterGrad);
