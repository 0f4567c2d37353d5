/**
 * Where everything of a plan will lie, decided before anything is allocated: plain data, from which also comes the
 * exact report of what a run will take.
 *
 * What must outlive the run, or is there before it, has memory of its own: parameters, inputs, constants, outputs,
 * and arenas (whose gaps stay zero only while nobody else writes there). All the rest is alive between two
 * kernels and shares memory with what is alive at other times.
 */
import type { KernelPlan } from '../compile/types.ts';
import { bytesOf } from './numbers.ts';
import { mostAlive, type Packed, type PackItem, pack } from './pack.ts';
import { bindSlices } from './slices.ts';

/** `arena`: one without parameters, such as that of the gradients. */
export type Role = 'parameter' | 'input' | 'constant' | 'output' | 'arena' | 'temporary';

/** In bytes. */
export interface MemoryReport {
  /** Weights, running statistics, the optimiser's state: all that stays from run to run. */
  readonly parameters: number;
  readonly inputs: number;
  readonly constants: number;
  readonly outputs: number;
  /** Arenas without parameters: gradients. */
  readonly arenas: number;
  /** What is alive between kernels; prepared plans share it. */
  readonly activations: number;
  /** The most activations alive at once: no arrangement takes less. */
  readonly activationsBound: number;
  readonly total: number;
}

export interface MemoryPlan {
  /** For each value: what it is part of (an arena, or itself) and where in it, in bytes. */
  readonly parts: ReadonlyMap<number, { readonly root: number; readonly offset: number }>;
  /** By root. */
  readonly roles: ReadonlyMap<number, Role>;
  readonly bytes: ReadonlyMap<number, number>;
  /** Of the temporaries. */
  readonly packed: Packed;
  readonly report: MemoryReport;
}

/** Of WebGPU: no adapter asks for more. */
export const offsetAlignment = 256;

const storageBytes = { f32: 4, f16: 2, i32: 4, u32: 4 } as const;

/** Of a plan whose slices can be bound (slices.ts). `largest`: bytes of the largest buffer that the device can make. */
export function planMemory(plan: KernelPlan, largest = Number.POSITIVE_INFINITY): MemoryPlan {
  const parts = new Map<number, { root: number; offset: number }>();
  const bytes = new Map<number, number>();
  for (const [id, value] of plan.values) {
    bytes.set(id, bytesOf(value));
    const { within, storage } = value;
    const offset = (within?.offset ?? 0) * storageBytes[storage];
    if (offset % offsetAlignment !== 0)
      throw new Error(
        `value ${id} lies at byte ${offset} of ${within!.value}: no multiple of ${offsetAlignment}`,
      );
    parts.set(id, { root: within?.value ?? id, offset });
  }
  const rootOf = (id: number): number => {
    const part = parts.get(id);
    if (!part) throw new Error(`the plan binds ${id}, which is none of its values`);
    return part.root;
  };
  const { uses, apart } = usesOf(plan, rootOf);
  const roles = rolesOf(plan, rootOf, uses);

  const items: PackItem[] = [];
  for (const [root, role] of roles) {
    const use = uses.get(root);
    if (role === 'temporary' && use) items.push({ id: root, bytes: bytes.get(root)!, ...use });
  }
  const packed = pack(items, apart, largest, offsetAlignment);
  const sum = (role: Role): number =>
    [...roles].reduce((total, [root, its]) => total + (its === role ? bytes.get(root)! : 0), 0);
  const kept = {
    parameters: sum('parameter'),
    inputs: sum('input'),
    constants: sum('constant'),
    outputs: sum('output'),
    arenas: sum('arena'),
    activations: packed.slabs.reduce((total, slab) => total + slab, 0),
  };
  const total = Object.values(kept).reduce((all, part) => all + part, 0);
  return {
    parts,
    roles,
    bytes,
    packed,
    report: { ...kept, activationsBound: mostAlive(items), total },
  };
}

/**
 * What a plan will take, before anything is allocated.
 *
 *   estimate(plan).total  // 1 240 563 712
 */
export function estimate(plan: KernelPlan, limits: { readonly maxBufferSize?: number } = {}): MemoryReport {
  return planMemory(bindSlices(plan), limits.maxBufferSize).report;
}

interface Uses {
  /** By root: the first and the last kernel that binds it. */
  readonly uses: ReadonlyMap<number, { first: number; last: number }>;
  /** By root: what is bound with the other kind of access in some kernel. */
  readonly apart: ReadonlyMap<number, Set<number>>;
}

function usesOf(plan: KernelPlan, rootOf: (id: number) => number): Uses {
  const uses = new Map<number, { first: number; last: number }>();
  const apart = new Map<number, Set<number>>();
  const use = (root: number, time: number): void => {
    const known = uses.get(root);
    if (known) known.last = time;
    else uses.set(root, { first: time, last: time });
  };
  const separate = (one: number, other: number): void => {
    const known = apart.get(one);
    if (known) known.add(other);
    else apart.set(one, new Set([other]));
  };
  plan.kernels.forEach((kernel, time) => {
    const accesses = kernel.bindings.map(({ value, access }) => ({ root: rootOf(value), access }));
    for (const { root } of accesses) use(root, time);
    for (const written of accesses) {
      if (written.access !== 'write') continue;
      for (const read of accesses) {
        if (read.access !== 'read') continue;
        separate(written.root, read.root);
        separate(read.root, written.root);
      }
    }
  });
  // Updates are copied after the last kernel.
  for (const id of Object.values(plan.updates)) use(rootOf(id), plan.kernels.length);
  return { uses, apart };
}

function rolesOf(
  plan: KernelPlan,
  rootOf: (id: number) => number,
  uses: Uses['uses'],
): ReadonlyMap<number, Role> {
  const roles = new Map<number, Role>();
  const set = (id: number, role: Role): void => {
    const root = rootOf(id);
    if (!roles.has(root)) roles.set(root, role);
  };
  // The first that fits: an output that is also a parameter is a parameter.
  for (const id of Object.values(plan.parameters)) set(id, 'parameter');
  for (const [name, id] of Object.entries(plan.updates)) {
    const parameter = plan.parameters[name];
    if (parameter === undefined) set(id, plan.values.get(id)?.within ? 'parameter' : 'output');
  }
  for (const { within } of plan.values.values()) if (within) set(within.value, 'arena');
  for (const id of Object.values(plan.inputs)) set(id, 'input');
  for (const id of plan.constants.keys()) set(id, 'constant');
  for (const id of Object.values(plan.outputs)) set(id, 'output');
  for (const root of uses.keys()) set(root, 'temporary');
  return roles;
}
