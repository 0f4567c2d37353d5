/** Kernels that walk element by element, four at a time where sizes allow it. */
import { flatDispatch } from '../dispatch.ts';
import type { Group } from '../groups.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import { Position, spellQuad } from '../position.ts';
import type { EmitContext } from './context.ts';

const threads = 256;
/** Elements below which four at a time would leave a GPU idle, and only make the code four times as long to compile. */
export const worthVectors = 8192;

export function writeFlat(context: EmitContext, group: Group, size: number): void {
  if (size === 0 || group.stores.length === 0) return;
  context.kernel(
    group,
    (vectors) => {
      const width = vectors ? 4 : 1;
      const count = size / width;
      const flat = flatDispatch(Math.ceil(count / threads));
      return {
        label: context.label(group),
        workgroupSize: [threads, 1, 1],
        workgroups: flat.workgroups,
        write(kernel) {
          const { main } = kernel;
          const index = main.let(`${flat.index} * ${threads} + i32(lane)`);
          main.line(`if (${index} >= ${count}) { return; }`);
          for (const value of group.stores) {
            const { shape } = context.values.get(value)!;
            storeUnit(kernel, main, value, index, vectors, (offset) => Position.at(shape, offset));
          }
        },
      };
    },
    size % 4 === 0 && size >= worthVectors,
  );
}

/** Stores the `unit`-th element, or vector of four, of a value; `place` makes a position of an offset. */
export function storeUnit(
  kernel: KernelBuilder,
  scope: Scope,
  value: number,
  unit: string,
  vectors: boolean,
  place: (offset: string, part: number) => Position,
): void {
  if (!vectors) {
    const at = place(unit, 0);
    kernel.write(scope, value, at, kernel.compute(scope, value, at));
    return;
  }
  const places = [0, 1, 2, 3].map((part) => place(spellQuad({ vector: unit, part }), part));
  const four = places.map((at) => kernel.compute(scope, value, at));
  if (kernel.takesVectors(value)) kernel.writeVector(scope, value, unit, four);
  else for (const [part, at] of places.entries()) kernel.write(scope, value, at, four[part]!);
}
