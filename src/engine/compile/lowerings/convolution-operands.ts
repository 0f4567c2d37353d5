/**
 * The matrices that a convolution multiplies, as operands of a product: pixels under the filter, pixels of dy
 * that a pixel of the input went into, filters. None of them is written to memory, but for filters of more than
 * one tap, which are small and lie the wrong way round: they are put in order once, tap by tap.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope, TemplateWriter } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { type Geometry, within } from './convolution-geometry.ts';
import { splitIndex } from './mat-mul-kernel.ts';
import type { Operand, Place, Vectors } from './mat-mul-operand.ts';

/** Reads one number, or four neighbours, at an offset of a value; with `vectors` only where all offsets allow it. */
export interface Reader {
  readonly vectors: boolean;
  number(scope: Scope, offset: string): string;
  vector(offset: string): string;
}

export function readerOf(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  aligned: boolean,
): Reader {
  const array = aligned ? kernel.vectors(value) : undefined;
  return {
    vectors: array !== undefined,
    number: (scope, offset) => scope.element(value, Position.at(shape, scope.let(offset))),
    vector: (offset) => `vec4<f32>(${array}[(${offset}) / 4])`,
  };
}

const multipleOfFour = (...numbers: readonly number[]): boolean =>
  numbers.every((number) => number % 4 === 0);

/** Whether all pixels, and the channels of all groups, begin at multiples of four. */
const channelsAligned = ({ channels, depth, groups, stride, width, columns }: Geometry): boolean =>
  groups === 1 && columns === 1
    ? // Runs of pixels may begin anywhere the stride takes them.
      multipleOfFour(depth, stride[1] * channels, width * channels)
    : multipleOfFour(channels, depth);

/** Coordinates of a tap of the filter. */
function tapAt(scope: Scope, tap: string, { rows, columns }: Geometry): readonly [string, string] {
  if (columns === 1) return [rows === 1 ? '0' : tap, '0'];
  if (rows === 1) return ['0', tap];
  return [scope.let(`${tap} / ${columns}`), scope.let(`${tap} % ${columns}`)];
}

const scaled = (name: string, factor: number): string =>
  name === '0' || factor === 0 ? '0' : factor === 1 ? name : `${name} * ${factor}`;

const minus = (name: string, amount: number): string =>
  amount === 0 ? name : `${name} ${amount > 0 ? '-' : '+'} ${Math.abs(amount)}`;

const chosen = (place: Place, value: string, zero: string): string =>
  place[1] === undefined ? value : `select(${zero}, ${value}, ${place[1]})`;

/** Operand whose places are [offset, condition?]: what is read at offset + k, or zero where the condition fails. */
const runs = (reader: Reader): Pick<Operand, 'load' | 'vector'> => ({
  load: (scope, place, k) => chosen(place, reader.number(scope, `${place[0]} + ${k}`), '0.0'),
  vector: (_, place, k) => chosen(place, reader.vector(`${place[0]} + ${k}`), 'vec4<f32>(0.0)'),
});

/**
 * Terms: the channels under each tap in turn. With `depth`, the channels of one tap, all taps are one run of terms
 * and `enter` is asked for each; else the product walks taps and channels in two loops.
 */
function overTaps(
  reader: Reader,
  place: Operand['place'],
  enter: NonNullable<Operand['tap']>,
  depth: number | undefined,
): Operand {
  const { load, vector } = runs(reader);
  const along = reader.vectors ? 'inner' : undefined;
  if (depth === undefined) return { along, place, tap: enter, load, vector: vector! };
  const term = (scope: Scope, at: Place, k: string): readonly [Place, string] => {
    const tap = scope.let(`${k} / ${depth}`);
    return [enter(scope, at, tap), scope.let(`${k} - ${tap} * ${depth}`)];
  };
  return {
    along,
    place,
    load: (scope, at, k) => load(scope, ...term(scope, at, k)),
    vector: (scope, at, k) => vector!(scope, ...term(scope, at, k)),
  };
}

/**
 * Rows: output pixels. Terms: the channels under a tap; `flat`: all taps are one run of terms, for channels too
 * few to be a loop of their own.
 */
export function pixelsUnderFilter(
  kernel: KernelBuilder,
  x: number,
  geometry: Geometry,
  flat: boolean,
  usable: Vectors,
): Operand {
  const { batch, height, width, channels, depth, outHeight, outWidth, stride, dilation } = geometry;
  const aligned = usable.inner && channelsAligned(geometry);
  const reader = readerOf(kernel, x, [batch, height, width, channels], aligned);
  const enter = (scope: Scope, [base, y, x]: Place, tap: string): Place => {
    const [row, column] = tapAt(scope, tap, geometry);
    const atY = scope.let(`${y} + ${scaled(row, dilation[0])}`);
    const atX = scope.let(`${x} + ${scaled(column, dilation[1])}`);
    const offset = scope.let(`${base} + (${atY} * ${width} + ${atX}) * ${channels}`);
    if (geometry.inside) return [offset];
    return [offset, scope.let(`${within(atY, height)} && ${within(atX, width)}`)];
  };
  const place = (scope: Scope, group: string, row: string): Place => {
    const [image, y, x] = splitIndex(scope, row, [batch, outHeight, outWidth]) as [string, string, string];
    return [
      scope.let(`${scaled(image, height * width * channels)} + ${scaled(group, depth)}`),
      scope.let(minus(scaled(y, stride[0]), geometry.top)),
      scope.let(minus(scaled(x, stride[1]), geometry.left)),
    ];
  };
  return overTaps(reader, place, enter, flat ? depth : undefined);
}

/**
 * Rows: pixels of the input, those of one phase: under a stride, pixels whose coordinates leave the same rest
 * meet the same taps, so only these are walked. The batch is group · phases + phase. Terms: channels of dy.
 */
export function pixelsOfGradient(
  kernel: KernelBuilder,
  dy: number,
  geometry: Geometry,
  phases: Phases,
  flat: boolean,
  usable: Vectors,
): Operand {
  const { batch, outHeight, outWidth, out, outDepth, stride, dilation } = geometry;
  const aligned = usable.inner && multipleOfFour(out, outDepth);
  const reader = readerOf(kernel, dy, [batch, outHeight, outWidth, out], aligned);
  const enter = (scope: Scope, [base, y, x, phaseY, phaseX]: Place, tap: string): Place => {
    const [row, column] = phases.filterTap(scope, tap, phaseY!, phaseX!);
    const reachY = scope.let(`${y} + ${geometry.top} - ${row} * ${dilation[0]}`);
    const reachX = scope.let(`${x} + ${geometry.left} - ${column} * ${dilation[1]}`);
    const atY = scope.let(stride[0] === 1 ? reachY : `${reachY} / ${stride[0]}`);
    const atX = scope.let(stride[1] === 1 ? reachX : `${reachX} / ${stride[1]}`);
    // A division rounds −1/2 up to 0, so the sign is asked for before it.
    const conditions = [
      `${reachY} >= 0 && ${reachX} >= 0 && ${atY} < ${outHeight} && ${atX} < ${outWidth}`,
      ...phases.conditions(row, column, reachY, reachX),
    ];
    return [
      scope.let(`${base} + (${atY} * ${outWidth} + ${atX}) * ${out}`),
      scope.let(conditions.join(' && ')),
    ];
  };
  const place = (scope: Scope, batchIndex: string, row: string): Place => {
    const [group, phaseY, phaseX] = phases.split(scope, batchIndex);
    const sizes = [batch, phases.height, phases.width];
    const [image, i, j] = splitIndex(scope, row, sizes) as [string, string, string];
    return [
      scope.let(`${scaled(image, outHeight * outWidth * out)} + ${scaled(group, outDepth)}`),
      scope.let(`${phaseY} + ${scaled(i, phases.stepY)}`),
      scope.let(`${phaseX} + ${scaled(j, phases.stepX)}`),
      phaseY,
      phaseX,
    ];
  };
  return overTaps(reader, place, enter, flat ? outDepth : undefined);
}

/** Where number `tap` stands in rows of so many. */
function rowAndColumn(scope: Scope, tap: string, columns: number | string): readonly [string, string] {
  if (columns === 1) return [tap, '0'];
  const across = typeof columns === 'number' ? String(columns) : scope.let(columns);
  return [scope.let(`${tap} / ${across}`), scope.let(`${tap} % ${across}`)];
}

export interface Phases {
  readonly count: number;
  /** Pixels of one phase, the last of which may lie beyond the image, and how far apart they are. */
  readonly height: number;
  readonly width: number;
  readonly stepY: number;
  readonly stepX: number;
  /** Taps that a phase walks at most: rows and columns. */
  readonly rows: number;
  readonly columns: number;
  /** How many taps a phase walks, where they are not equally many: then no phase walks others. */
  taps?(scope: Scope, phaseY: string, phaseX: string): string;
  split(scope: Scope, batch: string): readonly [group: string, phaseY: string, phaseX: string];
  /** Row and column of the filter for the tap of a phase; beyond the filter where a phase has fewer. */
  filterTap(scope: Scope, tap: string, phaseY: string, phaseX: string): readonly [string, string];
  /** What else must hold for a tap. */
  conditions(row: string, column: string, reachY: string, reachX: string): string[];
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/**
 * One axis: which taps a phase walks. `period` is 1 where phases don't help (dilation and stride share a divisor).
 * `exact`: no phase walks more taps than it has.
 */
function axisPhases(
  [length, taps]: readonly [number, number],
  stride: number,
  dilation: number,
  before: number,
  exact: boolean,
) {
  const period = greatestCommonDivisor(stride, dilation) === 1 ? stride : 1;
  // tap · dilation ≡ phase + before (mod stride)
  let inverse = 1;
  while ((inverse * dilation) % stride !== 1 % stride) {
    if (period === 1) break;
    inverse++;
  }
  const first = (phase: string): string =>
    period === 1 ? '0' : `((${phase} + ${((before % stride) + stride) % stride}) * ${inverse}) % ${stride}`;
  const even = taps % period === 0;
  return {
    period,
    even,
    length: Math.ceil(length / period),
    taps: Math.ceil(taps / period),
    first,
    count: (phase: string): string =>
      even ? String(taps / period) : `(${taps + period - 1} - ${first(phase)}) / ${period}`,
    condition: (tap: string, reach: string): string[] => [
      ...(even || exact ? [] : [`${tap} < ${taps}`]),
      ...(period === stride ? [] : [`${reach} % ${stride} == 0`]),
    ],
  };
}

/** `exact`: phases that have fewer taps than others walk fewer (`Phases.taps`). */
export function phasesOf(geometry: Geometry, exact: boolean): Phases {
  const { height, width, rows, columns, stride, dilation, top, left, groups } = geometry;
  const y = axisPhases([height, rows], stride[0], dilation[0], top, exact);
  const x = axisPhases([width, columns], stride[1], dilation[1], left, exact);
  const differ = exact && !(y.even && x.even);
  return {
    count: y.period * x.period,
    height: y.length,
    width: x.length,
    stepY: y.period,
    stepX: x.period,
    rows: y.taps,
    columns: x.taps,
    split: (scope, batch) =>
      splitIndex(scope, batch, [groups, y.period, x.period]) as [string, string, string],
    ...(differ
      ? {
          taps: (scope: Scope, phaseY: string, phaseX: string): string =>
            scope.let(`(${y.count(phaseY)}) * (${x.count(phaseX)})`),
        }
      : {}),
    filterTap(scope, tap, phaseY, phaseX) {
      const [row, column] = rowAndColumn(scope, tap, x.even || !exact ? x.taps : x.count(phaseX));
      return [
        scope.let(`${y.first(phaseY)} + ${scaled(row, y.period)}`),
        scope.let(`${x.first(phaseX)} + ${scaled(column, x.period)}`),
      ];
    },
    conditions: (row, column, reachY, reachX) => [
      ...y.condition(row, reachY),
      ...x.condition(column, reachX),
    ],
  };
}

/** Rows: a group's output channels. Terms: pixels of dy; with `taps`, those of one row of an image. */
export function gradientByChannel(
  kernel: KernelBuilder,
  dy: number,
  geometry: Geometry,
  usable: Vectors,
): Operand {
  const { batch, outHeight, outWidth, out, outDepth } = geometry;
  const aligned = usable.outer && multipleOfFour(out, outDepth);
  const reader = readerOf(kernel, dy, [batch, outHeight, outWidth, out], aligned);
  const at = (place: Place, k: string): string => `${place[0]} + ${k} * ${out}`;
  return {
    along: reader.vectors ? 'outer' : undefined,
    place: (scope, group, row) => [scope.let(`${scaled(group, outDepth)} + ${row}`)],
    tap: (scope, place, tap) =>
      tap === '0' ? place : [scope.let(`${place[0]} + ${tap} * ${outWidth * out}`)],
    load: (scope, place, k) => reader.number(scope, at(place, k)),
    vector: (_, place, k) => reader.vector(at(place, k)),
  };
}

/**
 * Columns: taps times channels of a group. Terms: output pixels, row by row of the images (`flat`: all of them
 * in one run).
 */
export function pixelsByTap(
  kernel: KernelBuilder,
  x: number,
  geometry: Geometry,
  flat: boolean,
  usable: Vectors,
): Operand {
  const { batch, height, width, channels, depth, outHeight, outWidth, stride, dilation } = geometry;
  const aligned = usable.outer && channelsAligned(geometry);
  const reader = readerOf(kernel, x, [batch, height, width, channels], aligned);
  const place = (scope: Scope, group: string, column: string): Place => {
    const tap = geometry.rows * geometry.columns === 1 ? '0' : scope.let(`${column} / ${depth}`);
    const channel = tap === '0' ? column : scope.let(`${column} - ${tap} * ${depth}`);
    const [row, across] = tapAt(scope, tap, geometry);
    return [
      scope.let(`${scaled(group, depth)} + ${channel}`),
      scope.let(minus(scaled(row, dilation[0]), geometry.top)),
      scope.let(minus(scaled(across, dilation[1]), geometry.left)),
    ];
  };
  const enter = (scope: Scope, [base, y, x]: Place, image: string, row: string): Place => {
    const atY = scope.let(`${scaled(row, stride[0])} + ${y}`);
    const line = `(${scaled(image, height)} + ${atY}) * ${width * channels}`;
    return [scope.let(`${base} + ${line}`), scope.let(within(atY, height)), x!];
  };
  const at = (scope: Scope, [base, inside, x]: Place, column: string): Place => {
    const atX = scope.let(`${scaled(column, stride[1])} + ${x}`);
    const offset = scope.let(`${base} + ${atX} * ${channels}`);
    return geometry.inside ? [offset] : [offset, scope.let(`${inside} && ${within(atX, width)}`)];
  };
  const { load, vector } = runs(reader);
  const along = reader.vectors ? 'outer' : undefined;
  if (!flat) {
    return {
      along,
      place,
      tap(scope, found, tap) {
        const [image, row] = splitIndex(scope, tap, [batch, outHeight]) as [string, string];
        return enter(scope, found, image, row);
      },
      load: (scope, found, k) => load(scope, at(scope, found, k), '0'),
      vector: (scope, found, k) => vector!(scope, at(scope, found, k), '0'),
    };
  }
  const pixel = (scope: Scope, found: Place, k: string): Place => {
    const sizes = [batch, outHeight, outWidth];
    const [image, row, column] = splitIndex(scope, k, sizes) as [string, string, string];
    return at(scope, enter(scope, found, image, row), column);
  };
  return {
    along,
    place,
    load: (scope, found, k) => load(scope, pixel(scope, found, k), '0'),
    vector: (scope, found, k) => vector!(scope, pixel(scope, found, k), '0'),
  };
}

const lanes = 64;

/**
 * A filter [out, C / groups, kh, kw] in the order [group, tap, in, out] (`forward`) or [group, tap, out, in]
 * (for the input's gradient).
 */
export function orderFilter(
  writer: TemplateWriter,
  weight: number,
  filter: readonly number[],
  groups: number,
  forward: boolean,
): number {
  const [out, depth, rows, columns] = filter as [number, number, number, number];
  const sides = forward ? [depth, out / groups] : [out / groups, depth];
  const shape = [groups, rows * columns, ...sides];
  const size = sizeOf(shape);
  const ordered = writer.temporary(shape, 'float32', 'half');
  writer.kernel(
    {
      label: 'Conv2d filter order',
      workgroupSize: [lanes, 1, 1],
      workgroups: orderGrid(size),
      bytes: (writer.half ? 4 : 8) * size,
    },
    (kernel) => {
      const { main } = kernel;
      main.line(`let at = (i32(group.y) * ${orderGrid(size)[0]} + i32(group.x)) * ${lanes} + i32(lane);`);
      main.line(`if (at >= ${size}) { return; }`);
      const [group, tap, first, second] = splitIndex(main, 'at', shape) as [string, string, string, string];
      const [input, output] = forward ? [first, second] : [second, first];
      const channel = main.let(`${scaled(group, out / groups)} + ${output}`);
      const [row, column] = splitIndex(main, tap, [rows, columns]) as [string, string];
      const value = main.element(weight, Position.on(filter, [channel, input, row, column]));
      kernel.write(main, ordered, Position.at(shape, 'at'), value);
    },
  );
  return ordered;
}

function orderGrid(size: number): [number, number, number] {
  const groups = Math.ceil(size / lanes);
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y, 1];
}
