/**
 * Memory that prepared plans of one device share: slabs for what is alive only within a run, and arenas of equal
 * layout. Runs follow one another on the queue, so the next may use the same bytes. Slabs are as large as the
 * largest plan needs; when that changes `version` tells all that their bind groups point at buffers that are gone.
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
  private readonly slabs: (GPUBuffer | undefined)[] = [];
  private readonly retired: GPUBuffer[] = [];
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

  /** Makes slabs of at least these bytes available until `release`. Nothing has changed when it throws. */
  reserve(user: object, bytes: readonly number[]): void {
    this.users.set(user, bytes);
    try {
      this.resize();
    } catch (error) {
      this.release(user);
      throw error;
    }
  }

  /** Gives back what nobody else needs. */
  release(user: object): void {
    if (this.users.delete(user)) this.resize();
  }

  /** Each slab as large as its largest user needs it. */
  private resize(): void {
    const needed: number[] = [];
    for (const bytes of this.users.values())
      bytes.forEach((its, index) => {
        needed[index] = Math.max(needed[index] ?? 0, its);
      });
    const changed = [...needed.keys()].filter((index) => this.slabs[index]?.size !== needed[index]);
    // Before others are made: there may not be room for both.
    for (const slab of this.slabs.splice(needed.length)) this.retire(slab);
    for (const index of changed) {
      this.retire(this.slabs[index]);
      this.slabs[index] = undefined;
    }
    if (changed.length > 0) this.version++;
    for (const index of changed)
      this.slabs[index] = this.gpu.memory.allocate('activations', needed[index]!, storageUsage());
  }

  /** What lies in a slab has no meaning between runs; during one it is kept until that ends. */
  private retire(slab: GPUBuffer | undefined): void {
    if (slab && this.running) this.retired.push(slab);
    else if (slab) this.gpu.memory.free(slab);
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
    if (this.running !== run) return;
    this.running = undefined;
    for (const slab of this.retired.splice(0)) this.gpu.memory.free(slab);
  }
}
