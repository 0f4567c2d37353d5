/**
 * The filter gradient of a convolution in which every channel has filters of its own: for each weight a sum over
 * all pixels, in two kernels so that it is spread over an adapter and yet always added up in the same order.
 */
import { flatDispatch } from '../dispatch.ts';
import type { LoweringNode, TemplateLowering } from '../lowering.ts';
import { Position } from '../position.ts';
import { type Geometry, within } from './convolution-geometry.ts';
import { readerOf } from './convolution-operands.ts';
import {
  bound,
  columnsUnder,
  type Four,
  lanes,
  parts,
  pixelsAtOnce,
  read,
  widthOfRuns,
  zeroOf,
} from './depthwise.ts';
import { splitIndex } from './mat-mul-kernel.ts';

type Three = [string, string, string];

/** Invocations that keep an adapter busy while they sum up a filter's gradient. */
const enough = { gpu: 65536, software: 1024 } as const;
/** Shares at most: the second kernel adds them one after the other. */
const mostShares = 128;
/** Taps in a row that one invocation sums up at most: their sums are to stay in registers. */
const mostTaps = 8;

/**
 * The sum over all pixels for each weight: runs of pixels are dealt out to invocations, which each sum up their
 * share for one row of the filter (part of a long one), so that what is read of dy and of the image serves several taps; a second
 * kernel adds the shares in their order.
 */
export function depthwiseFilterGrad(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const dy = node.input('dy');
  const x = node.input('x');
  const output = node.output();
  const filter = node.shapeOf(output);
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  const { rows, columns } = geometry;
  const taps = rows * columns;
  const chunks = Math.ceil(columns / mostTaps);
  const along = Math.ceil(columns / chunks);
  return {
    kind: 'template',
    epilogue: true,
    inMemory: [dy, x],
    build(writer) {
      const width = widthOfRuns(geometry, writer.software);
      const pixelCount = pixelsAtOnce(
        outWidth,
        writer.software,
        (pixels) => pixels + columnsUnder(pixels, along, stride[1], dilation[1]),
      );
      const runs = Math.ceil(outWidth / pixelCount);
      const units = batch * outHeight * runs;
      const blocks = out / width;
      const wanted = Math.ceil(enough[writer.software ? 'software' : 'gpu'] / (rows * chunks * blocks));
      const share = Math.ceil(units / Math.min(wanted, units, mostShares));
      const shares = Math.ceil(units / share);
      const partial = writer.temporary([shares, taps, out]);
      const count = shares * rows * chunks * blocks;
      const grid = flatDispatch(Math.ceil(count / lanes));
      const flops = 2 * batch * outHeight * outWidth * out * taps;
      const options = { workgroupSize: [lanes, 1, 1] as const, workgroups: grid.workgroups };
      writer.kernel({ ...options, label: 'Conv2dFilterGrad depthwise parts', flops }, (kernel) => {
        const { main } = kernel;
        main.line(`let at = ${grid.index} * ${lanes} + i32(lane);`);
        main.line(`if (at >= ${count}) { return; }`);
        const sizes = [shares, rows, chunks, blocks];
        const [part, row, chunk, block] = splitIndex(main, 'at', sizes) as Four;
        const firstTap = chunks === 1 ? '0' : main.let(`${chunk} * ${along}`);
        const channel = main.let(width === 1 ? block : `${block} * 4`);
        const from = main.let(out === channels ? channel : `${channel} / ${out / channels}`);
        const gradients = readerOf(kernel, dy, node.shapeOf(dy), width === 4);
        const image = readerOf(kernel, x, node.shapeOf(x), width === 4);
        for (let tap = 0; tap < along; tap++) main.line(`var total${tap} = ${zeroOf(width)};`);
        main.line(`let end = min((${part} + 1) * ${share}, ${units});`);
        const scope = kernel.block(main);
        const [picture, oy, run] = splitIndex(scope, 'unit', [batch, outHeight, runs]) as Three;
        const atY = scope.let(`${oy} * ${stride[0]} - ${geometry.top} + ${row} * ${dilation[0]}`);
        const unit = kernel.block(scope);
        const ox = unit.let(`${run} * ${pixelCount}`);
        const column = unit.let(`${ox} * ${stride[1]} - ${geometry.left} + ${firstTap} * ${dilation[1]}`);
        const line = unit.let(`(${picture} * ${height} + ${atY}) * ${imageWidth * channels} + ${from}`);
        const dyLine = unit.let(
          `((${picture} * ${outHeight} + ${oy}) * ${outWidth} + ${ox}) * ${out} + ${channel}`,
        );
        const seen = new Map<number, string>();
        const at = (distance: number): string => {
          const known = seen.get(distance);
          if (known !== undefined) return known;
          const atX = unit.let(`${column} + ${distance}`);
          const found = read(image, unit, unit.let(`${line} + ${atX} * ${channels}`), width);
          const value = unit.let(`select(${zeroOf(width)}, ${found}, ${within(atX, imageWidth)})`);
          seen.set(distance, value);
          return value;
        };
        // A share within the run first: long sums are kept short.
        for (let tap = 0; tap < along; tap++) unit.line(`var sum${tap} = ${zeroOf(width)};`);
        for (let pixel = 0; pixel < pixelCount; pixel++) {
          const gradient = unit.let(read(gradients, unit, unit.let(`${dyLine} + ${pixel * out}`), width));
          for (let tap = 0; tap < along; tap++) {
            const product = `${gradient} * ${at(pixel * stride[1] + tap * dilation[1])}`;
            // The last run of a row may reach beyond it.
            const term =
              (runs - 1) * pixelCount + pixel < outWidth
                ? product
                : `select(${zeroOf(width)}, ${product}, ${ox} + ${pixel} < ${outWidth})`;
            unit.line(`sum${tap} += ${term};`);
          }
        }
        for (let tap = 0; tap < along; tap++) unit.line(`total${tap} += sum${tap};`);
        scope.line(`if (${within(atY, height)}) {\n${unit.text()}}`);
        main.line(`for (var unit = ${part} * ${share}; unit < end; unit++) {\n${scope.text()}}`);
        for (let tap = 0; tap < along; tap++) {
          const put = kernel.block(main);
          const first = put.let(
            `(${part} * ${taps} + ${row} * ${columns} + ${firstTap} + ${tap}) * ${out} + ${channel}`,
          );
          for (let i = 0; i < width; i++) {
            const value = width === 1 ? `total${tap}` : `total${tap}.${parts[i]}`;
            kernel.write(put, partial, Position.at([shares, taps, out], `${first} + ${i}`), value);
          }
          const everywhere = (chunks - 1) * along + tap < columns;
          const text = put.text();
          main.line(everywhere ? text : `if (${firstTap} + ${tap} < ${columns}) {\n${text}}`);
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
          const [row, column, channel] = splitIndex(main, 'at', [rows, columns, out]) as Three;
          kernel.store(main, output, Position.on(filter, [channel, '0', row, column]), 'total');
        },
      );
    },
  };
}
