/** Writes the kernels of a group. */
import type { Arena } from '../arenas.ts';
import { isCut } from '../domains.ts';
import type { Group } from '../groups.ts';
import type { TemplateLowering } from '../lowering.ts';
import type { Placement } from '../placement.ts';
import { writeArena } from './arenas.ts';
import { writeColumns } from './columns.ts';
import type { EmitContext } from './context.ts';
import { writeCutRows } from './cut-rows.ts';
import { writeFlat } from './flat.ts';
import { writeGeneral } from './general.ts';
import { writeRows } from './rows.ts';

export { EmitContext, type Target } from './context.ts';

/** `arenas`: the values that the arenas of the plan are. `halves`: copies that are read in place of weights. */
export function writeGroup(
  context: EmitContext,
  placement: Placement,
  group: Group,
  arenas: ReadonlyMap<Arena, number>,
  halves: ReadonlyMap<number, number> | undefined,
): void {
  const { domain } = group;
  if (domain.kind === 'arena') {
    const { arenaOf } = domain.walk;
    writeArena(context, domain.walk, (value) => {
      const arena = arenaOf.get(value);
      return arena && arenas.get(arena);
    });
    return;
  }
  if (domain.kind === 'flat') writeFlat(context, group, domain.size);
  else if (domain.kind === 'column') writeColumns(context, group, domain);
  else if (domain.kind === 'template') writeTemplate(context, group, halves);
  else if (domain.kind === 'general') writeGeneral(context, group);
  else if (domain.rows > 0 && isCut(domain)) writeCutRows(context, group, domain);
  else if (domain.rows > 0) writeRows(context, placement, group, domain);
}

function writeTemplate(
  context: EmitContext,
  group: Group,
  halves: ReadonlyMap<number, number> | undefined,
): void {
  const node = group.nodes.find((one) => context.analysis.lowerings[one]!.kind === 'template')!;
  const lowering = context.analysis.lowerings[node] as TemplateLowering;
  const { features, limits, software, tuning, subgroup, half, matrices } = context.target;
  const label = context.label(group);
  lowering.build({
    features,
    limits,
    software,
    tuning,
    subgroup,
    half,
    matrices: half ? matrices : undefined,
    ranges: (values) => context.ranges(values),
    temporary: (shape, dtype, asked) =>
      context.temporary(shape, dtype, half && asked === 'half' ? 'f16' : undefined),
    kernel: (options, write) =>
      context.kernel(
        group,
        () => ({
          ...options,
          label: group.nodes.length > 1 ? `${options.label} · ${label}` : options.label,
          write,
        }),
        false,
        (value) => halves?.get(value) ?? value,
      ),
  });
}
