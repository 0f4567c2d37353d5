/**
 * The kernels of attention, forward and backward, on the tiles of `attention-tiles.ts`.
 *
 * Forward: rows are queries, columns keys. Softmax is the online one: where a block of keys holds a larger score
 * than all before, what was summed so far is scaled down.
 *
 * Backward, with p = e^(score − largest)/sum from the statistics, δ = Σ dy·y per query, ds = p·(dy·vᵀ − δ):
 * `queryGradient` walks over keys for dq = ds·k, `keyGradient` over queries for dk = dsᵀ·q and dv = pᵀ·dy. Each
 * output element has one writer: the results are the same in every run.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { TemplateWriter } from '../lowering.ts';
import { Position } from '../position.ts';
import { float } from '../wgsl.ts';
import { type AttentionGeometry, elementReader, maskReader, vectorReader } from './attention-geometry.ts';
import {
  blockColumns,
  blockRows,
  invocations,
  type Side,
  type TileShape,
  TileWriter,
} from './attention-tiles.ts';
import { splitIndex } from './mat-mul-kernel.ts';
import { loopEnd, perInvocation } from './per-element.ts';

const lowest = '-3.40282346e38f';
const four = [0, 1, 2, 3] as const;
const part = (i: number): string => 'xyzw'[i]!;

/** What the gradient kernels read beside q, k, v and the mask. */
export interface BackwardValues {
  readonly dy: number;
  /** Per query the largest score, the inverse sum and δ: [B, H, N, 3]. One value, because bindings are few. */
  readonly rows: number;
}

type Operand = 'q' | 'k' | 'v' | 'dy';

/** How an operand is read in one kernel. `gathered`: by vectors only, which may be a binding of its own. */
function sideOf(
  kernel: KernelBuilder,
  geometry: AttentionGeometry,
  value: number,
  operand: Operand,
  gathered = false,
): Side {
  const { batch, heads, queries, keys, width, valueWidth } = geometry;
  const rows = operand === 'q' || operand === 'dy' ? queries : keys;
  const length = operand === 'q' || operand === 'k' ? width : valueWidth;
  const shape = [batch, heads, rows, length];
  const element = gathered ? '' : elementReader(kernel, value, shape);
  return { element, vector: vectorReader(kernel, value, shape, element), rows, width: length };
}

/** What a tile's 16 scores get before they are used; `query` and `key` say where an entry stands. */
function finishScores(
  tiles: TileWriter,
  geometry: AttentionGeometry,
  mask: string | undefined,
  at: (row: number, column: number) => readonly [query: string, key: string],
): void {
  for (const r of four) {
    const added = four.map((c) => `${mask}(b, h, ${at(r, c).join(', ')})`).join(', ');
    const scaled = `s${r} * ${float(geometry.scale)}`;
    tiles.line(`s${r} = ${mask ? `fma(s${r}, vec4f(${float(geometry.scale)}), vec4f(${added}))` : scaled};`);
  }
}

/** Which of the tile's four columns exist. */
const insideOf = (column: string, columns: number): string =>
  `vec4<bool>(${four.map((c) => `${column} + x * 4 + ${c} < ${columns}`).join(', ')})`;

const clamped = (index: string, count: number): string => `min(${index}, ${count - 1})`;

interface Gathered {
  readonly name: string;
  readonly value: number;
  readonly shape: readonly number[];
  /** An expression that row r's elements are multiplied by. */
  readonly factor?: (r: number) => string;
}

/** Stores what was gathered: each of the four rows that exists. */
function storeRows(
  kernel: KernelBuilder,
  tiles: TileWriter,
  shape: TileShape,
  gathered: readonly Gathered[],
): void {
  const rows = gathered[0]!.shape[2]!;
  for (const r of four) {
    const inside = kernel.block();
    inside.line(`let n = row + ${r};`);
    for (const { name, value, shape: size, factor } of gathered) {
      const width = size[3]!;
      for (const g of tiles.groups(width)) {
        const group = kernel.block(inside);
        group.line(`let first = (x + ${g * shape.across}) * 4;`);
        for (const c of four) {
          const one = kernel.block(group);
          const d = one.let(`first + ${c}`);
          const entry = `${name}${g}_${r}.${part(c)}`;
          const at = Position.on(size, ['b', 'h', 'n', d]);
          kernel.store(one, value, at, factor ? `${entry} * ${factor(r)}` : entry);
          group.line(
            width % 4 === 0 ? `{\n${one.text()}}` : `if (first + ${c} < ${width}) {\n${one.text()}}`,
          );
        }
        const whole = (g + 1) * shape.across * 4 <= width;
        inside.line(
          whole ? `{\n${group.text()}}` : `if ((x + ${g * shape.across}) * 4 < ${width}) {\n${group.text()}}`,
        );
      }
    }
    tiles.line(`if (row + ${r} < ${rows}) {\n${inside.text()}}`);
  }
}

export function attentionForward(
  writer: TemplateWriter,
  shape: TileShape,
  geometry: AttentionGeometry,
  outputs: { readonly y: number; readonly statistics: number },
): void {
  const { batch, heads, queries, keys, width, valueWidth } = geometry;
  writer.kernel(
    {
      label: geometry.mask === undefined ? 'Attention' : 'MaskedAttention',
      workgroupSize: [invocations(shape), 1, 1],
      workgroups: [Math.ceil(queries / blockRows(shape)), heads, batch],
      flops: 2 * batch * heads * queries * keys * (width + valueWidth),
      bytes: 4 * batch * heads * (queries + keys) * (width + valueWidth),
    },
    (kernel) => {
      const q = sideOf(kernel, geometry, geometry.q, 'q');
      const k = sideOf(kernel, geometry, geometry.k, 'k');
      const v = sideOf(kernel, geometry, geometry.v, 'v', true);
      const mask = maskReader(kernel, geometry);
      const tiles = new TileWriter(kernel, shape, valueWidth);
      tiles.line(`var largest = vec4f(${lowest}); var sum = vec4f(0.0);`);
      tiles.startGather('o', valueWidth);
      tiles.line(`for (var column = 0; column < ${keys}; column += ${blockColumns(shape)}) {`);
      tiles.zeros('s');
      tiles.scores('s', q, k, 'column');
      finishScores(tiles, geometry, mask, (r, c) => [
        clamped(`row + ${r}`, queries),
        clamped(`column + x * 4 + ${c}`, keys),
      ]);
      tiles.line(`let inside = ${insideOf('column', keys)};`);
      for (const r of four) tiles.line(`s${r} = select(vec4f(${lowest}), s${r}, inside);`);
      const largestOf = (s: string): string => `max(max(${s}.x, ${s}.y), max(${s}.z, ${s}.w))`;
      const own = `max(largest, vec4f(${four.map((r) => largestOf(`s${r}`)).join(', ')}))`;
      tiles.acrossRows('next', own, (a, b) => `max(${a}, ${b})`);
      tiles.line('let shrink = exp(largest - next); largest = next;');
      for (const r of four)
        tiles.line(`s${r} = select(vec4f(0.0), exp(s${r} - vec4f(next.${part(r)})), inside);`);
      const sums = four.map((r) => `dot(s${r}, vec4f(1.0))`).join(', ');
      tiles.line(`sum = fma(sum, shrink, vec4f(${sums}));`);
      for (const g of tiles.groups(valueWidth))
        tiles.line(four.map((r) => `o${g}_${r} *= shrink.${part(r)};`).join(' '));
      tiles.share('s');
      tiles.gather('o', v, 'column');
      tiles.line('}');
      tiles.acrossRows('total', 'sum', (a, b) => `${a} + ${b}`);
      tiles.line('let inverse = vec4f(1.0) / total;');
      const yShape = [batch, heads, queries, valueWidth];
      storeRows(kernel, tiles, shape, [
        { name: 'o', value: outputs.y, shape: yShape, factor: (r) => `inverse.${part(r)}` },
      ]);
      const statistics = kernel.block();
      for (const r of four) {
        const one = kernel.block();
        for (const [i, name] of ['largest', 'inverse'].entries()) {
          const at = Position.on([batch, heads, queries, 2], ['b', 'h', `(row + ${r})`, String(i)]);
          kernel.write(one, outputs.statistics, at, `${name}.${part(r)}`);
        }
        statistics.line(`if (row + ${r} < ${queries}) {\n${one.text()}}`);
      }
      tiles.line(`if (x == 0) {\n${statistics.text()}}`);
      for (const line of tiles.lines) kernel.main.line(line);
    },
  );
}

/** Puts δ = Σ dy·y beside the statistics: see `BackwardValues.rows`. */
export function attentionRows(
  writer: TemplateWriter,
  { batch, heads, queries, valueWidth }: AttentionGeometry,
  { dy, y, statistics, rows }: Readonly<Record<'dy' | 'y' | 'statistics' | 'rows', number>>,
): void {
  const shape = [batch, heads, queries, valueWidth];
  const count = batch * heads * queries;
  const bytes = 8 * count * (valueWidth + 2);
  const options = { label: 'AttentionGrad rows', count, flops: 2 * count * valueWidth, bytes };
  perInvocation(writer, options, (kernel, index) => {
    const { main } = kernel;
    const [readDy, readY] = [elementReader(kernel, dy, shape), elementReader(kernel, y, shape)];
    const [b, h, n] = splitIndex(main, index, [batch, heads, queries]) as [string, string, string];
    main.line('var delta = 0.0;');
    main.line(
      `for (var d = 0; d < ${loopEnd(writer, valueWidth)}; d++) { delta = fma(${readDy}(${b}, ${h}, ${n}, d), ${readY}(${b}, ${h}, ${n}, d), delta); }`,
    );
    const at = (size: number, i: number): Position =>
      Position.on([batch, heads, queries, size], [b, h, n, String(i)]);
    for (const i of [0, 1]) kernel.write(main, rows, at(3, i), main.element(statistics, at(2, i)));
    kernel.write(main, rows, at(3, 2), 'delta');
  });
}

/** Readers `(b, h, n)` of what is kept per query: largest score, inverse sum, δ. */
function rowReaders(
  kernel: KernelBuilder,
  { batch, heads, queries }: AttentionGeometry,
  { rows }: BackwardValues,
): Readonly<Record<'largest' | 'inverse' | 'delta', string>> {
  const reader = (i: number): string =>
    kernel.fn(['b', 'h', 'n'], 'f32', (scope) =>
      scope.element(rows, Position.on([batch, heads, queries, 3], ['b', 'h', 'n', String(i)])),
    );
  return { largest: reader(0), inverse: reader(1), delta: reader(2) };
}

/** A vec4 of what a reader gives for the four queries from `first` on. */
const fourOf = (reader: string, first: string, queries: number): string =>
  `vec4f(${four.map((i) => `${reader}(b, h, ${clamped(`${first} + ${i}`, queries)})`).join(', ')})`;

export function attentionQueryGradient(
  writer: TemplateWriter,
  shape: TileShape,
  geometry: AttentionGeometry,
  values: BackwardValues,
  dq: number,
): void {
  const { batch, heads, queries, keys, width, valueWidth } = geometry;
  writer.kernel(
    {
      label: 'AttentionGrad dq',
      workgroupSize: [invocations(shape), 1, 1],
      workgroups: [Math.ceil(queries / blockRows(shape)), heads, batch],
      flops: 2 * batch * heads * queries * keys * (2 * width + valueWidth),
      bytes: 4 * batch * heads * ((2 * queries + keys) * width + (queries + keys) * valueWidth),
    },
    (kernel) => {
      const side = (value: number, operand: Operand): Side => sideOf(kernel, geometry, value, operand);
      const [q, k, v] = [side(geometry.q, 'q'), side(geometry.k, 'k'), side(geometry.v, 'v')];
      const dy = side(values.dy, 'dy');
      const mask = maskReader(kernel, geometry);
      const readers = rowReaders(kernel, geometry, values);
      const tiles = new TileWriter(kernel, shape, width);
      for (const [name, reader] of Object.entries(readers))
        tiles.line(`let ${name} = ${fourOf(reader, 'row', queries)};`);
      tiles.startGather('dq', width);
      tiles.line(`for (var column = 0; column < ${keys}; column += ${blockColumns(shape)}) {`);
      tiles.zeros('s');
      tiles.scores('s', q, k, 'column');
      tiles.zeros('dp');
      tiles.scores('dp', dy, v, 'column');
      finishScores(tiles, geometry, mask, (r, c) => [
        clamped(`row + ${r}`, queries),
        clamped(`column + x * 4 + ${c}`, keys),
      ]);
      tiles.line(`let inside = ${insideOf('column', keys)};`);
      for (const r of four) {
        const p = `exp(s${r} - vec4f(largest.${part(r)})) * inverse.${part(r)}`;
        tiles.line(`s${r} = select(vec4f(0.0), ${p} * (dp${r} - vec4f(delta.${part(r)})), inside);`);
      }
      tiles.share('s');
      tiles.gather('dq', k, 'column');
      tiles.line('}');
      const factor = (): string => float(geometry.scale);
      storeRows(kernel, tiles, shape, [
        { name: 'dq', value: dq, shape: [batch, heads, queries, width], factor },
      ]);
      for (const line of tiles.lines) kernel.main.line(line);
    },
  );
}

export function attentionKeyGradient(
  writer: TemplateWriter,
  shape: TileShape,
  geometry: AttentionGeometry,
  values: BackwardValues,
  { dk, dv }: { readonly dk: number; readonly dv: number },
): void {
  const { batch, heads, queries, keys, width, valueWidth } = geometry;
  writer.kernel(
    {
      label: 'AttentionGrad dk, dv',
      workgroupSize: [invocations(shape), 1, 1],
      workgroups: [Math.ceil(keys / blockRows(shape)), heads, batch],
      flops: 4 * batch * heads * queries * keys * (width + valueWidth),
      bytes: 4 * batch * heads * ((queries + 2 * keys) * width + (queries + 2 * keys) * valueWidth),
    },
    (kernel) => {
      const side = (value: number, operand: Operand): Side => sideOf(kernel, geometry, value, operand);
      const [q, k, v] = [side(geometry.q, 'q'), side(geometry.k, 'k'), side(geometry.v, 'v')];
      const dy = side(values.dy, 'dy');
      const mask = maskReader(kernel, geometry);
      const readers = rowReaders(kernel, geometry, values);
      const tiles = new TileWriter(kernel, shape, Math.max(width, valueWidth));
      tiles.startGather('dk', width);
      tiles.startGather('dv', valueWidth);
      tiles.line(`for (var column = 0; column < ${queries}; column += ${blockColumns(shape)}) {`);
      for (const [name, reader] of Object.entries(readers))
        tiles.line(`let ${name} = ${fourOf(reader, 'column + x * 4', queries)};`);
      tiles.zeros('s');
      tiles.scores('s', k, q, 'column');
      tiles.zeros('dp');
      tiles.scores('dp', v, dy, 'column');
      finishScores(tiles, geometry, mask, (r, c) => [
        clamped(`column + x * 4 + ${c}`, queries),
        clamped(`row + ${r}`, keys),
      ]);
      tiles.line(`let inside = ${insideOf('column', queries)};`);
      for (const r of four) {
        tiles.line(`s${r} = select(vec4f(0.0), exp(s${r} - largest) * inverse, inside);`);
        tiles.line(`dp${r} = s${r} * (dp${r} - delta);`);
      }
      tiles.share('s');
      tiles.gather('dv', dy, 'column');
      // Everyone must be done with the block before it is written again.
      tiles.line('workgroupBarrier();');
      tiles.share('dp');
      tiles.gather('dk', q, 'column');
      tiles.line('}');
      storeRows(kernel, tiles, shape, [
        { name: 'dk', value: dk, shape: [batch, heads, keys, width], factor: () => float(geometry.scale) },
        { name: 'dv', value: dv, shape: [batch, heads, keys, valueWidth] },
      ]);
      for (const line of tiles.lines) kernel.main.line(line);
    },
  );
}
