/**
 * GPU time by timestamp queries. `GpuTimeline.attach(device)` gives every compute pass that is encoded on this
 * device a pair of timestamps; `read()` waits for the device and returns how long each pass took. With
 * `by: 'dispatch'` each dispatch runs in a pass of its own, so the time of every kernel is known by its
 * pipeline's label; this costs the overlap between kernels and some microseconds each, so a step's total is
 * measured by pass and its parts by dispatch.
 *
 * It works on the calls themselves, for any library that encodes on the device, and needs `timestamp-query`.
 * In Node, Dawn's clock is exact (`timestamp_quantization` is off there); browsers round to 100 µs.
 */

export interface TimedPass {
  /** Label of the pipeline that ran (the last one of a pass with several). */
  readonly label: string;
  readonly dispatches: number;
  readonly ms: number;
}

interface Slot {
  readonly set: GPUQuerySet;
  readonly begin: number;
  label: string;
  dispatches: number;
}

const perSet = 4096;

export class GpuTimeline {
  private readonly sets: { set: GPUQuerySet; used: number }[] = [];
  private readonly slots: Slot[] = [];
  /** Off: passes are encoded as they are. */
  recording = true;

  static attach(device: GPUDevice, options: { readonly by: 'pass' | 'dispatch' }): GpuTimeline {
    if (!device.features.has('timestamp-query')) {
      throw new Error('this device has no timestamp-query: GPU times can not be measured');
    }
    return new GpuTimeline(device, options.by);
  }

  private constructor(
    private readonly device: GPUDevice,
    private readonly by: 'pass' | 'dispatch',
  ) {
    const original = device.createCommandEncoder;
    device.createCommandEncoder = (descriptor) => {
      const encoder = original.call(device, descriptor);
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (passDescriptor) =>
        this.recording ? this.timed(begin, passDescriptor ?? {}) : begin(passDescriptor);
      return encoder;
    };
  }

  /**
   * Waits until everything submitted is done and returns the passes since the last `read`, in order. What is encoded
   * meanwhile belongs to the next one.
   */
  async read(): Promise<TimedPass[]> {
    const slots = this.slots.splice(0);
    const sets = this.sets.splice(0);
    const times = new Map<GPUQuerySet, BigUint64Array>();
    for (const { set, used } of sets) {
      times.set(set, await this.resolve(set, used));
    }
    return slots.map(({ set, begin, label, dispatches }) => {
      const values = times.get(set)!;
      // A clock that wraps or a pass that was never submitted gives nonsense: count it as nothing.
      const nanoseconds = Number(values[begin + 1]! - values[begin]!);
      return { label, dispatches, ms: nanoseconds > 0 && nanoseconds < 6e10 ? nanoseconds / 1e6 : 0 };
    });
  }

  dispose(): void {
    // The method of the class shows again.
    Reflect.deleteProperty(this.device, 'createCommandEncoder');
    // Query sets are left to the collector: a command buffer that is not submitted yet may still name them.
    this.sets.length = 0;
  }

  private async resolve(set: GPUQuerySet, count: number): Promise<BigUint64Array> {
    const { device } = this;
    const resolved = device.createBuffer({
      size: count * 8,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const staging = device.createBuffer({
      size: count * 8,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(set, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      return new BigUint64Array(staging.getMappedRange().slice(0));
    } finally {
      resolved.destroy();
      staging.destroy();
    }
  }

  private slot(label: string): Slot {
    let entry = this.sets.at(-1);
    if (!entry || entry.used + 2 > perSet) {
      entry = { set: this.device.createQuerySet({ type: 'timestamp', count: perSet }), used: 0 };
      this.sets.push(entry);
    }
    const slot = { set: entry.set, begin: entry.used, label, dispatches: 0 };
    entry.used += 2;
    this.slots.push(slot);
    return slot;
  }

  private timed(
    begin: (descriptor: GPUComputePassDescriptor) => GPUComputePassEncoder,
    descriptor: GPUComputePassDescriptor,
  ): GPUComputePassEncoder {
    const beginTimed = (label: string): { pass: GPUComputePassEncoder; slot: Slot } => {
      const slot = this.slot(label);
      const timestampWrites = {
        querySet: slot.set,
        beginningOfPassWriteIndex: slot.begin,
        endOfPassWriteIndex: slot.begin + 1,
      };
      return { pass: begin({ ...descriptor, timestampWrites }), slot };
    };
    if (this.by === 'dispatch') return new SplitPass(beginTimed) as unknown as GPUComputePassEncoder;
    const { pass, slot } = beginTimed('');
    const setPipeline = pass.setPipeline.bind(pass);
    pass.setPipeline = (pipeline) => {
      slot.label = pipeline.label;
      return setPipeline(pipeline);
    };
    for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect'] as const) {
      const dispatch = pass[name].bind(pass) as (...args: unknown[]) => undefined;
      (pass as unknown as Record<string, unknown>)[name] = (...args: unknown[]): undefined => {
        slot.dispatches++;
        dispatch(...args);
      };
    }
    return pass;
  }
}

/** Looks like a compute pass and encodes each dispatch in a pass of its own. */
class SplitPass {
  private pipeline: GPUComputePipeline | undefined;
  private readonly groups = new Map<number, readonly unknown[]>();

  constructor(private readonly begin: (label: string) => { pass: GPUComputePassEncoder; slot: Slot }) {}

  setPipeline(pipeline: GPUComputePipeline): void {
    this.pipeline = pipeline;
  }

  setBindGroup(index: number, ...rest: readonly unknown[]): void {
    this.groups.set(index, rest);
  }

  dispatchWorkgroups(x: number, y?: number, z?: number): void {
    this.dispatch((pass) => pass.dispatchWorkgroups(x, y ?? 1, z ?? 1));
  }

  dispatchWorkgroupsIndirect(buffer: GPUBuffer, offset: number): void {
    this.dispatch((pass) => pass.dispatchWorkgroupsIndirect(buffer, offset));
  }

  private dispatch(run: (pass: GPUComputePassEncoder) => void): void {
    const { pass, slot } = this.begin(this.pipeline?.label ?? '');
    slot.dispatches = 1;
    pass.setPipeline(this.pipeline!);
    for (const [index, rest] of this.groups)
      (pass.setBindGroup as unknown as (...args: unknown[]) => void).call(pass, index, ...rest);
    run(pass);
    pass.end();
  }

  end(): void {}
  pushDebugGroup(): void {}
  popDebugGroup(): void {}
  insertDebugMarker(): void {}
}
