/**
 * The filter gradient of a convolution in which every channel has filters of its own: for each weight a sum over
 * all pixels, in two kernels so that it is spread over an adapter and yet always added up in the same order.
 */
import { flatDispatch } from '../dispatch.ts';
import type { LoweringNode, TemplateLowering } from '../lowering.ts';
import { Position } from '../position.ts';
import { type Geometry, within } from './convolution-geometry.ts';
import { readerOf } from './convolution-operands.ts';
import { bound, type Four, lanes, parts, read, widthOf, zeroOf } from './depthwise.ts';
import { splitIndex } from './mat-mul-kernel.ts';

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
