/**
 * Kernels that combine along rows that lie behind each other: bias gradients, statistics of batch norm, and long
 * single rows cut into pieces. Neighbouring lanes take neighbouring columns, further lanes of the workgroup other
 * rows; many rows are cut into slices that `partials` brings together.
 */

import { elementsOf } from '../analysis.ts';
import { type Domain, placeIn } from '../domains.ts';
import type { Group } from '../groups.ts';
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import { opaque } from '../opaque.ts';
import { type Position, spellQuad } from '../position.ts';
import { combineLanes, elementInto, type Reduction, reductionsOf } from './combine.ts';
import { type EmitContext, nextPowerOfTwo, placeInRows } from './context.ts';
import { storeUnit, worthVectors } from './flat.ts';
import { makePartials, type Partials, pinResult, storeResults, writeFinish, writePiece } from './partials.ts';

type Columns = Extract<Domain, { kind: 'column' }>;

interface Walk {
  readonly width: number;
  /** Columns, or vectors of four of them. */
  readonly units: number;
  /** Lanes along columns and along rows. */
  readonly across: number;
  readonly down: number;
  readonly tiles: number;
  readonly slices: number;
  readonly rowsPerSlice: number;
}

export function writeColumns(context: EmitContext, group: Group, domain: Columns): void {
  const reductions = reductionsOf(context, group);
  const isResult = (value: number): boolean =>
    placeIn(domain, elementsOf(context.analysis, value)) === 'result';
  const results = group.stores.filter(isResult);
  const full = group.stores.filter((value) => !isResult(value));
  const made = new Map<number, Partials>();
  let used: Partials | undefined;
  context.kernel(
    group,
    (vectors) => {
      const walk = shapeOfWalk(context, domain, vectors);
      if (walk.slices > 1 && !made.has(walk.slices)) {
        made.set(walk.slices, makePartials(context, reductions, walk.slices, domain.outer * domain.columns));
      }
      used = made.get(walk.slices);
      return {
        label: context.label(group),
        workgroupSize: [walk.across * walk.down, 1, 1],
        workgroups: [walk.tiles, walk.slices, domain.outer],
        write: (kernel) =>
          writeTile(context, kernel, domain, walk, { reductions, full, results, partials: used }),
      };
    },
    domain.columns % 4 === 0 &&
      domain.columns >= 16 &&
      domain.outer * domain.rows * domain.columns >= 4 * worthVectors,
  );
  if (used) writeFinish(context, group, reductions, used, results);
}

function shapeOfWalk({ target }: EmitContext, { outer, rows, columns }: Columns, vectors: boolean): Walk {
  const width = vectors ? 4 : 1;
  const units = columns / width;
  const across = Math.min(nextPowerOfTwo(units), target.software ? 64 : 32);
  const tiles = Math.ceil(units / across);
  // Barriers are dear on a processor, and it has few lanes to fill.
  const down = target.software ? 1 : Math.max(1, Math.min(256 / across, nextPowerOfTwo(rows / 8)));
  const wanted = target.software
    ? Math.ceil(512 / (tiles * across * outer))
    : Math.ceil(512 / (tiles * outer));
  const rowsEach = target.software ? 32 : down * 16;
  const slices = Math.max(1, Math.min(wanted, Math.floor(rows / rowsEach)));
  const rowsPerSlice = Math.ceil(rows / slices);
  return { width, units, across, down, tiles, slices: Math.ceil(rows / rowsPerSlice), rowsPerSlice };
}

interface Tile {
  readonly reductions: readonly Reduction[];
  readonly full: readonly number[];
  readonly results: readonly number[];
  readonly partials: Partials | undefined;
}

function writeTile(
  context: EmitContext,
  kernel: KernelBuilder,
  { rows, columns, outer }: Columns,
  { width, units, across, down, tiles, rowsPerSlice }: Walk,
  { reductions, full, results, partials }: Tile,
): void {
  const main = kernel.main as BlockScope;
  const lane = main.let('i32(lane)');
  const rank = down === 1 ? '0' : main.let(`${lane} / ${across}`);
  const number = main.let(`i32(group.x) * ${across} + ${down === 1 ? lane : `${lane} % ${across}`}`);
  const partial = units !== tiles * across;
  const inside = partial ? main.let(`${number} < ${units}`) : '';
  const unit = partial ? main.let(`min(${number}, ${units - 1})`) : number;
  const block = outer === 1 ? '0' : main.let('i32(group.z)');
  const slice = partials ? main.let('i32(group.y)') : '0';
  const begin = partials ? main.let(`${slice} * ${rowsPerSlice}`) : '0';
  const end = main.let(
    partials
      ? `min(${begin} + ${rowsPerSlice}, ${rows})`
      : context.target.software
        ? opaque(rows, 'y')
        : String(rows),
  );
  const parts = Array.from({ length: width }, (_, part) => part);
  const totals = reductions.map(({ type, identity }) =>
    parts.map(() => {
      const name = kernel.name('total');
      main.line(`var ${name}: ${type} = ${identity};`);
      return name;
    }),
  );
  const step = kernel.name('row');
  const inner = kernel.block(main);
  const row = inner.let(outer === 1 ? step : `${block} * ${rows} + ${step}`);
  const offset = inner.let(`${row} * ${units} + ${unit}`);
  const places = (shape: readonly number[]): Position[] =>
    parts.map((part) =>
      placeInRows(shape, columns, {
        row,
        column: width === 1 ? unit : spellQuad({ vector: unit, part }),
        offset: width === 1 ? offset : spellQuad({ vector: offset, part }),
      }),
    );
  for (const [i, reduction] of reductions.entries()) {
    const { shape } = context.analysis.graph.values[reduction.lowering.input]!;
    for (const [part, at] of places(shape).entries()) {
      const element = inner.let(elementInto(inner, reduction, at));
      inner.line(`${totals[i]![part]} = ${reduction.combine(totals[i]![part]!, element)};`);
    }
  }
  if (full.length > 0) {
    const stored = kernel.block(inner);
    for (const value of full) {
      const at = places(context.values.get(value)!.shape);
      storeUnit(kernel, stored, value, offset, width === 4, (_, part) => at[part]!);
    }
    inner.line(inside ? `if (${inside}) {\n${stored.text()}}` : stored.text());
  }
  const first = down === 1 ? begin : `${begin} + ${rank}`;
  main.line(`for (var ${step} = ${first}; ${step} < ${end}; ${step} += ${down}) {\n${inner.text()}}`);
  const combined = combineLanes(
    context,
    kernel,
    main,
    reductions.flatMap((reduction, i) => totals[i]!.map((name) => ({ reduction, name }))),
    { all: across * down, count: down, stride: across, rank },
  );
  const last = kernel.block(main);
  for (const part of parts) {
    const column = width === 1 ? unit : spellQuad({ vector: unit, part });
    const result = last.let(outer === 1 ? column : `${block} * ${columns} + ${column}`);
    const own = kernel.block(last);
    reductions.forEach((reduction, i) => {
      const total = combined[i * width + part]!;
      if (partials) writePiece(context, kernel, own, partials, i, { slice, result }, total);
      else pinResult(own, reduction, total);
    });
    if (!partials) storeResults(context, kernel, own, results, result);
    last.line(own.text());
  }
  const conditions = [down === 1 ? '' : `${rank} == 0`, inside].filter(Boolean);
  main.line(conditions.length === 0 ? last.text() : `if (${conditions.join(' && ')}) {\n${last.text()}}`);
}
