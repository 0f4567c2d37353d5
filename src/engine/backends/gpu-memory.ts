/**
 * Buffers of a WebGPU device, counted. A buffer that the adapter can not hold is refused here, with advice,
 * rather than poisoning everything that is computed from it.
 */
import { outOfMemory } from '../device-errors.ts';

const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

export class GpuMemory {
  private readonly alive = new Map<GPUBuffer, number>();
  private total = 0;

  constructor(private readonly device: GPUDevice) {}

  /** Bytes in buffers that were made here and not freed. */
  get bytes(): number {
    return this.total;
  }

  /** The largest buffer that a kernel can bind whole. */
  get largest(): number {
    return Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize);
  }

  /** `size` in bytes; a multiple of four is made of it. */
  allocate(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const bytes = Math.max(4, Math.ceil(size / 4) * 4);
    const limit = usage & GPUBufferUsage.STORAGE ? this.largest : this.device.limits.maxBufferSize;
    if (bytes > limit)
      throw outOfMemory(
        `${label} of ${mebibytes(bytes)} MiB, and this adapter binds at most ${Math.floor(limit / 2 ** 20)} MiB`,
      );
    let buffer: GPUBuffer;
    try {
      buffer = this.device.createBuffer({ label, size: bytes, usage });
    } catch (error) {
      throw outOfMemory(`no buffer of ${mebibytes(bytes)} MiB could be made for ${label}`, error);
    }
    this.alive.set(buffer, bytes);
    this.total += bytes;
    return buffer;
  }

  /**
   * Makes something of buffers and waits until the device says whether it had the memory: `createBuffer` itself
   * does not tell. When it had not, `undo` is called and a DeviceError `out_of_memory` thrown.
   */
  async attempt<T>(make: () => T, undo: (made: T) => void): Promise<T> {
    this.device.pushErrorScope('out-of-memory');
    let made: T;
    try {
      made = make();
    } catch (error) {
      await this.device.popErrorScope();
      throw error;
    }
    const refused = await this.device.popErrorScope();
    if (!refused) return made;
    undo(made);
    throw outOfMemory(`the device ran out of memory (${refused.message.trim()})`);
  }

  free(buffer: GPUBuffer): void {
    const bytes = this.alive.get(buffer);
    if (bytes === undefined) return;
    this.alive.delete(buffer);
    this.total -= bytes;
    buffer.destroy();
  }

  /** Frees everything, as at the end of the device. */
  dispose(): void {
    for (const buffer of [...this.alive.keys()]) this.free(buffer);
  }
}
