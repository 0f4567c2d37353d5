/**
 * Memory that prepared plans of one device share: slabs for what is alive only within a run, and arenas of equal
 * layout. Runs follow one another on the queue, so the next may use the same bytes. A plan that needs larger
 * slabs gets them; `version` tells the others that their bind groups point at buffers that are gone.
 */
import type { Gpu } from '../backends/gpu.ts';

const pools = new WeakMap<GPUDevice, MemoryPool>();

export const storageUsage = (): number =>
  GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

interface SharedArena {
  readonly buffer: GPUBuffer;
  users: number;
}

export class MemoryPool {
  version = 0;
  /** A run between two of its submissions: what lies in the slabs is still needed. */
  private running: object | undefined;
  private readonly slabs: GPUBuffer[] = [];
  private readonly users = new Map<object, readonly number[]>();
  private readonly arenas = new Map<string, SharedArena>();

  private constructor(private readonly gpu: Gpu) {}

  static of(gpu: Gpu): MemoryPool {
    let pool = pools.get(gpu.device);
    if (!pool) {
      pool = new MemoryPool(gpu);
      pools.set(gpu.device, pool);
    }
    return pool;
  }

  slab(index: number): GPUBuffer {
    return this.slabs[index]!;
  }

  /** Makes slabs of at least these bytes available until `release`. Nothing changes when it throws. */
  reserve(user: object, bytes: readonly number[]): void {
    const larger: { index: number; buffer: GPUBuffer }[] = [];
    try {
      bytes.forEach((needed, index) => {
        const slab = this.slabs[index];
        if (slab && slab.size >= needed) return;
        larger.push({ index, buffer: this.gpu.memory.allocate('activations', needed, storageUsage()) });
      });
    } catch (error) {
      for (const { buffer } of larger) this.gpu.memory.free(buffer);
      throw error;
    }
    for (const { index, buffer } of larger) {
      const before = this.slabs[index];
      if (before) this.gpu.memory.free(before);
      this.slabs[index] = buffer;
    }
    if (larger.length > 0) this.version++;
    this.users.set(user, bytes);
  }

  /** Gives back what nobody else needs. */
  release(user: object): void {
    this.users.delete(user);
    const needed = Math.max(0, ...[...this.users.values()].map(({ length }) => length));
    for (const slab of this.slabs.splice(needed)) this.gpu.memory.free(slab);
  }

  /** A zeroed buffer, the same for the same key. */
  arena(key: string, bytes: number): GPUBuffer {
    let arena = this.arenas.get(key);
    if (!arena) {
      arena = { buffer: this.gpu.memory.allocate('gradients', bytes, storageUsage()), users: 0 };
      this.arenas.set(key, arena);
    }
    arena.users++;
    return arena.buffer;
  }

  releaseArena(key: string): void {
    const arena = this.arenas.get(key);
    if (!arena || --arena.users > 0) return;
    this.arenas.delete(key);
    this.gpu.memory.free(arena.buffer);
  }

  /** One run at a time: the memory is shared. */
  begin(run: object): void {
    if (this.running) throw new Error('a run has not ended yet: await it before the next one begins');
    this.running = run;
  }

  end(run: object): void {
    if (this.running === run) this.running = undefined;
  }
}
