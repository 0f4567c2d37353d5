/**
 * Convolutions in which every channel has filters of its own, and their gradients. There is little arithmetic
 * for what is read, so kernels are direct: an invocation computes some pixels in a row of four neighbouring
 * channels (of one, where channels come in other numbers or a processor stands in for a GPU), and lanes lie side
 * by side in memory.
 */

import { flatDispatch } from '../dispatch.ts';
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import type { LoweringNode, Scope, TemplateLowering } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position } from '../position.ts';
import { type Geometry, within } from './convolution-geometry.ts';
import { type Reader, readerOf } from './convolution-operands.ts';
import { splitIndex } from './mat-mul-kernel.ts';

export const lanes = 64;
export const parts = ['x', 'y', 'z', 'w'] as const;

/** Channels of one invocation: four where a vector of them can be read and each has one filter. */
const widthOf = ({ channels, out }: Geometry): 1 | 4 => (channels % 4 === 0 && out === channels ? 4 : 1);

/**
 * The same where an invocation computes several pixels. A processor gives each lane a component of its vectors,
 * so four channels at once gain nothing there, and their sums no longer fit into its registers.
 */
export const widthOfRuns = (geometry: Geometry, software: boolean): 1 | 4 =>
  software ? 1 : widthOf(geometry);

/** `width` neighbours at an offset, as f32 or vec4<f32>. */
export function read(reader: Reader, scope: Scope, offset: string, width: 1 | 4): string {
  if (width === 1) return reader.number(scope, offset);
  if (reader.vectors) return reader.vector(offset);
  return `vec4<f32>(${parts.map((_, i) => reader.number(scope, `${offset} + ${i}`)).join(', ')})`;
}

const typeOf = (width: 1 | 4): string => (width === 4 ? 'vec4<f32>' : 'f32');
export const zeroOf = (width: 1 | 4): string => `${typeOf(width)}(0.0)`;

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
export const bound = (count: number, software: boolean): string => (software ? opaque(count) : String(count));

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

/**
 * Pixels in a row that one invocation computes: they share what is read of filter and image. Four; where
 * reading is dear and lanes are few, as many as make for the fewest reads. `reads`: those of so many pixels.
 */
export function pixelsAtOnce(
  rowLength: number,
  software: boolean,
  reads: (pixels: number) => number,
): number {
  if (!software) return 4;
  const all = (pixels: number): number => Math.ceil(rowLength / pixels) * reads(pixels);
  return Array.from({ length: 11 }, (_, i) => i + 4).reduce((best, pixels) =>
    all(pixels) < all(best) ? pixels : best,
  );
}

/** Columns of the image that lie under some tap of a run of pixels. */
export const columnsUnder = (pixels: number, columns: number, stride: number, dilation: number): number =>
  new Set(
    Array.from(
      { length: pixels * columns },
      (_, i) => Math.floor(i / columns) * stride + (i % columns) * dilation,
    ),
  ).size;

/** What an invocation needs to walk the rows of the filter over an image. */
interface Walk {
  readonly kernel: KernelBuilder;
  readonly geometry: Geometry;
  readonly software: boolean;
  readonly pixelCount: number;
  readonly width: 1 | 4;
  /** The image that is read, [B, height, width, channels], and where: which picture, which channel. */
  readonly reader: Reader;
  readonly from: readonly [height: number, width: number, channels: number];
  readonly image: string;
  readonly channel: string;
  readonly weight: number;
  /** First of the filters' output channels. */
  readonly filter: string;
  /** Row of the image under row `row` of the filter. */
  readonly rowAt: string;
  /** Column of the image under the first tap of the first pixel, and how far another tap or pixel is from it. */
  readonly column: string;
  distance(pixel: number, tap: number): number;
}

/** Sums for `pixelCount` pixels, in variables `total0`, … A column that several taps touch is read once. */
function walkRows(walk: Walk): void {
  const { kernel, geometry, software, width, reader, from, image, channel, weight, filter } = walk;
  const [height, imageWidth, channels] = from;
  const { main } = kernel;
  const pixels = Array.from({ length: walk.pixelCount }, (_, pixel) => pixel);
  const taps = Array.from({ length: geometry.columns }, (_, tap) => tap);
  for (const pixel of pixels) main.line(`var total${pixel} = ${zeroOf(width)};`);
  const scope = kernel.block(main);
  const atY = scope.let(walk.rowAt);
  const row = kernel.block(scope);
  const line = row.let(`(${image} * ${height} + ${atY}) * ${imageWidth * channels} + ${channel}`);
  const factors = taps.map((tap) =>
    row.let(weights(row, weight, geometry, [filter, 'row', String(tap)], width)),
  );
  const seen = new Map<number, string>();
  for (const pixel of pixels) {
    for (const tap of taps) {
      const distance = walk.distance(pixel, tap);
      let value = seen.get(distance);
      if (value === undefined) {
        const atX = row.let(`${walk.column} + ${distance}`);
        const found = read(reader, row, row.let(`${line} + ${atX} * ${channels}`), width);
        value = row.let(`select(${zeroOf(width)}, ${found}, ${within(atX, imageWidth)})`);
        seen.set(distance, value);
      }
      row.line(`total${pixel} += ${value} * ${factors[tap]};`);
    }
  }
  scope.line(`if (${within(atY, height)}) {\n${row.text()}}`);
  main.line(`for (var row = 0; row < ${bound(geometry.rows, software)}; row++) {\n${scope.text()}}`);
}

/** Stores the sums of `walkRows`, those of pixels inside of the image. */
function storePixels(
  kernel: KernelBuilder,
  output: number,
  shape: readonly number[],
  [image, y, x, channel]: Four,
  width: 1 | 4,
  pixelCount: number,
): void {
  const rowLength = shape[2]!;
  const scope = kernel.block();
  kernel.store(scope, output, Position.on(shape, ['image', 'y', 'x', 'channel']), 'result');
  const put = kernel.name('put');
  kernel.declare(`fn ${put}(image: i32, y: i32, x: i32, channel: i32, result: f32) {\n${scope.text()}}`);
  for (let pixel = 0; pixel < pixelCount; pixel++) {
    const calls = parts.slice(0, width).map((part, i) => {
      const value = width === 1 ? `total${pixel}` : `total${pixel}.${part}`;
      return `${put}(${image}, ${y}, ${x} + ${pixel}, ${channel} + ${i}, ${value});`;
    });
    const all = calls.join('\n');
    const safe = rowLength % pixelCount === 0;
    kernel.main.line(safe ? all : `if (${x} + ${pixel} < ${rowLength}) {\n${all}\n}`);
  }
}

export function depthwiseForward(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const x = node.input('x');
  const weight = node.input('weight');
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  return direct([x], (software) => {
    const width = widthOfRuns(geometry, software);
    const { columns } = geometry;
    const pixelCount = pixelsAtOnce(
      outWidth,
      software,
      (pixels) => columns + columnsUnder(pixels, columns, stride[1], dilation[1]),
    );
    const runs = Math.ceil(outWidth / pixelCount);
    return {
      label: 'Conv2d depthwise',
      count: (batch * outHeight * runs * out) / width,
      flops: 2 * batch * outHeight * outWidth * out * geometry.rows * geometry.columns,
      write(kernel, at) {
        const { main } = kernel;
        const [image, oy, run, block] = splitIndex(main, at, [batch, outHeight, runs, out / width]) as Four;
        const channel = main.let(width === 1 ? block : `${block} * 4`);
        const y = main.let(`${oy} * ${stride[0]} - ${geometry.top}`);
        const ox = main.let(`${run} * ${pixelCount}`);
        walkRows({
          kernel,
          geometry,
          software,
          pixelCount,
          width,
          reader: readerOf(kernel, x, node.shapeOf(x), width === 4),
          from: [height, imageWidth, channels],
          image,
          channel: main.let(out === channels ? channel : `${channel} / ${out / channels}`),
          weight,
          filter: channel,
          rowAt: `${y} + row * ${dilation[0]}`,
          column: main.let(`${ox} * ${stride[1]} - ${geometry.left}`),
          distance: (pixel, tap) => pixel * stride[1] + tap * dilation[1],
        });
        storePixels(
          kernel,
          node.output(),
          [batch, outHeight, outWidth, out],
          [image, oy, ox, channel],
          width,
          pixelCount,
        );
      },
    };
  });
}

/** Without a stride, and with one filter for each channel: the filter turned round walks over dy. */
function plainInputGrad(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const dy = node.input('dy');
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, dilation } = geometry;
  return direct([dy], (software) => {
    const width = widthOfRuns(geometry, software);
    const { columns } = geometry;
    const pixelCount = pixelsAtOnce(
      imageWidth,
      software,
      (pixels) => columns + columnsUnder(pixels, columns, 1, dilation[1]),
    );
    const runs = Math.ceil(imageWidth / pixelCount);
    return {
      label: 'Conv2dInputGrad depthwise',
      count: (batch * height * runs * channels) / width,
      flops: 2 * batch * outHeight * outWidth * channels * geometry.rows * geometry.columns,
      write(kernel, at) {
        const { main } = kernel;
        const [image, y, run, block] = splitIndex(main, at, [batch, height, runs, channels / width]) as Four;
        const channel = main.let(width === 1 ? block : `${block} * 4`);
        const x = main.let(`${run} * ${pixelCount}`);
        walkRows({
          kernel,
          geometry,
          software,
          pixelCount,
          width,
          reader: readerOf(kernel, dy, node.shapeOf(dy), width === 4),
          from: [outHeight, outWidth, channels],
          image,
          channel,
          weight: node.input('weight'),
          filter: channel,
          rowAt: `${y} + ${geometry.top} - row * ${dilation[0]}`,
          column: main.let(`${x} + ${geometry.left}`),
          distance: (pixel, tap) => pixel - tap * dilation[1],
        });
        storePixels(
          kernel,
          node.output(),
          [batch, height, imageWidth, channels],
          [image, y, x, channel],
          width,
          pixelCount,
        );
      },
    };
  });
}

export function depthwiseInputGrad(node: LoweringNode, geometry: Geometry): TemplateLowering {
  const dy = node.input('dy');
  const weight = node.input('weight');
  const output = node.output();
  const { batch, height, width: imageWidth, channels, outHeight, outWidth, out, stride, dilation } = geometry;
  const width = widthOf(geometry);
  const filters = out / channels;
  if (filters === 1 && stride[0] === 1 && stride[1] === 1) return plainInputGrad(node, geometry);
  return direct([dy], (software) => ({
    label: 'Conv2dInputGrad depthwise',
    count: (batch * height * imageWidth * channels) / width,
    flops: 2 * batch * outHeight * outWidth * out * geometry.rows * geometry.columns,
    write(kernel, at) {
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
  }));
}

export type Four = [string, string, string, string];

interface Direct {
  readonly label: string;
  /** Invocations. */
  readonly count: number;
  readonly flops: number;
  write(kernel: KernelBuilder, at: string): void;
}

const direct = (inMemory: readonly number[], describe: (software: boolean) => Direct): TemplateLowering => ({
  kind: 'template',
  epilogue: true,
  inMemory,
  build(writer) {
    const { label, count, flops, write } = describe(writer.software);
    const grid = flatDispatch(Math.ceil(count / lanes));
    const options = { label, workgroupSize: [lanes, 1, 1] as const, workgroups: grid.workgroups, flops };
    writer.kernel(options, (kernel) => {
      kernel.main.line(`let at = ${grid.index} * ${lanes} + i32(lane);`);
      kernel.main.line(`if (at >= ${count}) { return; }`);
      write(kernel, 'at');
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
