/**
 * What several plans that are prepared beside each other take of a device's memory, before anything of them is
 * allocated: weights and the optimiser's state lie there once, slabs of activations are as large as the largest plan
 * needs them (pool.ts), arenas of one layout are shared.
 */
import type { KernelPlan } from '../compile/types.ts';
import { planMemory } from './memory-plan.ts';
import { parameterNames } from './parameters.ts';
import { arenaForm } from './plan-memory.ts';
import { bindSlices } from './slices.ts';

/** Bytes. */
export interface PlannedBytes {
  /** Weights, running statistics, the optimiser's state: all that stays from run to run. */
  readonly parameters: number;
  /** Of gradients, between kernels. */
  readonly arenas: number;
  /** Inputs, constants, outputs. */
  readonly fixed: number;
  /** What is alive between kernels, as it will be laid out. */
  readonly activations: number;
  /** The most activations alive at once: no arrangement takes less. */
  readonly activationsBound: number;
  readonly total: number;
  /** The largest range that a kernel binds, and that kernel. */
  readonly largest: { readonly label: string; readonly bytes: number };
}

/** @param largestBuffer bytes of the largest buffer that the device can make */
export function plannedBytes(plans: readonly KernelPlan[], largestBuffer?: number): PlannedBytes {
  const parameters = new Map<string, number>();
  const standing = new Map<string, number>();
  const settled = new Set<string>();
  const arenas = new Map<string, number>();
  const slabs: number[] = [];
  let fixed = 0;
  let activationsBound = 0;
  let largest = { label: '', bytes: 0 };
  for (const plan of plans.map(bindSlices)) {
    const layout = planMemory(plan, largestBuffer);
    const members = new Map<number, string[]>();
    for (const name of parameterNames(plan)) {
      const id = plan.parameters[name] ?? plan.updates[name]!;
      const part = layout.parts.get(id);
      if (!part) continue;
      if (!plan.values.get(id)!.within) standing.set(name, layout.bytes.get(id)!);
      else members.set(part.root, [...(members.get(part.root) ?? []), `${name} ${part.offset}`]);
    }
    // Of variables that plans lay out in different ways there is an arena for each.
    for (const [root, its] of members) parameters.set(its.toSorted().join(), layout.bytes.get(root)!);
    for (const its of members.values())
      for (const each of its) settled.add(each.slice(0, each.lastIndexOf(' ')));
    const seen = new Map<string, number>();
    for (const [root, role] of layout.roles) {
      if (role === 'arena') {
        const form = arenaForm(plan, layout, root);
        const count = (seen.get(form) ?? 0) + 1;
        seen.set(form, count);
        arenas.set(`${form} #${count}`, layout.bytes.get(root)!);
      }
    }
    layout.packed.slabs.forEach((bytes, i) => {
      slabs[i] = Math.max(slabs[i] ?? 0, bytes);
    });
    const { inputs, constants, outputs } = layout.report;
    fixed += inputs + constants + outputs;
    activationsBound = Math.max(activationsBound, layout.report.activationsBound);
    for (const { label, bindings } of plan.kernels) {
      for (const { value } of bindings) {
        const bytes = layout.bytes.get(value)!;
        if (bytes > largest.bytes) largest = { label, bytes };
      }
    }
  }
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, bytes) => total + bytes, 0);
  // A variable that one plan moves into an arena lies there for all.
  for (const name of settled) standing.delete(name);
  const parts = {
    parameters: sum(parameters.values()) + sum(standing.values()),
    arenas: sum(arenas.values()),
    fixed,
    activations: sum(slabs),
  };
  return { ...parts, activationsBound, total: sum(Object.values(parts)), largest };
}
