/**
 * The kernels of one product: which part of it a workgroup computes, the split of long sums and the addition of
 * the parts, and where results go. How a workgroup multiplies stands in `mat-mul-direct.ts` and
 * `mat-mul-tile.ts`; linear layers, attention's products and convolutions are all written by this.
 */
import { type FlatDispatch, flatDispatch } from '../dispatch.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import type { KernelOptions, Scope, TemplateWriter } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position, sizeOf } from '../position.ts';
import { writeDirect } from './mat-mul-direct.ts';
import { writeMatrix } from './mat-mul-matrix.ts';
import type { Multiplication } from './mat-mul-multiplication.ts';
import type { Operand, Vectors } from './mat-mul-operand.ts';
import { writeTile } from './mat-mul-tile.ts';
import {
  chooseTile,
  invocationsOf,
  isUsable,
  type ProductShape,
  parseTile,
  productKey,
  type Tile,
  targetOf,
} from './mat-mul-tiles.ts';

/** Where a result belongs, as names. */
export interface Result {
  readonly batch: string;
  readonly row: string;
  readonly column: string;
}

export interface Product {
  /** For profiles and for filing a measured tile: `MatMul/nt`. */
  readonly name: string;
  /** `depth` counts all terms of a sum. */
  readonly shape: ProductShape;
  /** The sum has this many parts of equal length (1), see `Operand.tap`. */
  readonly taps?: number;
  /** How many of these parts a batch has; left out: all. */
  tapsOf?(scope: Scope, batch: string): string;
  /** Arithmetic operations, where they are fewer than the shape tells. */
  readonly flops?: number;
  a(kernel: KernelBuilder, usable: Vectors): Operand;
  b(kernel: KernelBuilder, usable: Vectors): Operand;
  store(kernel: KernelBuilder, scope: Scope, at: Result, value: string): void;
}

export function writeProduct(writer: TemplateWriter, product: Product): void {
  const { shape } = product;
  const target = targetOf(writer);
  const measured = writer.tuning.get(productKey(writer.half ? `f16 ${product.name}` : product.name, shape));
  const found = measured === undefined ? undefined : parseTile(measured);
  const chosen = found && isUsable(found, target) ? found : chooseTile(shape, target);
  const sum = splitSum(product, chosen);
  const tile = { ...chosen, splits: sum.splits };
  const { batch, rows, columns, depth } = shape;
  const partials = sum.splits > 1 ? writer.temporary([sum.splits, batch, rows, columns]) : undefined;
  const rowTiles = Math.ceil(rows / tile.rows);
  const columnTiles = Math.ceil(columns / tile.columns);
  const groups = rowTiles * columnTiles * batch * sum.splits;
  const grid = flatDispatch(groups);
  const options: KernelOptions = {
    label: sum.splits > 1 ? `${product.name} parts` : product.name,
    workgroupSize: [invocationsOf(tile, target), 1, 1],
    workgroups: grid.workgroups,
    flops: product.flops ?? 2 * batch * rows * columns * depth,
    bytes: 4 * batch * (rows * depth + columns * depth + rows * columns),
  };
  writer.kernel(options, (kernel) => {
    const { main } = kernel;
    const id = beginGroup(main, grid, groups);
    const index = splitIndex(main, id, [batch, sum.splits, rowTiles, columnTiles]);
    const [image, split, rowTile, columnTile] = index as [string, string, string, string];
    const put = putFunction(kernel, product, partials);
    const from = sum.splits === 1 ? '0' : main.let(`${split} * ${sum.step}`);
    const all = product.tapsOf?.(main, image) ?? String(sum.length);
    const length = writer.software && !product.tapsOf ? opaque(sum.length) : all;
    const to = sum.splits === 1 ? main.let(length) : main.let(`min(${from} + ${sum.step}, ${all})`);
    const multiplication: Multiplication = {
      kernel,
      tile,
      shape,
      a: product.a(kernel, usableBy(tile, tile.perRow)),
      b: product.b(kernel, usableBy(tile, tile.perColumn)),
      batch: image,
      row: main.let(`${rowTile} * ${tile.rows}`),
      column: main.let(`${columnTile} * ${tile.columns}`),
      taps: product.taps ?? 1,
      depth: depth / (product.taps ?? 1),
      software: writer.software,
      begin: from,
      end: to,
      store: (scope, storedRows, vectors, columnOf) =>
        storeAll(scope, put, writer.software && tile.kind === 'direct', {
          image,
          split,
          storedRows,
          vectors,
          columnOf,
        }),
    };
    if (tile.kind === 'matrix') writeMatrix(multiplication, target.matrices!);
    else (tile.kind === 'tile' ? writeTile : writeDirect)(multiplication);
  });
  if (partials !== undefined) addParts(writer, product, partials, sum.splits);
}

/**
 * Registers alone: a vector along the sum would mean four terms at a time, four times the text to compile at the
 * same speed (measured on lavapipe).
 */
const usableBy = ({ kind }: Tile, perInvocation: number): Vectors =>
  kind !== 'direct' ? { inner: true, outer: true } : { inner: false, outer: perInvocation % 4 === 0 };

interface Sum {
  readonly splits: number;
  /** Taps or terms in all, and in one split. */
  readonly length: number;
  readonly step: number;
}

/** Whole taps where there are several, otherwise a multiple of what is read at a time. */
function splitSum({ shape, taps = 1 }: Product, { splits, depth }: Tile): Sum {
  const length = taps > 1 ? taps : shape.depth;
  const unit = taps > 1 ? 1 : Math.max(depth, 4);
  const step = Math.max(1, Math.ceil(length / splits / unit)) * unit;
  return { splits: Math.max(1, Math.ceil(length / step)), length, step };
}

interface Put {
  readonly name: string;
  /** Its text is short: it may be written out for every result. */
  readonly short: boolean;
}

/** A function that stores one result, or a part of it, when it is inside of the product. */
function putFunction(kernel: KernelBuilder, product: Product, partials: number | undefined): Put {
  const { batch, rows, columns } = product.shape;
  const scope = kernel.block();
  const inside = kernel.block(scope);
  if (partials === undefined) {
    product.store(kernel, inside, { batch: 'image', row: 'row', column: 'column' }, 'result');
  } else {
    const offset = inside.let(`((split * ${batch} + image) * ${rows} + row) * ${columns} + column`);
    kernel.write(inside, partials, Position.at([sizeOf([batch, rows, columns])], offset), 'result');
  }
  const text = inside.text();
  const name = kernel.name('put');
  kernel.declare(
    `fn ${name}(image: i32, split: i32, row: i32, column: i32, result: f32) {\n` +
      `if (row < ${rows} && column < ${columns}) {\n${text}}\n}`,
  );
  return { name, short: text.split('\n').length < 8 };
}

interface Stored {
  readonly image: string;
  readonly split: string;
  readonly storedRows: readonly string[];
  readonly vectors: readonly (readonly string[])[];
  readonly columnOf: (g: number, q: string) => string;
}

/**
 * What follows a product (an activation) may be long: then one copy per vector in a loop, not one per number.
 * On a software adapter there is one copy for all numbers, and loops whose length its compiler can not know: it
 * would write them out.
 */
function storeAll(scope: Scope, put: Put, software: boolean, stored: Stored): void {
  const { image, split, storedRows, vectors, columnOf } = stored;
  const groups = vectors[0]!.length;
  if (software) {
    scope.line(`var results = array<vec4<f32>, ${vectors.length * groups}>(${vectors.flat().join(', ')});`);
    scope.line(`for (var i = 0; i < ${opaque(vectors.length)}; i++) {`);
    scope.line(`for (var j = 0; j < ${opaque(groups * 4)}; j++) {`);
    const result = `results[i * ${groups} + j / 4][j % 4]`;
    scope.line(`${put.name}(${image}, ${split}, ${storedRows[0]} + i, ${columnOf(0, 'j')}, ${result});\n} }`);
    return;
  }
  const quarter = (q: string): void =>
    vectors.forEach((groupsOfRow, i) => {
      groupsOfRow.forEach((vector, g) => {
        scope.line(`${put.name}(${image}, ${split}, ${storedRows[i]}, ${columnOf(g, q)}, ${vector}[${q}]);`);
      });
    });
  if (put.short) {
    for (const q of ['0', '1', '2', '3']) quarter(q);
    return;
  }
  scope.line('for (var q = 0; q < 4; q++) {');
  quarter('q');
  scope.line('}');
}

const lanesOfAddition = 64;

/** Adds the parts of each result from the first to the last. */
function addParts(writer: TemplateWriter, product: Product, partials: number, splits: number): void {
  const { batch, rows, columns } = product.shape;
  const size = batch * rows * columns;
  const grid = flatDispatch(Math.ceil(size / lanesOfAddition));
  const options: KernelOptions = {
    label: `${product.name} sum`,
    workgroupSize: [lanesOfAddition, 1, 1],
    workgroups: grid.workgroups,
    flops: size * splits,
    bytes: 4 * size * (splits + 1),
  };
  writer.kernel(options, (kernel) => {
    const { main } = kernel;
    main.line(`let at = ${grid.index} * ${lanesOfAddition} + i32(lane);`);
    main.line(`if (at >= ${size}) { return; }`);
    const parts = kernel.buffer(partials)!;
    main.line(`var total = ${parts}[at];`);
    main.line(
      `for (var part = 1; part < ${writer.software ? opaque(splits) : splits}; part++) { total += ${parts}[part * ${size} + at]; }`,
    );
    const index = splitIndex(main, 'at', [batch, rows, columns]);
    const [image, row, column] = index as [string, string, string];
    product.store(kernel, main, { batch: image, row, column }, 'total');
  });
}

/** A name for the number of the workgroup, after those beyond `count` have left. */
export function beginGroup(scope: Scope, grid: FlatDispatch, count: number): string {
  const id = scope.let(grid.index);
  const [x, y] = grid.workgroups;
  if (x * y > count) scope.line(`if (${id} >= ${count}) { return; }`);
  return id;
}

/** Names for the coordinates of `index` in a box of these sizes, the last one running fastest. */
export function splitIndex(scope: Scope, index: string, sizes: readonly number[]): string[] {
  const names = sizes.map(() => '0');
  let rest = index;
  const first = sizes.findIndex((size) => size > 1);
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis]!;
    if (size === 1) continue;
    names[axis] = scope.let(axis === first ? rest : `${rest} % ${size}`);
    if (axis > first) rest = scope.let(`${rest} / ${size}`);
  }
  return names;
}
