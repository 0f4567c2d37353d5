/**
 * Counts what a program asks of WebGPU: dispatches, submits, bytes of buffers, and the time in which it waits for
 * the device. It wraps the methods of the `GPU*` classes themselves, so it sees any library that runs in this
 * process (TensorFlow.js, jax-js, our compiled steps) by the same measure and none of them needs to help.
 *
 * Bytes belong to an owner: whoever was named (`meter.owner = …`) when the buffer was made. A buffer counts
 * until it is destroyed, or collected because nobody holds it any more.
 *
 * Waiting is counted from the last call that gave the device work to the moment at which a mapping (or
 * `onSubmittedWorkDone`) that was asked for resolves; what is left of a step is JavaScript at work.
 */

export interface MeterCounts {
  readonly dispatches: number;
  readonly submits: number;
  readonly waitedMs: number;
}

export interface MeterBytes {
  /** Held now, and the most that was held at a time since the owner was named first (or `resetPeak`). */
  readonly now: number;
  readonly peak: number;
}

interface Account {
  now: number;
  peak: number;
}

/** Methods of a `GPU*` class, by name, as plain functions. */
type Methods = Record<string, (this: object, ...args: never[]) => unknown>;

let attached: GpuMeter | undefined;

export class GpuMeter {
  /** Who is charged for buffers that are made from now on. */
  owner = '';
  private dispatches = 0;
  private submits = 0;
  private waitedMs = 0;
  /** When the device was last given work, or a wait last ended. */
  private lastEvent = 0;
  private readonly accounts = new Map<string, Account>();
  private readonly held = new WeakMap<object, { account: Account; size: number }>();
  private readonly collected = new FinalizationRegistry<{ account: Account; size: number }>((buffer) =>
    this.release(buffer),
  );
  private readonly undo: (() => void)[] = [];

  /** Starts counting. The `GPU*` classes must be there: open a device (or Dawn) first. One meter at a time. */
  static attach(): GpuMeter {
    if (attached) throw new Error('a GpuMeter is attached already: dispose of it first');
    attached = new GpuMeter();
    return attached;
  }

  private constructor() {
    const meter = this;
    for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
      this.wrap(
        'GPUComputePassEncoder',
        name,
        (original) =>
          function (this: object, ...args: never[]) {
            meter.dispatches++;
            meter.lastEvent = performance.now();
            return original.apply(this, args);
          },
      );
    }
    this.wrap(
      'GPUQueue',
      'submit',
      (original) =>
        function (this: object, ...args: never[]) {
          meter.submits++;
          const result = original.apply(this, args);
          meter.lastEvent = performance.now();
          return result;
        },
    );
    for (const [type, name] of [
      ['GPUBuffer', 'mapAsync'],
      ['GPUQueue', 'onSubmittedWorkDone'],
    ] as const) {
      this.wrap(
        type,
        name,
        (original) =>
          function (this: object, ...args: never[]) {
            const asked = performance.now();
            return (original.apply(this, args) as Promise<void>).then((result) => {
              const now = performance.now();
              meter.waitedMs += now - Math.max(asked, meter.lastEvent);
              meter.lastEvent = now;
              return result;
            });
          },
      );
    }
    this.wrap(
      'GPUDevice',
      'createBuffer',
      (original) =>
        function (this: object, ...args: never[]) {
          const buffer = original.apply(this, args) as GPUBuffer;
          meter.charge(buffer);
          return buffer;
        },
    );
    this.wrap(
      'GPUBuffer',
      'destroy',
      (original) =>
        function (this: object, ...args: never[]) {
          const entry = meter.held.get(this);
          if (entry) {
            meter.held.delete(this);
            meter.collected.unregister(this);
            meter.release(entry);
          }
          return original.apply(this, args);
        },
    );
  }

  counts(): MeterCounts {
    return { dispatches: this.dispatches, submits: this.submits, waitedMs: this.waitedMs };
  }

  /** What was counted since `start`. */
  since(start: MeterCounts): MeterCounts {
    return {
      dispatches: this.dispatches - start.dispatches,
      submits: this.submits - start.submits,
      waitedMs: this.waitedMs - start.waitedMs,
    };
  }

  bytes(owner = this.owner): MeterBytes {
    const { now, peak } = this.account(owner);
    return { now, peak };
  }

  resetPeak(owner = this.owner): void {
    const account = this.account(owner);
    account.peak = account.now;
  }

  dispose(): void {
    for (const restore of this.undo.splice(0)) restore();
    if (attached === this) attached = undefined;
  }

  private account(owner: string): Account {
    let account = this.accounts.get(owner);
    if (!account) {
      account = { now: 0, peak: 0 };
      this.accounts.set(owner, account);
    }
    return account;
  }

  private charge(buffer: GPUBuffer): void {
    const entry = { account: this.account(this.owner), size: buffer.size };
    entry.account.now += entry.size;
    entry.account.peak = Math.max(entry.account.peak, entry.account.now);
    this.held.set(buffer, entry);
    this.collected.register(buffer, entry, buffer);
  }

  private release({ account, size }: { account: Account; size: number }): void {
    account.now -= size;
  }

  private wrap(
    type: string,
    method: string,
    wrapper: (original: Methods[string]) => (this: object, ...args: never[]) => unknown,
  ): void {
    const gpuClass = (globalThis as unknown as Record<string, { prototype: Methods } | undefined>)[type];
    const original = gpuClass?.prototype[method];
    if (!gpuClass || !original) throw new Error(`no ${type}.${method} to count: open a WebGPU device first`);
    gpuClass.prototype[method] = wrapper(original);
    this.undo.push(() => {
      gpuClass.prototype[method] = original;
    });
  }
}
