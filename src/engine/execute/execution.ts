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
import type { KernelPlan, PlanValue } from '../compile/types.ts';
import type { GraphData } from '../graph/index.ts';
import { bytesOf, elementsOf, encode, type Numbers } from './numbers.ts';
import { compileKernels } from './pipelines.ts';
import { type Place, Readback } from './readback.ts';
import { copyTensor, isTensor, type TensorLike } from './tensors.ts';

export interface PrepareOptions {
  /** What parameters hold at first: numbers, or tensors (variables) on TensorFlow.js' webgpu backend. Others start as 0. */
  readonly parameters?: Readonly<Record<string, Numbers | TensorLike>>;
}

/** Takes part in a run: is given the outputs that the halt reads and returns the inputs that it writes. */
export type AtHalt = (
  outputs: Readonly<Record<string, GraphData>>,
  halt: number,
) => Readonly<Record<string, Numbers>> | Promise<Readonly<Record<string, Numbers>>>;

/** A device as `openDevice` makes it, or a bare one. */
export type ExecutionDevice = Gpu | { readonly gpu: Gpu | undefined };

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

const storageUsage = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

export class Execution {
  private readonly readback: Readback;
  private disposed = false;

  private constructor(
    readonly plan: KernelPlan,
    private readonly gpu: Gpu,
    private readonly places: ReadonlyMap<number, Place>,
    private readonly dispatches: readonly Dispatch[],
    private readonly updates: readonly { from: number; to: number }[],
    private readonly buffers: readonly GPUBuffer[],
  ) {
    this.readback = new Readback(gpu);
  }

  /** Compiles and allocates. Throws a DeviceError: memory, a kernel that the device refuses, the device lost. */
  static async prepare(
    plan: KernelPlan,
    device: ExecutionDevice,
    options: PrepareOptions = {},
  ): Promise<Execution> {
    const gpu = gpuOf(device);
    const compiled = await compileKernels(gpu, plan.kernels);
    const buffers: GPUBuffer[] = [];
    const places = new Map<number, Place>();
    try {
      for (const [id, value] of plan.values) {
        const buffer = gpu.memory.allocate(`value ${id}`, bytesOf(value), storageUsage());
        buffers.push(buffer);
        places.set(id, { buffer, offset: 0 });
      }
    } catch (error) {
      for (const buffer of buffers) gpu.memory.free(buffer);
      throw error;
    }
    const dispatches = plan.kernels.map((kernel, i): Dispatch => {
      const { pipeline, layout } = compiled[i]!;
      return {
        pipeline,
        workgroups: kernel.workgroups,
        bindGroup: gpu.device.createBindGroup({
          label: kernel.label,
          layout,
          entries: kernel.bindings.map(({ value }, binding) => {
            const { buffer, offset } = places.get(value)!;
            return { binding, resource: { buffer, offset, size: bytesOf(plan.values.get(value)!) } };
          }),
        }),
      };
    });
    const updates = Object.entries(plan.updates).flatMap(([name, from]) => {
      const to = plan.parameters[name];
      if (to === undefined) throw new Error(`the plan updates ${name}, which is none of its parameters`);
      return from === to ? [] : [{ from, to }];
    });
    const execution = new Execution(plan, gpu, places, dispatches, updates, buffers);
    for (const [id, numbers] of plan.constants) execution.put(id, numbers, `constant ${id}`);
    for (const [name, given] of Object.entries(options.parameters ?? {})) execution.setParameter(name, given);
    return execution;
  }

  /** Gives a parameter new contents. */
  setParameter(name: string, given: Numbers | TensorLike): void {
    const id = idOf(this.plan.parameters, name, 'parameter');
    if (!isTensor(given)) this.put(id, given, name);
    else copyTensor(given, this.gpu.device, this.placeOf(id), this.valueOf(id), name);
  }

  /** Sets an input for the runs that follow. */
  write(name: string, numbers: Numbers): void {
    this.put(idOf(this.plan.inputs, name, 'input'), numbers, name);
  }

  /**
   * Submits the work; resolves when all of it is submitted, not when it is done. Where the plan halts, `atHalt`
   * decides what goes on.
   */
  async run(atHalt?: AtHalt): Promise<void> {
    this.check();
    let from = 0;
    for (const [index, halt] of this.plan.halts.entries()) {
      if (!atHalt) throw new Error('the plan halts: run() needs to be told what to do there');
      this.submit(from, halt.kernel);
      from = halt.kernel;
      const numbers = await this.readAll(halt.reads);
      const written = await atHalt(numbers, index);
      for (const name of halt.writes) {
        const given = written[name];
        if (given === undefined) throw new Error(`at halt ${index} the input ${name} was not given`);
        this.write(name, given);
      }
    }
    this.submit(from, this.dispatches.length, this.updates);
  }

  /** An output or a parameter as the last run left it. Later runs may start before it is there. */
  async read(name: string): Promise<GraphData> {
    return (await this.readAll([name]))[name]!;
  }

  async readAll<Name extends string>(names: readonly Name[]): Promise<Record<Name, GraphData>> {
    this.check();
    const wanted = names.map((name) => {
      const id = this.plan.outputs[name] ?? idOf(this.plan.parameters, name, 'output or parameter');
      return { value: this.valueOf(id), place: this.placeOf(id) };
    });
    const numbers = await this.readback.read(wanted);
    return Object.fromEntries(names.map((name, i) => [name, numbers[i]!])) as Record<Name, GraphData>;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.readback.dispose();
    for (const buffer of this.buffers) this.gpu.memory.free(buffer);
  }

  private check(): void {
    this.gpu.failures.check();
    if (this.disposed) throw new Error('the execution was disposed of');
  }

  private submit(from: number, to: number, updates: readonly { from: number; to: number }[] = []): void {
    const encoder = this.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = from; i < to; i++) {
      const { pipeline, bindGroup, workgroups } = this.dispatches[i]!;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    for (const update of updates) {
      const source = this.placeOf(update.from);
      const target = this.placeOf(update.to);
      const bytes = bytesOf(this.valueOf(update.to));
      encoder.copyBufferToBuffer(source.buffer, source.offset, target.buffer, target.offset, bytes);
    }
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  private put(id: number, numbers: Numbers, name: string): void {
    const value = this.valueOf(id);
    if (numbers.length !== elementsOf(value))
      throw new Error(`${name} is [${value.shape}]: ${elementsOf(value)} numbers, not ${numbers.length}`);
    const { buffer, offset } = this.placeOf(id);
    const bytes = encode(numbers, value);
    this.gpu.device.queue.writeBuffer(buffer, offset, bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private placeOf(id: number): Place {
    return this.places.get(id)!;
  }

  private valueOf(id: number): PlanValue {
    return this.plan.values.get(id)!;
  }
}

function gpuOf(device: ExecutionDevice): Gpu {
  const gpu = 'failures' in device ? device : device.gpu;
  if (!gpu) throw new Error('compiled plans run on webgpu only');
  return gpu;
}

function idOf(names: Readonly<Record<string, number>>, name: string, role: string): number {
  const id = names[name];
  if (id === undefined)
    throw new Error(`the plan has no ${role} ${name}; it has ${Object.keys(names).join(', ') || 'none'}`);
  return id;
}
