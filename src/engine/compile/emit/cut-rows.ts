/** Few long rows, a sum over all elements for one: cut into pieces, each combined by one workgroup. */

import { elementsOf } from '../analysis.ts';
import { type Domain, placeIn } from '../domains.ts';
import type { Group } from '../groups.ts';
import type { BlockScope } from '../kernel-builder.ts';
import { type Position, spellQuad } from '../position.ts';
import { combineLanes, elementInto, reductionsOf } from './combine.ts';
import { type EmitContext, placeInRows } from './context.ts';
import { storeUnit } from './flat.ts';
import { makePartials, writeFinish, writePiece } from './partials.ts';

type Rows = Extract<Domain, { kind: 'row' }>;

export function writeCutRows(context: EmitContext, group: Group, { kind, rows, columns }: Rows): void {
  const reductions = reductionsOf(context, group);
  const isResult = (value: number): boolean =>
    placeIn({ kind, rows, columns }, elementsOf(context.analysis, value)) === 'result';
  const full = group.stores.filter((value) => !isResult(value));
  const { software } = context.target;
  // A lane that walks alone needs no barrier.
  const lanes = software ? 1 : 256;
  const threads = software ? 64 : 256;
  const perPiece = software ? 2048 : 8192;
  const slices = Math.max(1, Math.min(512, Math.ceil(columns / perPiece)));
  const partials = makePartials(context, reductions, slices, rows);
  context.kernel(
    group,
    (vectors) => {
      const width = vectors ? 4 : 1;
      const units = columns / width;
      const unitsPerSlice = Math.ceil(units / slices);
      const pieces = software ? Math.ceil(slices / threads) : slices;
      return {
        label: context.label(group),
        workgroupSize: [threads, 1, 1],
        workgroups: [pieces, rows, 1],
        write(kernel) {
          const main = kernel.main as BlockScope;
          const lane = main.let('i32(lane)');
          const slice = main.let(software ? `i32(group.x) * ${threads} + ${lane}` : 'i32(group.x)');
          if (software) main.line(`if (${slice} >= ${slices}) { return; }`);
          const row = main.let('i32(group.y)');
          const end = main.let(`min((${slice} + 1) * ${unitsPerSlice}, ${units})`);
          const totals = reductions.map(({ type, identity }) => {
            const name = kernel.name('total');
            main.line(`var ${name}: ${type} = ${identity};`);
            return name;
          });
          const unit = kernel.name('unit');
          const inner = kernel.block(main);
          const offset = inner.let(`${row} * ${units} + ${unit}`);
          const places = (shape: readonly number[]): Position[] =>
            Array.from({ length: width }, (_, part) =>
              placeInRows(shape, columns, {
                row,
                column: width === 1 ? unit : spellQuad({ vector: unit, part }),
                offset: width === 1 ? offset : spellQuad({ vector: offset, part }),
              }),
            );
          for (const [i, reduction] of reductions.entries()) {
            const { shape } = context.analysis.graph.values[reduction.lowering.input]!;
            for (const at of places(shape)) {
              const element = inner.let(elementInto(inner, reduction, at));
              inner.line(`${totals[i]} = ${reduction.combine(totals[i]!, element)};`);
            }
          }
          for (const value of full) {
            const at = places(context.values.get(value)!.shape);
            storeUnit(kernel, inner, value, offset, width === 4, (_, part) => at[part]!);
          }
          const first = `${slice} * ${unitsPerSlice}${software ? '' : ` + ${lane}`}`;
          main.line(
            `for (var ${unit} = ${first}; ${unit} < ${end}; ${unit} += ${lanes}) {\n${inner.text()}}`,
          );
          const combined = combineLanes(
            context,
            kernel,
            main,
            reductions.map((reduction, i) => ({ reduction, name: totals[i]! })),
            { all: threads, count: lanes, stride: 1, rank: lane },
          );
          const last = kernel.block(main);
          for (const i of reductions.keys()) {
            writePiece(context, kernel, last, partials, i, { slice, result: row }, combined[i]!);
          }
          main.line(software ? last.text() : `if (${lane} == 0) {\n${last.text()}}`);
        },
      };
    },
    columns % 4 === 0,
  );
  writeFinish(context, group, reductions, partials, group.stores.filter(isResult));
}
