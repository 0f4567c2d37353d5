/**
 * TensorFlow.js' WebGPU backend with two changes. A tensor may be a slice of a larger buffer: compiled steps
 * keep all weights of a kind in one buffer, so that one kernel updates them all; through slices the same
 * memory is what eager code reads (checkpoints, evaluation, export), without a second copy.
 *
 * TensorFlow.js 4.22 gives each tensor a GPUBuffer (`resource`) and binds and copies it whole. The places where
 * it does so are overridden here: binding, reading, copying. Memory of a slice belongs to whoever made it;
 * `external` is TensorFlow.js' own mark for that, and disposing of such a tensor frees nothing. The package's
 * version is pinned because of the members that are used.
 *
 * And its matrix product for few results of long sums (`MatMulSplitKProgram`) is never used: with `transposeB` it
 * gives wrong numbers, and it sums up by atomics, in another order each time.
 */
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '../tf.ts';

/** TensorFlow.js' buffer manager. */
export interface BufferManager {
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
  dispose(): void;
}

/** What TensorFlow.js knows of the memory behind one or several tensors. */
export interface TensorMemory {
  dtype: tf.DataType;
  shape: number[];
  refCount: number;
  /** On the host: what was given and not uploaded yet, or what was read (a copy, then). */
  values: tf.backend_util.TypedArray | null;
  resource: GPUBuffer | null;
  external?: boolean;
  /** In bytes; undefined: the resource is the tensor's own. */
  slice?: { readonly offset: number; readonly size: number } | undefined;
  /** Compiled steps work on it. */
  watched?: boolean;
}

interface WebgpuProgram {
  readonly shaderKey: string;
  /** Of matrix products. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

interface BackendMembers {
  readonly device: GPUDevice;
  readonly bufferManager: BufferManager;
  readonly tensorMap: { get(id: object): TensorMemory; has(id: object): boolean };
  commandEncoder: GPUCommandEncoder | null;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  uploadToGPU(id: object): void;
  convertAndCacheOnCPU(id: object, values: tf.backend_util.TypedArray): tf.backend_util.TypedArray;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  tensorToBinding(tensor: tf.TensorInfo | null): object | null;
  disposeData(id: object, force?: boolean): boolean;
  incRef(id: object): void;
  runWebGPUProgram(
    program: WebgpuProgram,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms?: object,
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
  read(id: object): Promise<tf.backend_util.BackendValues>;
  readSync(id: object): tf.backend_util.BackendValues;
  readToGPU(id: object): tf.GPUData;
}

/** A range of device memory, in bytes. */
export interface MemoryRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

// Several of the members are private in TensorFlow.js' types.
const Base = WebGPUBackend as unknown as new (device: GPUDevice, info: GPUAdapterInfo) => BackendMembers;

/** TensorFlow.js' choice between its matrix products, and the one with small tiles. */
const programTypeFlag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
const smallOutputSize = 2;

const tensorUsage = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

export class SlicedWebgpuBackend extends Base {
  /** Where the memory of a tensor is; uploads what is only on the host. */
  locate(id: object): MemoryRange {
    const memory = this.tensorMap.get(id);
    if (!memory.resource) this.uploadToGPU(id);
    return { buffer: memory.resource!, offset: memory.slice?.offset ?? 0 };
  }

  /** Counts what can make a watched tensor another one: assignments, clones, disposals, moves. */
  changes = 0;

  /** What is known of a tensor's memory; the object stays the same while the tensor lives. It is watched from now on. */
  watch(id: object): Readonly<TensorMemory> {
    const memory = this.tensorMap.get(id);
    memory.watched = true;
    return memory;
  }

  override incRef(id: object): void {
    super.incRef(id);
    this.noteChange(id);
  }

  override disposeData(id: object, force = false): boolean {
    this.noteChange(id);
    return super.disposeData(id, force);
  }

  private noteChange(id: object): void {
    if (this.tensorMap.has(id) && this.tensorMap.get(id).watched) this.changes++;
  }

  /** This memory will be written to in place: nothing that was read from it may be kept on the host. */
  pin(id: object, size: number): void {
    const memory = this.tensorMap.get(id);
    if (memory.slice) return;
    memory.slice = { offset: 0, size };
    keepNoValues(memory);
  }

  /**
   * Makes a range the memory of a tensor, to be written to in place. The tensor's own memory is given back; its
   * numbers must have been copied.
   */
  place(id: object, range: MemoryRange, size: number): void {
    const memory = this.tensorMap.get(id);
    const { resource, external } = memory;
    this.changes++;
    memory.resource = range.buffer;
    memory.slice = { offset: range.offset, size };
    memory.external = true;
    keepNoValues(memory);
    if (!resource || external) return;
    // Work that reads the old memory may be collected and not submitted.
    this.flush();
    // Not kept for reuse: weights would take their memory twice.
    this.bufferManager.releaseBuffer(resource, false);
  }

  /** Moves a tensor out of a range that is not its own into a buffer that is. */
  evacuate(id: object): void {
    const memory = this.tensorMap.get(id);
    const { resource, slice, external } = memory;
    if (!resource || !slice || !external) return;
    const buffer = this.bufferManager.acquireBuffer(slice.size, tensorUsage());
    this.copyOut(resource, slice, buffer);
    memory.resource = buffer;
    memory.slice = { offset: 0, size: slice.size };
    memory.external = false;
    this.changes++;
  }

  /** A tensor of its own with the same numbers. The caller disposes of it. */
  duplicate(id: object): tf.Tensor {
    this.locate(id);
    return this.readToGPU(id).tensorRef;
  }

  /** Submits what TensorFlow.js has collected, so that it comes before what is submitted next. */
  flush(): void {
    if (!this.commandEncoder) return;
    this.endComputePassEncoder();
    this.submitQueue();
  }

  override tensorToBinding(tensor: tf.TensorInfo | null): object | null {
    const memory = tensor && this.tensorMap.get(tensor.dataId);
    if (!memory?.slice) return super.tensorToBinding(tensor);
    return { buffer: memory.resource, ...memory.slice };
  }

  override async read(id: object): Promise<tf.backend_util.BackendValues> {
    const memory = this.tensorMap.has(id) ? this.tensorMap.get(id) : undefined;
    if (!memory?.slice) return super.read(id);
    const { slice, resource } = memory;
    // Of its own and not kept for reuse: a checkpoint reads each weight once.
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = this.bufferManager.acquireBuffer(slice.size, usage, false, false);
    this.copyOut(resource!, slice, staging);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    this.bufferManager.releaseBuffer(staging, false);
    return memory.dtype === 'float32' ? new Float32Array(bytes) : typedFrom(bytes, memory.dtype);
  }

  override readSync(id: object): tf.backend_util.BackendValues {
    this.evacuate(id);
    return super.readSync(id);
  }

  override readToGPU(id: object): tf.GPUData {
    const { slice, resource, shape, dtype } = this.tensorMap.get(id);
    if (!slice) return super.readToGPU(id);
    const buffer = this.bufferManager.acquireBuffer(slice.size, tensorUsage());
    this.copyOut(resource!, slice, buffer);
    const info = this.makeTensorInfo(shape, dtype);
    this.tensorMap.get(info.dataId).resource = buffer;
    return { tensorRef: tf.engine().makeTensorFromTensorInfo(info), buffer };
  }

  override runWebGPUProgram(
    program: WebgpuProgram,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms?: object,
    output?: tf.TensorInfo,
  ): tf.TensorInfo {
    if (!program.shaderKey.startsWith('matMulSplitK_'))
      return super.runWebGPUProgram(program, inputs, dtype, uniforms, output);
    const [a, b] = inputs as [tf.TensorInfo, tf.TensorInfo];
    const { transposeA, transposeB } = program;
    const before = tf.env().get(programTypeFlag)!;
    tf.env().set(programTypeFlag, smallOutputSize);
    try {
      const { kernelFunc } = tf.getKernel('BatchMatMul', 'webgpu')!;
      const attrs = { transposeA, transposeB };
      return kernelFunc({ inputs: { a, b }, attrs, backend: this } as never) as tf.TensorInfo;
    } finally {
      tf.env().set(programTypeFlag, before);
      // The zeros that the other program would have added to.
      if (output) this.disposeData(output.dataId);
    }
  }

  private copyOut(from: GPUBuffer, slice: { offset: number; size: number }, to: GPUBuffer): void {
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    this.commandEncoder!.copyBufferToBuffer(from, slice.offset, to, 0, slice.size);
    this.submitQueue();
  }
}

/** A read that is under way would otherwise leave its numbers here after they changed on the device. */
function keepNoValues(memory: TensorMemory): void {
  Object.defineProperty(memory, 'values', { get: () => null, set: () => {}, configurable: true });
}

/** bool takes four bytes on the device and one on the host. */
const typedFrom = (bytes: ArrayBuffer, dtype: tf.DataType): Int32Array | Uint8Array =>
  dtype === 'bool' ? Uint8Array.from(new Int32Array(bytes)) : new Int32Array(bytes);
