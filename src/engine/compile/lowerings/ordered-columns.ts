/**
 * A second operand that lies column by column, as the weights of linear layers do: [columns, depth]. Adapters that
 * compute on the processor run lanes along columns as one vector and have to gather it number by number then, for
 * every row of results again. Where many rows use it, it is put in order once, [depth, columns], and read as it lies
 * (520 × 256 · 256 × 1024 on lavapipe, two cores: 28 % of the peak as it is, 58 % in order, the ordering included).
 *
 * Sums and their order stay the same, so results do to the last bit. GPUs bring such blocks in order by themselves,
 * through workgroup memory.
 */

import { flatDispatch } from '../dispatch.ts';
import type { TemplateWriter } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { beginGroup, splitIndex } from './mat-mul-kernel.ts';
import type { ProductShape } from './mat-mul-tiles.ts';

/** Rows of results that make up for the ordering. */
const fewestRows = 48;

/** Vectors need columns in fours. */
export const wantsOrder = ({ software }: TemplateWriter, { rows, columns }: ProductShape): boolean =>
  software && rows >= fewestRows && columns % 4 === 0;

const lanes = 64;

/** A temporary [depth, columns]. */
export function orderColumns(
  writer: TemplateWriter,
  value: number,
  [columns, depth]: readonly [columns: number, depth: number],
): number {
  const shape = [depth, columns];
  const size = sizeOf(shape);
  const ordered = writer.temporary(shape, 'float32', 'half');
  const grid = flatDispatch(Math.ceil(size / lanes));
  writer.kernel(
    {
      label: 'Linear weight order',
      workgroupSize: [lanes, 1, 1],
      workgroups: grid.workgroups,
      bytes: (writer.half ? 4 : 8) * size,
    },
    (kernel) => {
      const { main } = kernel;
      const group = beginGroup(main, grid, Math.ceil(size / lanes));
      const at = main.let(`${group} * ${lanes} + i32(lane)`);
      main.line(`if (${at} >= ${size}) { return; }`);
      const [term, column] = splitIndex(main, at, shape) as [string, string];
      const element = main.element(value, Position.on([columns, depth], [column, term]));
      kernel.write(main, ordered, Position.at(shape, at), element);
    },
  );
  return ordered;
}
