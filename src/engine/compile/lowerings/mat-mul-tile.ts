/**
 * A product through workgroup memory: a workgroup brings a block of rows and a block of columns there, term by
 * term, and each invocation multiplies its part of them. Every number read from memory is used for as many
 * results as the block is long.
 *
 * How blocks lie there and come there: `mat-mul-block.ts`. Where neighbours are along the sum, columns are dealt out
 * to lanes one by one, so that lanes meet different banks.
 */
import type { Scope } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Block, sumOverBlocks } from './mat-mul-block.ts';
import type { Multiplication } from './mat-mul-multiplication.ts';

export function writeTile(work: Multiplication): void {
  const { kernel, tile, shape, a, b } = work;
  const { main } = kernel;
  const bound = (count: number): string => (work.software ? opaque(count) : String(count));
  const lanesAcross = tile.columns / tile.perColumn;
  const lanes = lanesAcross * (tile.rows / tile.perRow);
  const across = main.let(`i32(lane) % ${lanesAcross}`);
  const down = main.let(`i32(lane) / ${lanesAcross}`);
  const common = { kernel, lanes, depth: tile.depth, batch: work.batch };
  const rows = new Block(common, a, tile.rows, work.row, shape.rows);
  const columns = new Block(common, b, tile.columns, work.column, shape.columns);
  const groups = tile.perColumn / 4;
  const accumulators = Array.from({ length: tile.perRow }, (_, i) =>
    Array.from({ length: groups }, (_, g) => {
      main.line(`var c${i}_${g} = vec4<f32>(0.0);`);
      return `c${i}_${g}`;
    }),
  );
  const firstRow = main.let(`${down} * ${tile.perRow}`);
  /** Within the block. */
  const columnAt = (g: number, q: string): string =>
    columns.along === 'outer'
      ? `${across} * 4 + ${g * lanesAcross * 4} + ${q}`
      : `${across} + (${g * 4} + ${q}) * ${lanesAcross}`;

  /** Four terms at a time, so that vectors along the sum are read once. */
  const multiply = (outer: Scope): void => {
    const scope = kernel.block(outer);
    const row = rows.reader(scope, (i) => `${firstRow} + ${i}`, tile.perRow);
    const column = columns.reader(scope, (i) => columnAt(i >> 2, String(i & 3)), tile.perColumn);
    for (let step = 0; step < 4; step++) {
      const scalars = accumulators.map((_, i) => row.scalar(i, step));
      accumulators[0]!.forEach((_, g) => {
        const vector = column.vector(g, step);
        accumulators.forEach((vectors, i) => {
          scope.line(`${vectors[g]} += ${scalars[i]} * ${vector};`);
        });
      });
    }
    outer.line(`for (var t = 0; t < ${bound(tile.depth / 4)}; t++) {\n${scope.text()}}`);
  };

  sumOverBlocks(work, rows, columns, multiply, bound);
  work.store(
    main,
    accumulators.map((_, i) => `${work.row} + ${firstRow} + ${i}`),
    accumulators,
    (g, q) => `${work.column} + ${columnAt(g, q)}`,
  );
}
