/**
 * Convolutions in which every channel has filters of its own, and their gradients. There is little arithmetic
 * for what is read, so kernels are direct: an invocation computes one pixel of four neighbouring channels (of
 * one, where channels come in other numbers), and lanes lie side by side in memory.
 */

import { flatDispatch } from '../dispatch.ts';
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import type { LoweringNode, Scope, TemplateLowering } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position } from '../position.ts';
import { type Geometry, within } from './convolution-geometry.ts';
import { type Reader, readerOf } from './convolution-operands.ts';
import { splitIndex } from './mat-mul-kernel.ts';

const lanes = 64;
const parts = ['x', 'y', 'z', 'w'] as const;

/** Channels of one invocation: four where a vector of them can be read and each has one filter. */
const widthOf = ({ channels, out }: Geometry): 1 | 4 => (channels % 4 === 0 && out === channels ? 4 : 1);

/** `width` neighbours at an offset, as f32 or vec4<f32>. */
function read(reader: Reader, scope: Scope, offset: string, width: 1 | 4): string {
  if (width === 1) return reader.number(scope, offset);
  if (reader.vectors) return reader.vector(offset);
  return `vec4<f32>(${parts.map((_, i) => reader.number(scope, `${offset} + ${i}`)).join(', ')})`;
}

const typeOf = (width: 1 | 4): string => (width === 4 ? 'vec4<f32>' : 'f32');
const zeroOf = (width: 1 | 4): string => `${typeOf(width)}(0.0)`;

/** The weights of `width` channels at a tap. */
function weights(
  scope: Scope,
  weight: number,
  geometry: Geometry,
  at: readonly [string, string, string],
  width: 1 | 4,
): string {
  const [channel, row, column] = at;
  const shape = [geometry.out, 1, geometry.rows, geometry.columns];
  const one = (i: number): string =>
    scope.element(
      weight,
      Position.on(shape, [i === 0 ? channel : scope.let(`${channel} + ${i}`), '0', row, column]),
    );
  return width === 1 ? one(0) : `vec4<f32>(${parts.map((_, i) => one(i)).join(', ')})`;
}

/** The end of a loop, kept from compilers that would write the loop out. */
const bound = (count: number, software: boolean): string => (software ? opaque(count) : String(count));

/** A loop over the rows and columns of the filter. */
function overTaps(
  kernel: KernelBuilder,
  outer: Scope,
  { rows, columns }: Geometry,
  software: boolean,
  write: (scope: BlockScope) => void,
): void {
  const inside = kernel.block(outer);
  write(inside);
  outer.line(
    `for (var row = 0; row < ${bound(rows, software)}; row++) { for (var column = 0; column < ${bound(columns, software)}; column++) {\n${inside.text()}} }`,
  );
}

export function depthwiseForward(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const x = node.input('x');
  const weight = node.input('weight');
  const output = node.output();
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  const shape = [batch, outHeight, outWidth, out];
  const width = widthOf(geometry);
  const count = (batch * outHeight * outWidth * out) / width;
  return direct(node, [x], {
    label: 'Conv2d depthwise',
    count,
    flops: 2 * batch * outHeight * outWidth * out * geometry.rows * geometry.columns,
    write(kernel, at, software) {
      const { main } = kernel;
      const reader = readerOf(kernel, x, node.shapeOf(x), width === 4);
      const [image, oy, ox, block] = splitIndex(main, at, [batch, outHeight, outWidth, out / width]) as Four;
      const channel = main.let(width === 1 ? block : `${block} * 4`);
      const from = main.let(out === channels ? channel : `${channel} / ${out / channels}`);
      const y = main.let(`${oy} * ${stride[0]} - ${geometry.top}`);
      const x0 = main.let(`${ox} * ${stride[1]} - ${geometry.left}`);
      main.line(`var total = ${zeroOf(width)};`);
      overTaps(kernel, main, geometry, software, (scope) => {
        const atY = scope.let(`${y} + row * ${dilation[0]}`);
        const atX = scope.let(`${x0} + column * ${dilation[1]}`);
        const term = kernel.block(scope);
        const offset = term.let(
          `((${image} * ${height} + ${atY}) * ${imageWidth} + ${atX}) * ${channels} + ${from}`,
        );
        const factor = weights(term, weight, geometry, [channel, 'row', 'column'], width);
        term.line(`total += ${read(reader, term, offset, width)} * ${factor};`);
        scope.line(`if (${within(atY, height)} && ${within(atX, imageWidth)}) {\n${term.text()}}`);
      });
      storeChannels(kernel, output, shape, [image, oy, ox, channel], width);
    },
  });
}

export function depthwiseInputGrad(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const dy = node.input('dy');
  const weight = node.input('weight');
  const output = node.output();
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  const width = widthOf(geometry);
  const filters = out / channels;
  return direct(node, [dy], {
    label: 'Conv2dInputGrad depthwise',
    count: (batch * height * imageWidth * channels) / width,
    flops: 2 * batch * outHeight * outWidth * out * geometry.rows * geometry.columns,
    write(kernel, at, software) {
      const { main } = kernel;
      const reader = readerOf(kernel, dy, node.shapeOf(dy), width === 4);
      const sizes = [batch, height, imageWidth, channels / width];
      const [image, y, x, block] = splitIndex(main, at, sizes) as Four;
      const channel = main.let(width === 1 ? block : `${block} * 4`);
      main.line(`var total = ${zeroOf(width)};`);
      overTaps(kernel, main, geometry, software, (scope) => {
        const reachY = scope.let(`${y} + ${geometry.top} - row * ${dilation[0]}`);
        const reachX = scope.let(`${x} + ${geometry.left} - column * ${dilation[1]}`);
        const atY = scope.let(`${reachY} / ${stride[0]}`);
        const atX = scope.let(`${reachX} / ${stride[1]}`);
        const conditions = [
          `${reachY} >= 0 && ${reachX} >= 0 && ${atY} < ${outHeight} && ${atX} < ${outWidth}`,
          ...(stride[0] > 1 ? [`${reachY} % ${stride[0]} == 0`] : []),
          ...(stride[1] > 1 ? [`${reachX} % ${stride[1]} == 0`] : []),
        ];
        const term = kernel.block(scope);
        const pixel = term.let(`((${image} * ${outHeight} + ${atY}) * ${outWidth} + ${atX}) * ${out}`);
        for (let i = 0; i < filters; i++) {
          const own = filters === 1 ? channel : term.let(`${channel} * ${filters} + ${i}`);
          const factor = weights(term, weight, geometry, [own, 'row', 'column'], width);
          term.line(`total += ${read(reader, term, term.let(`${pixel} + ${own}`), width)} * ${factor};`);
        }
        scope.line(`if (${conditions.join(' && ')}) {\n${term.text()}}`);
      });
      storeChannels(kernel, output, node.shapeOf(output), [image, y, x, channel], width);
    },
  });
}

type Four = [string, string, string, string];

interface Direct {
  readonly label: string;
  /** Invocations. */
  readonly count: number;
  readonly flops: number;
  write(kernel: KernelBuilder, at: string, software: boolean): void;
}

const direct = (
  _node: LoweringNode,
  inMemory: readonly number[],
  { label, count, flops, write }: Direct,
): TemplateLowering => ({
  kind: 'template',
  epilogue: true,
  inMemory,
  build(writer) {
    const grid = flatDispatch(Math.ceil(count / lanes));
    const options = { label, workgroupSize: [lanes, 1, 1] as const, workgroups: grid.workgroups, flops };
    writer.kernel(options, (kernel) => {
      kernel.main.line(`let at = ${grid.index} * ${lanes} + i32(lane);`);
      kernel.main.line(`if (at >= ${count}) { return; }`);
      write(kernel, 'at', writer.software);
    });
  },
});

/** Stores `total`, channel by channel. */
function storeChannels(
  kernel: KernelBuilder,
  output: number,
  shape: readonly number[],
  at: Four,
  width: 1 | 4,
): void {
  const { main } = kernel;
  const [image, y, x, channel] = at;
  for (let i = 0; i < width; i++) {
    const own = i === 0 ? channel : main.let(`${channel} + ${i}`);
    const value = width === 1 ? 'total' : `total.${parts[i]}`;
    kernel.store(main, output, Position.on(shape, [image, y, x, own]), value);
  }
}

/** Invocations that keep an adapter busy while they sum up a filter's gradient. */
const enough = { gpu: 65536, software: 256 } as const;

/**
 * The sum over all pixels for each weight: rows of pixels are dealt out to invocations, which each sum up their
 * share for one tap; a second kernel adds the shares in their order.
 */
export function depthwiseFilterGrad(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const dy = node.input('dy');
  const x = node.input('x');
  const output = node.output();
  const filter = node.shapeOf(output);
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  const taps = geometry.rows * geometry.columns;
  const width = widthOf(geometry);
  const pixelRows = batch * outHeight;
  return {
    kind: 'template',
    epilogue: true,
    inMemory: [dy, x],
    build(writer) {
      const blocks = out / width;
      const wanted = Math.ceil(enough[writer.software ? 'software' : 'gpu'] / (taps * blocks));
      const share = Math.ceil(pixelRows / Math.min(wanted, pixelRows));
      const shares = Math.ceil(pixelRows / share);
      const partial = writer.temporary([shares, taps, out]);
      const count = shares * taps * blocks;
      const grid = flatDispatch(Math.ceil(count / lanes));
      const flops = 2 * batch * outHeight * outWidth * out * taps;
      const options = { workgroupSize: [lanes, 1, 1] as const, workgroups: grid.workgroups };
      writer.kernel({ ...options, label: 'Conv2dFilterGrad depthwise parts', flops }, (kernel) => {
        const { main } = kernel;
        main.line(`let at = ${grid.index} * ${lanes} + i32(lane);`);
        main.line(`if (at >= ${count}) { return; }`);
        const sizes = [shares, geometry.rows, geometry.columns, blocks];
        const [part, row, column, block] = splitIndex(main, 'at', sizes) as Four;
        const channel = main.let(width === 1 ? block : `${block} * 4`);
        const from = main.let(out === channels ? channel : `${channel} / ${out / channels}`);
        const gradients = readerOf(kernel, dy, node.shapeOf(dy), width === 4);
        const pixels = readerOf(kernel, x, node.shapeOf(x), width === 4);
        main.line(`var total = ${zeroOf(width)};`);
        main.line(`let end = min((${part} + 1) * ${share}, ${pixelRows});`);
        const scope = kernel.block(main);
        const [image, oy] = splitIndex(scope, 'line', [batch, outHeight]) as [string, string];
        const atY = scope.let(`${oy} * ${stride[0]} - ${geometry.top} + ${row} * ${dilation[0]}`);
        const walk = kernel.block(scope);
        const atX = walk.let(`ox * ${stride[1]} - ${geometry.left} + ${column} * ${dilation[1]}`);
        const term = kernel.block(walk);
        const gradient = read(
          gradients,
          term,
          term.let(`(line * ${outWidth} + ox) * ${out} + ${channel}`),
          width,
        );
        const offset = term.let(
          `((${image} * ${height} + ${atY}) * ${imageWidth} + ${atX}) * ${channels} + ${from}`,
        );
        // A share within the line first: long sums are kept short.
        term.line(`subtotal += ${gradient} * ${read(pixels, term, offset, width)};`);
        walk.line(`if (${within(atX, imageWidth)}) {\n${term.text()}}`);
        scope.line(
          `if (${within(atY, height)}) {\nvar subtotal = ${zeroOf(width)};\n` +
            `for (var ox = 0; ox < ${bound(outWidth, writer.software)}; ox++) {\n${walk.text()}}\ntotal += subtotal;\n}`,
        );
        main.line(`for (var line = ${part} * ${share}; line < end; line++) {\n${scope.text()}}`);
        const tap = main.let(`${row} * ${geometry.columns} + ${column}`);
        for (let i = 0; i < width; i++) {
          const offsetOf = main.let(`(${part} * ${taps} + ${tap}) * ${out} + ${channel} + ${i}`);
          const value = width === 1 ? 'total' : `total.${parts[i]}`;
          kernel.write(main, partial, Position.at([shares, taps, out], offsetOf), value);
        }
      });
      const size = taps * out;
      const sumGrid = flatDispatch(Math.ceil(size / lanes));
      const sumOptions = { workgroupSize: [lanes, 1, 1] as const, workgroups: sumGrid.workgroups };
      writer.kernel(
        { ...sumOptions, label: 'Conv2dFilterGrad depthwise sum', flops: size * shares },
        (kernel) => {
          const { main } = kernel;
          main.line(`let at = ${sumGrid.index} * ${lanes} + i32(lane);`);
          main.line(`if (at >= ${size}) { return; }`);
          const array = kernel.buffer(partial)!;
          main.line(`var total = ${array}[at];`);
          main.line(
            `for (var part = 1; part < ${bound(shares, writer.software)}; part++) { total += ${array}[part * ${size} + at]; }`,
          );
          const [row, column, channel] = splitIndex(main, 'at', [geometry.rows, geometry.columns, out]) as [
            string,
            string,
            string,
          ];
          kernel.store(main, output, Position.on(filter, [channel, '0', row, column]), 'total');
        },
      );
    },
  };
}
