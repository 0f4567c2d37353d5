/**
 * Moves variables into the arenas of a plan one arena after the other: each is there for certain before anything moves
 * in, and what lay elsewhere is freed before the next is made. Otherwise weights and the optimiser's state would take
 * their memory twice for a moment, which is the most that a run ever takes.
 */
import type { Gpu } from '../backends/gpu.ts';
import type { KernelPlan } from '../compile/types.ts';
import { type ArenaMember, VariableArena } from './arenas.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { bytesOf, elementsOf } from './numbers.ts';
import { backendOf, isVariable, type ParameterSource, parameterNames } from './parameters.ts';

/** The arenas, for the caller to release. Throws a DeviceError when one does not fit; what has moved moves back then. */
export async function settleVariables(
  gpu: Gpu,
  plan: KernelPlan,
  layout: MemoryPlan,
  given: Readonly<Record<string, ParameterSource>>,
): Promise<VariableArena[]> {
  const backend = backendOf(gpu);
  const settled: VariableArena[] = [];
  if (!backend) return settled;
  try {
    for (const [root, members] of arenasOf(plan, layout, given)) {
      const bytes = layout.bytes.get(root)!;
      const arena = await gpu.memory.attempt(
        () => VariableArena.acquire(gpu, backend, members, bytes),
        (made) => made.release(),
      );
      settled.push(arena);
      arena.adopt();
    }
    return settled;
  } catch (error) {
    for (const arena of settled) arena.release();
    throw error;
  }
}

/** By root; only arenas that are all variables. */
function arenasOf(
  plan: KernelPlan,
  layout: MemoryPlan,
  given: Readonly<Record<string, ParameterSource>>,
): Map<number, ArenaMember[]> {
  const arenas = new Map<number, ArenaMember[]>();
  const others = new Set<number>();
  for (const name of parameterNames(plan)) {
    const id = plan.parameters[name] ?? plan.updates[name]!;
    const value = plan.values.get(id)!;
    if (!value.within) continue;
    const { root, offset } = layout.parts.get(id)!;
    const variable = given[name];
    if (isVariable(variable) && variable.size === elementsOf(value)) {
      const members = arenas.get(root) ?? [];
      members.push({ variable, offset, size: bytesOf(value) });
      arenas.set(root, members);
    } else others.add(root);
  }
  for (const root of others) arenas.delete(root);
  return arenas;
}
