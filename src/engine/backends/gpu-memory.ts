/**
 * Buffers of a WebGPU device, counted. What the adapter can not hold is refused here, with advice, rather than
 * poisoning everything that is computed from it.
 */
import { DeviceError } from '../../core/index.ts';
import { deviceOutOfMemory, outOfMemory } from '../device-errors.ts';

const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

export class GpuMemory {
  private readonly alive = new Map<GPUBuffer, number>();
  private total = 0;
  private readonly shortage: (() => void)[] = [];

  constructor(private readonly device: GPUDevice) {}

  /** Bytes in buffers that were made here and not freed. */
  get bytes(): number {
    return this.total;
  }

  /** Bytes of the largest range that a kernel can bind. */
  get largestBinding(): number {
    return Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize);
  }

  /** Bytes of the largest buffer. */
  get largestBuffer(): number {
    return this.device.limits.maxBufferSize;
  }

  /** Throws a DeviceError `out_of_memory` when no kernel could bind so much at once. */
  checkBinding(what: string, bytes: number): void {
    if (bytes > this.largestBinding)
      throw outOfMemory(
        `${what} of ${mebibytes(bytes)} MiB, and this adapter binds at most ${Math.floor(this.largestBinding / 2 ** 20)} MiB`,
      );
  }

  /** `size` in bytes; a multiple of four is made of it. */
  allocate(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const bytes = Math.max(4, Math.ceil(size / 4) * 4);
    const refuse = (cause?: unknown) =>
      outOfMemory(`no buffer of ${mebibytes(bytes)} MiB could be made for ${label}`, cause);
    if (bytes > this.largestBuffer) throw refuse();
    let buffer: GPUBuffer;
    try {
      buffer = this.device.createBuffer({ label, size: bytes, usage });
    } catch (error) {
      throw refuse(error);
    }
    this.alive.set(buffer, bytes);
    this.total += bytes;
    return buffer;
  }

  /** `giveBack` is called when memory runs out, before another attempt: for what is kept only for reuse. */
  onShortage(giveBack: () => void): void {
    this.shortage.push(giveBack);
  }

  /**
   * Makes something of buffers and waits until the device says whether it had the memory: `createBuffer` itself
   * does not tell. When it had not, `undo` is called, what is kept for reuse is given back, and it is tried once
   * more. Throws a DeviceError `out_of_memory` when that fails, too.
   */
  async attempt<T>(make: () => T, undo: (made: T) => void): Promise<T> {
    const first = await this.once(make, undo);
    if (!('refused' in first)) return first.made;
    if (this.shortage.length === 0) throw first.refused;
    for (const giveBack of this.shortage) giveBack();
    const second = await this.once(make, undo);
    if ('refused' in second) throw second.refused;
    return second.made;
  }

  private async once<T>(make: () => T, undo: (made: T) => void): Promise<{ made: T } | { refused: unknown }> {
    this.device.pushErrorScope('out-of-memory');
    let made: T;
    try {
      made = make();
    } catch (error) {
      await this.device.popErrorScope();
      if (error instanceof DeviceError && error.code === 'out_of_memory') return { refused: error };
      throw error;
    }
    const refused = await this.device.popErrorScope();
    if (!refused) return { made };
    undo(made);
    return { refused: deviceOutOfMemory(refused.message) };
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
