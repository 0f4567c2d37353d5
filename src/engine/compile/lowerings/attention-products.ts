/**
 * Attention for adapters that compute on the processor: as plain products with the scores in memory between them.
 * Tiles in workgroup memory cost more there than they save (a barrier switches between all invocations of a
 * workgroup), and memory is the processor's own. Scores that are too large for one buffer take the tiles all the
 * same: see `attention.ts`.
 *
 * What stands between the products is done where they store: scaling, mask and, backward, the whole of softmax,
 * which the statistics of the forward pass turn into an expression.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { TemplateWriter } from '../lowering.ts';
import { Position } from '../position.ts';
import { float } from '../wgsl.ts';
import { type AttentionGeometry, maskReader } from './attention-geometry.ts';
import { writeProduct } from './mat-mul-kernel.ts';
import type { Operand, Vectors } from './mat-mul-operand.ts';
import { loopEnd, perInvocation } from './per-element.ts';

/**
 * One matrix per batch and head of a [B, H, rows, columns] value. `transposed`: the sum runs along its rows, and
 * what the product calls a row or column of this operand is one of its columns.
 */
function matricesOf(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  transposed: boolean,
  usable: Vectors,
): Operand {
  const heads = shape[1]!;
  const width = shape[3]!;
  const along = transposed ? 'outer' : 'inner';
  const vectors = width % 4 === 0 && usable[along] ? kernel.vectors(value) : undefined;
  const position = (place: readonly string[], k: string): Position => {
    const [b, h, outer] = place as [string, string, string];
    return Position.on(shape, transposed ? [b, h, k, outer] : [b, h, outer, k]);
  };
  return {
    along: vectors ? along : undefined,
    place: (scope, batch, outer) => [
      scope.let(`${batch} / ${heads}`),
      scope.let(`${batch} % ${heads}`),
      outer,
    ],
    load: (scope, place, k) => scope.element(value, position(place, k)),
    vector: (scope, place, k) => `vec4<f32>(${vectors}[${scope.let(position(place, k).offset)} / 4])`,
  };
}

interface Matrices {
  readonly value: number;
  readonly columns: number;
  readonly transposed?: boolean;
}

interface BatchedProduct {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: Matrices;
  readonly b: Matrices;
  readonly output: number;
  /** WGSL functions for `finish`. */
  readonly readers?: (kernel: KernelBuilder) => Readonly<Record<string, string | undefined>>;
  /** What is stored, from the product's own number at (b, h, row, column). */
  readonly finish: (value: string, readers: Readonly<Record<string, string | undefined>>) => string;
}

function batchedProduct(
  writer: TemplateWriter,
  { batch, heads }: AttentionGeometry,
  { name, rows, columns, depth, a, b, output, readers, finish }: BatchedProduct,
): void {
  const matrix = (
    { value, columns: width, transposed = false }: Matrices,
    outer: number,
    kernel: KernelBuilder,
    usable: Vectors,
  ): Operand =>
    matricesOf(kernel, value, [batch, heads, transposed ? depth : outer, width], transposed, usable);
  writeProduct(writer, {
    name,
    shape: { batch: batch * heads, rows, columns, depth },
    a: (kernel, usable) => matrix(a, rows, kernel, usable),
    b: (kernel, usable) => matrix(b, columns, kernel, usable),
    store(kernel, scope, at, value) {
      scope.line(`let b = ${at.batch} / ${heads}; let h = ${at.batch} % ${heads};`);
      scope.line(`let i = ${at.row}; let j = ${at.column};`);
      const stored = finish(value, readers?.(kernel) ?? {});
      kernel.store(scope, output, Position.on([batch, heads, rows, columns], ['b', 'h', 'i', 'j']), stored);
    },
  });
}

/** A WGSL function `(b, h, i) ->` a number kept per query, one of `count` at `place`. */
function rowReader(
  kernel: KernelBuilder,
  { batch, heads, queries }: AttentionGeometry,
  value: number,
  count: number,
  place: number,
): string {
  return kernel.fn(['b', 'h', 'i'], 'f32', (scope) =>
    scope.element(value, Position.on([batch, heads, queries, count], ['b', 'h', 'i', String(place)])),
  );
}

const masked = (value: string, scale: number, mask: string | undefined): string =>
  `${value} * ${float(scale)}${mask ? ` + ${mask}(b, h, i, j)` : ''}`;

export function forwardByProducts(
  writer: TemplateWriter,
  geometry: AttentionGeometry,
  { y, statistics }: { readonly y: number; readonly statistics: number },
): void {
  const { batch, heads, queries, keys, width, valueWidth, scale } = geometry;
  const scores = writer.temporary([batch, heads, queries, keys]);
  batchedProduct(writer, geometry, {
    name: 'Attention scores',
    rows: queries,
    columns: keys,
    depth: width,
    a: { value: geometry.q, columns: width },
    b: { value: geometry.k, columns: width },
    output: scores,
    readers: (kernel) => ({ mask: maskReader(kernel, geometry) }),
    finish: (value, { mask }) => masked(value, scale, mask),
  });
  softmaxRows(writer, geometry, scores, statistics);
  batchedProduct(writer, geometry, {
    name: 'Attention values',
    rows: queries,
    columns: valueWidth,
    depth: keys,
    a: { value: scores, columns: keys },
    b: { value: geometry.v, columns: valueWidth, transposed: true },
    output: y,
    readers: (kernel) => ({ inverse: rowReader(kernel, geometry, statistics, 2, 1) }),
    finish: (value, { inverse }) => `${value} * ${inverse}(b, h, i)`,
  });
}

/** score → e^(score − largest) in place, and the statistics. */
function softmaxRows(
  writer: TemplateWriter,
  { batch, heads, queries, keys }: AttentionGeometry,
  scores: number,
  statistics: number,
): void {
  const rows = batch * heads * queries;
  const options = {
    label: 'Attention softmax',
    count: rows,
    flops: 3 * rows * keys,
    bytes: 12 * rows * keys,
  };
  perInvocation(writer, options, (kernel, index) => {
    const { main } = kernel;
    const buffer = kernel.buffer(scores, 'write')!;
    const end = loopEnd(writer, keys);
    main.line(`let first = ${index} * ${keys};`);
    main.line(`var largest = ${buffer}[first];`);
    main.line(`for (var j = 1; j < ${end}; j++) { largest = max(largest, ${buffer}[first + j]); }`);
    main.line('var sum = 0.0;');
    main.line(
      `for (var j = 0; j < ${end}; j++) { let e = exp(${buffer}[first + j] - largest); ${buffer}[first + j] = e; sum += e; }`,
    );
    const at = (place: string): Position => Position.on([rows, 2], [index, place]);
    kernel.write(main, statistics, at('0'), 'largest');
    kernel.write(main, statistics, at('1'), '1.0 / sum');
  });
}

interface BackwardByProducts {
  readonly dy: number;
  /** Per query the largest score, the inverse sum and δ: [B, H, N, 3]. */
  readonly rows: number;
  readonly dq: number;
  readonly dk: number;
  readonly dv: number;
}

export function backwardByProducts(
  writer: TemplateWriter,
  geometry: AttentionGeometry,
  { dy, rows, dq, dk, dv }: BackwardByProducts,
): void {
  const { batch, heads, queries, keys, width, valueWidth, scale } = geometry;
  const [p, ds] = [0, 1].map(() => writer.temporary([batch, heads, queries, keys])) as [number, number];
  const kept = (place: number) => (kernel: KernelBuilder) => rowReader(kernel, geometry, rows, 3, place);
  batchedProduct(writer, geometry, {
    name: 'AttentionGrad p',
    rows: queries,
    columns: keys,
    depth: width,
    a: { value: geometry.q, columns: width },
    b: { value: geometry.k, columns: width },
    output: p,
    readers: (kernel) => ({
      mask: maskReader(kernel, geometry),
      largest: kept(0)(kernel),
      inverse: kept(1)(kernel),
    }),
    finish: (value, { mask, largest, inverse }) =>
      `exp(${masked(value, scale, mask)} - ${largest}(b, h, i)) * ${inverse}(b, h, i)`,
  });
  batchedProduct(writer, geometry, {
    name: 'AttentionGrad ds',
    rows: queries,
    columns: keys,
    depth: valueWidth,
    a: { value: dy, columns: valueWidth },
    b: { value: geometry.v, columns: valueWidth },
    output: ds,
    readers: (kernel) => ({
      delta: kept(2)(kernel),
      p: kernel.fn(['b', 'h', 'i', 'j'], 'f32', (scope) =>
        scope.element(p, Position.on([batch, heads, queries, keys], ['b', 'h', 'i', 'j'])),
      ),
    }),
    finish: (value, { p: probability, delta }) =>
      `${probability}(b, h, i, j) * (${value} - ${delta}(b, h, i))`,
  });
  const scaled = (value: string): string => `${value} * ${float(scale)}`;
  batchedProduct(writer, geometry, {
    name: 'AttentionGrad dq',
    rows: queries,
    columns: width,
    depth: keys,
    a: { value: ds, columns: keys },
    b: { value: geometry.k, columns: width, transposed: true },
    output: dq,
    finish: scaled,
  });
  batchedProduct(writer, geometry, {
    name: 'AttentionGrad dk',
    rows: keys,
    columns: width,
    depth: queries,
    a: { value: ds, columns: keys, transposed: true },
    b: { value: geometry.q, columns: width, transposed: true },
    output: dk,
    finish: scaled,
  });
  batchedProduct(writer, geometry, {
    name: 'AttentionGrad dv',
    rows: keys,
    columns: valueWidth,
    depth: queries,
    a: { value: p, columns: keys, transposed: true },
    b: { value: dy, columns: valueWidth, transposed: true },
    output: dv,
    finish: (value) => value,
  });
}
