/** Reductions whose axes lie between kept ones: one invocation walks over all that goes into an element. */

import { flatDispatch } from '../dispatch.ts';
import type { Group } from '../groups.ts';
import type { BlockScope } from '../kernel-builder.ts';
import { opaque } from '../opaque.ts';
import { Position, sizeOf } from '../position.ts';
import { elementInto, reductionsOf } from './combine.ts';
import type { EmitContext } from './context.ts';

const threads = 64;

export function writeGeneral(context: EmitContext, group: Group): void {
  const [reduction] = reductionsOf(context, group);
  const { lowering, value, type, identity } = reduction!;
  const stored = context.values.get(value);
  if (!stored) return;
  const size = sizeOf(stored.shape);
  const flat = flatDispatch(Math.ceil(size / threads));
  context.kernel(group, () => ({
    label: context.label(group),
    workgroupSize: [threads, 1, 1],
    workgroups: flat.workgroups,
    write(kernel) {
      const main = kernel.main as BlockScope;
      const offset = main.let(`${flat.index} * ${threads} + i32(lane)`);
      main.line(`if (${offset} >= ${size}) { return; }`);
      const { shape } = context.analysis.graph.values[lowering.input]!;
      const isReduced = (axis: number): boolean => lowering.axes.includes(axis);
      const along = (reduced: boolean): number[] => shape.filter((_, axis) => isReduced(axis) === reduced);
      const kept = [...Position.at(along(false), offset).axes];
      const total = kernel.name('total');
      main.line(`var ${total}: ${type} = ${identity};`);
      const step = kernel.name('step');
      const walked = [...Position.at(along(true), step).axes];
      const inner = kernel.block(main);
      const from = Position.on(
        shape,
        shape.map((_, axis) => (isReduced(axis) ? walked : kept).shift()!),
      );
      const element = inner.let(elementInto(inner, reduction!, from));
      inner.line(`${total} = ${reduction!.combine(total, element)};`);
      main.line(
        `for (var ${step} = 0; ${step} < ${opaque(sizeOf(along(true)))}; ${step}++) {\n${inner.text()}}`,
      );
      const name = main.let(total);
      const at = Position.at(stored.shape, offset);
      kernel.write(main, value, at, lowering.finish?.(main, name) ?? name);
    },
  }));
}
