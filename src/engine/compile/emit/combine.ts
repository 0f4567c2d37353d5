/** Reductions in progress: what each lane has, brought together across lanes. */

import type { Group } from '../groups.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import { acrossLanes, type Lanes } from '../lanes.ts';
import type { ReduceLowering, Scope } from '../lowering.ts';
import type { Position } from '../position.ts';
import { combineIdentity, combineTwo } from '../reduce.ts';
import { wgslType } from '../wgsl.ts';
import type { EmitContext } from './context.ts';

export interface Reduction {
  readonly node: number;
  readonly value: number;
  readonly lowering: ReduceLowering;
  readonly type: 'f32' | 'i32' | 'bool';
  readonly identity: string;
  combine(a: string, b: string): string;
}

/** The reductions of a group. */
export function reductionsOf({ analysis: { graph, lowerings } }: EmitContext, group: Group): Reduction[] {
  return group.nodes.flatMap((node) => {
    const lowering = lowerings[node]!;
    if (lowering.kind !== 'reduce') return [];
    const value = graph.nodes[node]!.outputs[0]!;
    const { dtype } = graph.values[lowering.input]!;
    return [
      {
        node,
        value,
        lowering,
        type: wgslType(dtype),
        identity: combineIdentity(lowering.combine, dtype),
        combine: (a: string, b: string) => combineTwo(lowering.combine, a, b),
      },
    ];
  });
}

/** An element that goes into a reduction. */
export const elementInto = (scope: Scope, { lowering }: Reduction, at: Position): string =>
  lowering.element?.(scope, at) ?? scope.element(lowering.input, at);

/**
 * Combines what lanes have (lanes.ts): every lane of the workgroup must come here, and all see the results
 * afterwards.
 */
export function combineLanes(
  { target }: EmitContext,
  kernel: KernelBuilder,
  scope: Scope,
  parts: readonly { readonly reduction: Reduction; readonly name: string }[],
  lanes: Lanes,
): string[] {
  const values = parts.map(({ reduction: { type, combine }, name }) => ({ name, type, combine }));
  return acrossLanes(kernel, scope, values, lanes, target.subgroup);
}
