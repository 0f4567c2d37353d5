/**
 * A plan kept ready on a device: compiled kernels, memory and bind groups are made once by `prepare`; a run only
 * writes the inputs, encodes the list of dispatches and submits it.
 *
 *   const execution = await Execution.prepare(plan, device, { parameters: { weight } });
 *   execution.write('image', pixels);
 *   await execution.run();
 *   await execution.read('loss');  // Float32Array [2.31]
 */
import type { Gpu } from '../backends/gpu.ts';
import type { MemoryRange } from '../backends/sliced-webgpu.ts';
import type { KernelPlan, PlanKernel, PlanValue } from '../compile/types.ts';
import { deviceRejected } from '../device-errors.ts';
import type { GraphData } from '../graph/index.ts';
import { GpuTimeline } from '../profile/index.ts';
import { type MemoryPlan, type MemoryReport, planMemory } from './memory-plan.ts';
import { bytesOf, elementsOf, encode, type Numbers } from './numbers.ts';
import type { ParameterSource } from './parameters.ts';
import { type CompiledKernel, compileKernels } from './pipelines.ts';
import { PlanMemory } from './plan-memory.ts';
import { storageUsage } from './pool.ts';
import { Readback } from './readback.ts';
import { SubmitSchedule } from './schedule.ts';
import { settleVariables } from './settle.ts';
import { bindSlices } from './slices.ts';
import { SubmissionTimer } from './submission-timer.ts';

/** A kernel of a plan and how long it took. */
export interface KernelTime extends Pick<PlanKernel, 'label' | 'flops' | 'bytes' | 'nodes'> {
  readonly milliseconds: number;
}

export interface PrepareOptions {
  /**
   * The variables that are the plan's parameters (read, updated or both), by name: they are used in place. Numbers are
   * what a parameter of the plan's own holds at first; one that is not given starts as 0.
   */
  readonly parameters?: Readonly<Record<string, ParameterSource>>;
}

/** Takes part in a run: is given the outputs that the halt reads and returns the inputs that it writes. */
export type AtHalt = (
  outputs: Readonly<Record<string, GraphData>>,
  halt: number,
) => Readonly<Record<string, Numbers>> | Promise<Readonly<Record<string, Numbers>>>;

/** A device as `openDevice` makes it, or a bare one. */
export type ExecutionDevice = Gpu | { readonly gpu: Gpu | undefined };

interface Copy {
  readonly from: number;
  /** The parameter that is set. */
  readonly name: string;
  readonly bytes: number;
  /** For what lies among parameters itself: the first half of the copy. */
  readonly scratch: GPUBuffer | undefined;
}

export class Execution {
  private readonly readback: Readback;
  private readonly schedule: SubmitSchedule;
  private readonly timer: SubmissionTimer;
  private readonly bindGroups: GPUBindGroup[] = [];
  private readonly copies: readonly Copy[];
  /** What the run that is being submitted copies for the host at its end. */
  private reads: readonly string[] = [];
  private finishReads: (() => Promise<GraphData[]>) | undefined;
  /** What the last run has copied. */
  private ahead: { readonly names: readonly string[]; readonly numbers: Promise<GraphData[]> } | undefined;
  private disposed = false;

  private constructor(
    readonly plan: KernelPlan,
    private readonly gpu: Gpu,
    private readonly layout: MemoryPlan,
    private readonly memory: PlanMemory,
    private readonly kernels: readonly CompiledKernel[],
  ) {
    this.readback = new Readback(gpu);
    this.schedule = new SubmitSchedule(plan.kernels.length, gpu.software);
    this.timer = new SubmissionTimer(gpu.device.queue, this.schedule);
    this.copies = this.copiesOf();
  }

  /**
   * Compiles and allocates. Throws a DeviceError: `out_of_memory`, `device_error` for a kernel that the device
   * refuses, `device_lost`.
   */
  static async prepare(
    given: KernelPlan,
    device: ExecutionDevice,
    { parameters = {} }: PrepareOptions = {},
  ): Promise<Execution> {
    const gpu = gpuOf(device);
    const plan = bindSlices(given);
    const layout = planMemory(plan, gpu.memory.largestBuffer);
    const compiling = compileKernels(gpu, plan.kernels);
    // Awaited below, unless the memory does not suffice.
    compiling.catch(() => {});
    const settled = await gpu.failures.guard(settleVariables(gpu, plan, layout, parameters));
    let memory: PlanMemory;
    try {
      memory = await gpu.failures.guard(
        gpu.memory.attempt(
          () => new PlanMemory(gpu, plan, layout, parameters),
          (made) => made.dispose(),
        ),
      );
    } finally {
      // The plan's memory holds them itself now.
      for (const arena of settled) arena.release();
    }
    let execution: Execution | undefined;
    try {
      execution = new Execution(plan, gpu, layout, memory, await compiling);
      memory.sync();
      await gpu.failures.guard(execution.validate());
      return execution;
    } catch (error) {
      if (execution) execution.dispose();
      else memory.dispose();
      throw error;
    }
  }

  /** What it takes of the device's memory. */
  get report(): MemoryReport {
    return this.layout.report;
  }

  /** Gives a parameter that is no variable new contents. */
  setParameter(name: string, numbers: Numbers): void {
    this.memory.parameters.write(name, numbers);
  }

  /** Sets an input for the runs that follow. */
  write(name: string, numbers: Numbers): void {
    const id = this.plan.inputs[name];
    if (id === undefined) throw unknown('input', name, this.plan.inputs);
    const value = this.plan.values.get(id);
    // Fed, but no kernel reads it.
    if (!value) return;
    if (numbers.length !== elementsOf(value))
      throw new Error(`${name} is [${value.shape}]: ${elementsOf(value)} numbers, not ${numbers.length}`);
    const place = this.memory.place(id);
    const { buffer, byteOffset, byteLength } = encode(numbers, value);
    this.gpu.device.queue.writeBuffer(place.buffer, place.offset, buffer, byteOffset, byteLength);
  }

  /**
   * Submits the work; resolves when all of it is submitted, not when it is done. Without halts everything is
   * submitted before this returns. Where the plan halts, `atHalt` says what goes on. `reads`: outputs that will be
   * asked for; with them in the last submission, `readAll` of the same names needs none of its own.
   */
  async run(atHalt?: AtHalt, reads: readonly string[] = []): Promise<void> {
    this.ahead = undefined;
    this.reads = reads;
    this.timer.begin();
    await this.follow(atHalt, (from, to, last) => this.submit(from, to, last));
  }

  /**
   * Runs once and measures each kernel: by timestamps where the device has them (without what runs between
   * kernels), else by the clock, one kernel after the other (with some tens of microseconds each).
   */
  async profile(atHalt?: AtHalt): Promise<KernelTime[]> {
    const times = await (this.gpu.features.includes('timestamp-query')
      ? this.timestamps(atHalt)
      : this.clockTimes(atHalt));
    return this.plan.kernels.map(({ label, flops, bytes, nodes }, i) => ({
      label,
      flops,
      bytes,
      nodes,
      milliseconds: times[i]!,
    }));
  }

  /** An output or a parameter as the last run left it. Later runs may start before it is there. */
  async read(name: string): Promise<GraphData> {
    return (await this.readAll([name]))[name]!;
  }

  async readAll<Name extends string>(names: readonly Name[]): Promise<Record<Name, GraphData>> {
    this.check();
    const ahead = this.ahead?.names.join() === names.join() ? this.ahead.numbers : undefined;
    const numbers = await (ahead ?? this.readback.read(names.map((name) => this.find(name))));
    return Object.fromEntries(names.map((name, i) => [name, numbers[i]!])) as Record<Name, GraphData>;
  }

  /** Frees its memory; variables keep theirs. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.readback.dispose();
    for (const { scratch } of this.copies) if (scratch) this.gpu.memory.free(scratch);
    this.memory.dispose();
  }

  /** Goes through the plan from halt to halt; `submit` is given what lies between. */
  private async follow(
    atHalt: AtHalt | undefined,
    submit: (from: number, to: number, last: boolean) => Promise<void> | undefined,
  ): Promise<void> {
    this.check();
    const { pool } = this.memory;
    pool.begin(this);
    try {
      this.bind(this.memory.sync());
      let from = 0;
      for (const [index, halt] of this.plan.halts.entries()) {
        if (!atHalt) throw new Error('the plan halts: run() needs to be told what to do there');
        const submitted = submit(from, halt.kernel, false);
        if (submitted) await submitted;
        from = halt.kernel;
        const written = await atHalt(await this.readAll(halt.reads), index);
        this.check();
        for (const name of halt.writes) {
          const given = written[name];
          if (given === undefined) throw new Error(`at halt ${index} the input ${name} was not given`);
          this.write(name, given);
        }
      }
      const submitted = submit(from, this.kernels.length, true);
      if (submitted) await submitted;
    } finally {
      pool.end(this);
    }
  }

  private check(): void {
    this.gpu.failures.check();
    if (this.disposed) throw new Error('the execution was disposed of');
  }

  private find(name: string): { value: PlanValue; place: MemoryRange } {
    const { outputs, updates, parameters } = this.plan;
    const output = outputs[name];
    if (output !== undefined)
      return { value: this.plan.values.get(output)!, place: this.memory.place(output) };
    const parameter = this.memory.parameters.locate(name);
    if (parameter) return { value: parameter.value, place: parameter.range };
    const update = updates[name];
    if (update === undefined) throw unknown('output or parameter', name, { ...outputs, ...parameters });
    return { value: this.plan.values.get(update)!, place: this.memory.place(update) };
  }

  /** Makes the bind groups of kernels whose values lie elsewhere than before. */
  private bind(moved: ReadonlySet<number> | 'all'): void {
    if (moved !== 'all' && moved.size === 0) return;
    const { parts } = this.layout;
    this.plan.kernels.forEach(({ bindings }, i) => {
      if (moved === 'all' || bindings.some(({ value }) => moved.has(parts.get(value)!.root)))
        this.bindKernel(i);
    });
  }

  private bindKernel(i: number): void {
    const { label, bindings } = this.plan.kernels[i]!;
    this.bindGroups[i] = this.gpu.device.createBindGroup({
      label,
      layout: this.kernels[i]!.layout,
      entries: bindings.map(({ value }, binding) => ({
        binding,
        resource: { ...this.memory.place(value), size: this.layout.bytes.get(value)! },
      })),
    });
  }

  /** Binds and encodes everything once without submitting it, and names the first kernel that the device refuses. */
  private async validate(): Promise<void> {
    const { device } = this.gpu;
    const refused = async (from: number, to: number): Promise<GPUError | null> => {
      device.pushErrorScope('validation');
      for (let i = from; i < to; i++) this.bindKernel(i);
      this.encode(from, to, false);
      return device.popErrorScope();
    };
    const error = await refused(0, this.kernels.length);
    if (!error) return;
    for (const [i, { label }] of this.plan.kernels.entries()) {
      const its = await refused(i, i + 1);
      if (its) throw deviceRejected(`kernel "${label}" can not run: ${its.message}`);
    }
    throw deviceRejected(error.message);
  }

  /** `withReads`: the end of a run. */
  private encode(from: number, to: number, withCopies: boolean, withReads = false): GPUCommandBuffer {
    const encoder = this.gpu.device.createCommandEncoder();
    if (to > from) {
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (let i = from; i < to; i++) {
        const { pipeline } = this.kernels[i]!;
        const [x, y, z] = this.plan.kernels[i]!.workgroups;
        if (pipeline !== current) pass.setPipeline(pipeline);
        current = pipeline;
        pass.setBindGroup(0, this.bindGroups[i]!);
        pass.dispatchWorkgroups(x, y, z);
      }
      pass.end();
    }
    if (withCopies) this.encodeCopies(encoder);
    if (withReads && this.reads.length > 0) {
      const values = this.reads.map((name) => this.find(name));
      this.finishReads = this.readback.encode(encoder, values);
    }
    return encoder.finish();
  }

  private encodeCopies(encoder: GPUCommandEncoder): void {
    for (const { from, bytes, scratch } of this.copies) {
      const { buffer, offset } = this.memory.place(from);
      if (scratch) encoder.copyBufferToBuffer(buffer, offset, scratch, 0, bytes);
    }
    for (const { from, name, bytes, scratch } of this.copies) {
      const source = scratch ? { buffer: scratch, offset: 0 } : this.memory.place(from);
      const { range } = this.memory.parameters.locate(name)!;
      encoder.copyBufferToBuffer(source.buffer, source.offset, range.buffer, range.offset, bytes);
    }
  }

  private submit(from: number, to: number, last: boolean): undefined {
    const { queue } = this.gpu.device;
    let start = from;
    do {
      const end = this.schedule.end(start, to);
      const isEnd = last && end === to;
      queue.submit([this.encode(start, end, isEnd, isEnd)]);
      this.timer.submitted(start, end);
      start = end;
    } while (start < to);
    if (last) this.timer.end();
    if (last && this.reads.length > 0) this.startReading();
  }

  private startReading(): void {
    const numbers = this.finishReads!();
    // A failure is met by whoever reads.
    numbers.catch(() => {});
    this.ahead = { names: this.reads, numbers };
    this.reads = [];
  }

  private async timestamps(atHalt: AtHalt | undefined): Promise<number[]> {
    const timeline = GpuTimeline.attach(this.gpu.device, { by: 'dispatch' });
    try {
      await this.run(atHalt);
      const passes = await this.gpu.failures.guard(timeline.read());
      return passes.map(({ ms }) => ms);
    } finally {
      timeline.dispose();
    }
  }

  private async clockTimes(atHalt: AtHalt | undefined): Promise<number[]> {
    const { queue } = this.gpu.device;
    const times: number[] = [];
    await this.follow(atHalt, async (from, to, last) => {
      for (let i = from; i < to; i++) {
        const start = performance.now();
        queue.submit([this.encode(i, i + 1, false)]);
        await this.gpu.failures.guard(queue.onSubmittedWorkDone());
        times.push(performance.now() - start);
      }
      if (last) queue.submit([this.encode(to, to, true)]);
    });
    return times;
  }

  /** Updates that are not written in place. */
  private copiesOf(): Copy[] {
    const copies: Copy[] = [];
    for (const [name, from] of Object.entries(this.plan.updates)) {
      const target = this.memory.parameters.find(name);
      const part = this.layout.parts.get(from)!;
      if (!target || (target.root === part.root && target.offset === part.offset)) continue;
      const bytes = bytesOf(target.value);
      const amongParameters = this.layout.roles.get(part.root) === 'parameter';
      const scratch = amongParameters
        ? this.gpu.memory.allocate(`update of ${name}`, bytes, storageUsage())
        : undefined;
      copies.push({ from, name, bytes, scratch });
    }
    return copies;
  }
}

export function gpuOf(device: ExecutionDevice): Gpu {
  const gpu = 'failures' in device ? device : device.gpu;
  if (!gpu) throw new Error('compiled plans run on webgpu only');
  return gpu;
}

function unknown(role: string, name: string, known: object): Error {
  return new Error(`the plan has no ${role} ${name}; it has ${Object.keys(known).join(', ') || 'none'}`);
}
