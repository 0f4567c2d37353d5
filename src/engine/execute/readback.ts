/**
 * From device memory to the host. Each read copies into a staging buffer and maps it; several may be on their way
 * at once, so that a loss can be read while the next steps are already running. Staging buffers are kept and used
 * again.
 */

import type { Gpu } from '../backends/gpu.ts';
import type { MemoryRange } from '../backends/sliced-webgpu.ts';
import type { PlanValue } from '../compile/types.ts';
import type { GraphData } from '../graph/index.ts';
import { bytesOf, decode } from './numbers.ts';

export interface PlacedValue {
  readonly value: PlanValue;
  readonly place: MemoryRange;
}

export class Readback {
  private readonly idle: GPUBuffer[] = [];
  private readonly all = new Set<GPUBuffer>();
  private disposed = false;

  constructor(private readonly gpu: Gpu) {}

  /**
   * Values as they are once everything submitted so far is done; later work does not change what is read.
   * The copies are submitted before this returns.
   */
  read(values: readonly PlacedValue[]): Promise<GraphData[]> {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder({ label: 'read outputs' });
    const finish = this.encode(encoder, values);
    device.queue.submit([encoder.finish()]);
    return finish();
  }

  /** As `read`, in an encoder that the caller submits; then the function that is returned gives the numbers. */
  encode(encoder: GPUCommandEncoder, values: readonly PlacedValue[]): () => Promise<GraphData[]> {
    const offsets: number[] = [];
    let total = 0;
    for (const { value } of values) {
      offsets.push(total);
      // Typed arrays on the mapped range want their own alignment; eight fits all.
      total += Math.ceil(bytesOf(value) / 8) * 8;
    }
    const staging = this.stagingOf(total);
    values.forEach(({ value, place }, i) => {
      encoder.copyBufferToBuffer(place.buffer, place.offset, staging, offsets[i]!, bytesOf(value));
    });
    return () => this.gpu.failures.guard(this.finish(staging, total, values, offsets));
  }

  dispose(): void {
    this.disposed = true;
    for (const buffer of this.all) this.gpu.memory.free(buffer);
    this.all.clear();
    this.idle.length = 0;
  }

  private async finish(
    staging: GPUBuffer,
    total: number,
    values: readonly { readonly value: PlanValue }[],
    offsets: readonly number[],
  ): Promise<GraphData[]> {
    await staging.mapAsync(GPUMapMode.READ, 0, total);
    const memory = staging.getMappedRange(0, total);
    const numbers = values.map(({ value }, i) => decode(memory, offsets[i]!, value));
    staging.unmap();
    if (!this.disposed) this.idle.push(staging);
    return numbers;
  }

  private stagingOf(bytes: number): GPUBuffer {
    const fitting = this.idle.findIndex(({ size }) => size >= bytes && size <= 4 * bytes + 4096);
    if (fitting >= 0) return this.idle.splice(fitting, 1)[0]!;
    const buffer = this.gpu.memory.allocate(
      'read outputs',
      Math.max(256, bytes),
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    );
    this.all.add(buffer);
    return buffer;
  }
}
