/** Reductions in progress: what each lane has, brought together across lanes. */

import type { Group } from '../groups.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
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
 * Combines what lanes have in a tree. Lanes of one result are `stride` apart, `count` of them (a power of two),
 * and this one is number `rank`. Every lane of the workgroup must come here. All see the result afterwards.
 */
export function combineLanes(
  kernel: KernelBuilder,
  scope: Scope,
  parts: readonly { readonly reduction: Reduction; readonly name: string }[],
  lanes: { readonly all: number; readonly count: number; readonly stride: number; readonly rank: string },
): string[] {
  if (lanes.count === 1) return parts.map(({ name }) => name);
  const shared = parts.map(({ reduction, name }) => {
    const array = kernel.name('shared');
    kernel.declare(`var<workgroup> ${array}: array<${reduction.type}, ${lanes.all}>;`);
    scope.line(`${array}[lane] = ${name};`);
    return array;
  });
  scope.line('workgroupBarrier();');
  for (let half = lanes.count / 2; half >= 1; half /= 2) {
    const steps = shared.map((array, i) => {
      const other = `${array}[lane + ${half * lanes.stride}u]`;
      return `${array}[lane] = ${parts[i]!.reduction.combine(`${array}[lane]`, other)};`;
    });
    scope.line(`if (${lanes.rank} < ${half}) {\n${steps.join('\n')}\n}\nworkgroupBarrier();`);
  }
  const first = `lane - u32(${lanes.rank})${lanes.stride === 1 ? '' : ` * ${lanes.stride}u`}`;
  return shared.map((array) => scope.let(`${array}[${first}]`));
}
