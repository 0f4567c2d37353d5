/**
 * The memory of one prepared plan: allocates what the memory plan says and tells where each value lies. Places of
 * values can change between runs (the shared slabs grew, a variable was assigned); `sync` tells which did.
 */
import type { Gpu } from '../backends/gpu.ts';
import type { MemoryRange } from '../backends/sliced-webgpu.ts';
import type { KernelPlan } from '../compile/types.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { encode } from './numbers.ts';
import { type ParameterSource, Parameters } from './parameters.ts';
import { MemoryPool, storageUsage } from './pool.ts';

/** The gaps of two arenas are the same only where their layouts are. */
export function arenaForm(plan: KernelPlan, layout: MemoryPlan, root: number): string {
  const slices = [...plan.values.values()]
    .filter(({ within }) => within?.value === root)
    .map(({ id, within }) => `${within!.offset}+${layout.bytes.get(id)}`);
  return [layout.bytes.get(root), ...new Set(slices)].join(' ');
}

export class PlanMemory {
  readonly parameters: Parameters;
  readonly pool: MemoryPool;
  private readonly own = new Map<number, GPUBuffer>();
  private readonly arenaKeys: string[] = [];
  private readonly shared = new Map<number, GPUBuffer>();
  private poolVersion = -1;

  /** Throws a DeviceError when it does not fit; nothing stays allocated then. */
  constructor(
    private readonly gpu: Gpu,
    private readonly plan: KernelPlan,
    private readonly layout: MemoryPlan,
    given: Readonly<Record<string, ParameterSource>>,
  ) {
    this.pool = MemoryPool.of(gpu);
    for (const { bindings, label } of plan.kernels)
      for (const { value } of bindings)
        gpu.memory.checkBinding(`a value of kernel "${label}"`, layout.bytes.get(value)!);
    this.parameters = new Parameters(gpu, plan, layout, given);
    try {
      this.pool.reserve(this, layout.packed.slabs);
      for (const [root, role] of layout.roles) this.allocate(root, role);
    } catch (error) {
      this.dispose();
      throw error;
    }
    for (const [id, numbers] of plan.constants) {
      const value = plan.values.get(id);
      if (!value || layout.roles.get(id) !== 'constant') continue;
      const { buffer, byteOffset, byteLength } = encode(numbers, value);
      gpu.device.queue.writeBuffer(this.own.get(id)!, 0, buffer, byteOffset, byteLength);
    }
  }

  /** Where a value (or an arena) lies. */
  place(id: number): MemoryRange {
    const part = this.layout.parts.get(id);
    if (!part) throw new Error(`value ${id} is not in memory`);
    const { buffer, offset } = this.rangeOf(part.root);
    return { buffer, offset: offset + part.offset };
  }

  /** Which roots lie elsewhere than at the last call: all of them when the slabs were exchanged. */
  sync(): ReadonlySet<number> | 'all' {
    const moved = this.parameters.sync();
    if (this.poolVersion === this.pool.version) return moved;
    this.poolVersion = this.pool.version;
    return 'all';
  }

  dispose(): void {
    this.pool.release(this);
    for (const buffer of this.own.values()) this.gpu.memory.free(buffer);
    for (const key of this.arenaKeys) this.pool.releaseArena(key);
    this.parameters.dispose();
  }

  private allocate(root: number, role: string): void {
    if (role === 'temporary' || role === 'parameter') return;
    const bytes = this.layout.bytes.get(root)!;
    if (role === 'arena') {
      const form = arenaForm(this.plan, this.layout, root);
      // Plans share arenas with each other; within a plan each has its own.
      const key = `${form} #${this.arenaKeys.filter((known) => known.startsWith(`${form} #`)).length}`;
      this.shared.set(root, this.pool.arena(key, bytes));
      this.arenaKeys.push(key);
    } else {
      this.own.set(root, this.gpu.memory.allocate(`${role} ${root}`, bytes, storageUsage()));
    }
  }

  private rangeOf(root: number): MemoryRange {
    const packed = this.layout.packed.places.get(root);
    if (packed) return { buffer: this.pool.slab(packed.slab), offset: packed.offset };
    const parameter = this.parameters.range(root);
    if (parameter) return parameter;
    const buffer = this.own.get(root) ?? this.shared.get(root);
    if (!buffer) throw new Error(`value ${root} has no memory`);
    return { buffer, offset: 0 };
  }
}
