/**
 * Variables side by side in one buffer. Plans with the same variables at the same offsets share the buffer, and
 * TensorFlow.js' tensors of these variables are slices of it, so weights exist once.
 *
 * Eager code may assign a variable between two runs: it then has other memory, and perhaps another tensor keeps
 * the slice (weights and averages are swapped that way). `adopt` sorts this out before a run: whoever else holds a
 * slice moves out, and the variable's numbers move in.
 */
import type { Gpu } from '../backends/gpu.ts';
import type { SlicedWebgpuBackend, TensorMemory } from '../backends/sliced-webgpu.ts';
import type * as tf from '../tf.ts';
import { storageUsage } from './pool.ts';

export interface ArenaMember {
  readonly variable: tf.Variable;
  /** In bytes. */
  readonly offset: number;
  readonly size: number;
}

interface Slot extends ArenaMember {
  /** Whose memory the slice was when it was last looked at. */
  holder: object | undefined;
  memory: Readonly<TensorMemory> | undefined;
}

const stores = new WeakMap<GPUDevice, Map<string, VariableArena>>();

export class VariableArena {
  private users = 0;

  private constructor(
    private readonly gpu: Gpu,
    private readonly backend: SlicedWebgpuBackend,
    private readonly key: string,
    private readonly slots: readonly Slot[],
    readonly buffer: GPUBuffer,
  ) {}

  /** The arena of this layout, made if nobody has it. To be given back with `release`. */
  static acquire(
    gpu: Gpu,
    backend: SlicedWebgpuBackend,
    members: readonly ArenaMember[],
    bytes: number,
  ): VariableArena {
    let store = stores.get(gpu.device);
    if (!store) {
      store = new Map();
      stores.set(gpu.device, store);
    }
    const key = [bytes, ...members.map(({ variable, offset }) => `${variable.id}@${offset}`)].join(' ');
    let arena = store.get(key);
    if (!arena) {
      const slots = members.map((member) => ({ ...member, holder: undefined, memory: undefined }));
      const buffer = gpu.memory.allocate('variables', bytes, storageUsage());
      arena = new VariableArena(gpu, backend, key, slots, buffer);
      store.set(key, arena);
    }
    arena.users++;
    return arena;
  }

  /** Sees to it that each variable's memory is its slice. */
  adopt(): void {
    const moving: Slot[] = [];
    for (const slot of this.slots) {
      const { variable, offset, holder, memory } = slot;
      if (memory && this.isHere(memory, offset)) {
        if (holder === variable.dataId) continue;
        // Assigned: who had the slice may still be read.
        this.backend.evacuate(holder!);
      }
      const its = this.backend.watch(variable.dataId);
      if (!this.isHere(its, offset)) moving.push(slot);
      slot.holder = variable.dataId;
      slot.memory = its;
    }
    if (moving.length > 0) this.moveIn(moving);
  }

  /** Gives the variables memory of their own when nobody needs the arena any more. */
  release(): void {
    if (--this.users > 0) return;
    stores.get(this.gpu.device)!.delete(this.key);
    // On a device that is gone there is nothing to save.
    if (!this.gpu.failures.failure) {
      for (const { holder, memory, offset } of this.slots)
        if (memory && this.isHere(memory, offset)) this.backend.evacuate(holder!);
    }
    this.gpu.memory.free(this.buffer);
  }

  /** Memory of a tensor that is gone has no buffer. */
  private isHere({ resource, slice }: Readonly<TensorMemory>, offset: number): boolean {
    return resource === this.buffer && slice?.offset === offset;
  }

  private moveIn(slots: readonly Slot[]): void {
    const { backend, buffer } = this;
    const { device } = this.gpu;
    // WebGPU copies between two buffers only: what lies elsewhere in the arena goes out first.
    for (const { memory, holder } of slots) if (memory!.resource === buffer) backend.evacuate(holder!);
    const sources = slots.map(({ variable }) => backend.locate(variable.dataId));
    backend.flush();
    const encoder = device.createCommandEncoder({ label: 'adopt variables' });
    for (const [i, { offset, size }] of slots.entries()) {
      const from = sources[i]!;
      encoder.copyBufferToBuffer(from.buffer, from.offset, buffer, offset, size);
    }
    device.queue.submit([encoder.finish()]);
    for (const { variable, offset, size } of slots) backend.place(variable.dataId, { buffer, offset }, size);
  }
}
