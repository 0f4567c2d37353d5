/**
 * The device that tensors live on: WebGPU, WebAssembly or plain JavaScript. Opening one makes it TensorFlow.js'
 * backend, which is one for the whole process, so only one device is open at a time.
 *
 * A device can fail between two calls (lost, out of memory). Its owner calls `check()` once a step and reads
 * results through `read()`, which fails instead of waiting for a device that is gone.
 */
import type { DeviceError } from '../core/index.ts';
import type { BackendName, DeviceChoice, OpenBackend } from './backends/backend.ts';
import type { Gpu } from './backends/gpu.ts';
import { chooseBackend } from './choose.ts';
import { TuningStore } from './execute/tuning.ts';
import { type PrepareProgram, programsOf } from './program/index.ts';
import * as tf from './tf.ts';

export interface DeviceOptions {
  /** Look at the note of an earlier measurement and leave one (true). Only `auto` measures. */
  readonly remember?: boolean;
  /** Compile steps where the backend can and `OCELLI_EAGER` does not forbid it (true). */
  readonly compiled?: boolean;
}

export interface Device {
  readonly backend: BackendName;
  /** What compiled steps run on; undefined on wasm and cpu. */
  readonly gpu: Gpu | undefined;
  /** Makes traced steps ready to run; undefined where everything runs kernel by kernel. */
  readonly prepare: PrepareProgram | undefined;
  /** Forms of kernels that were chosen for it, where steps are compiled; kept with checkpoints. */
  readonly tuning: Pick<TuningStore, 'choices' | 'adopt'> | undefined;
  /** For people: `webgpu on NVIDIA H200 (Dawn)`. */
  readonly description: string;
  /** Why this one, in one sentence. */
  readonly reason: string;
  /** No GPU behind it. */
  readonly software: boolean;
  /** Features that were offered and are on: `shader-f16`, `subgroups`, `timestamp-query`; wasm: `simd`. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Bytes allocated on the device and tensors alive. */
  memory(): { readonly bytes: number; readonly tensors: number };
  /** Resolves with the error when the device fails by itself; never rejects, and never resolves without one. */
  readonly lost: Promise<DeviceError>;
  /** Throws the error of a device that failed since it was opened. Once a step is right. */
  check(): void;
  /** The values of a tensor. Throws a DeviceError when the device fails meanwhile. */
  read(tensor: tf.Tensor): Promise<Float32Array | Int32Array | Uint8Array>;
  /** Awaits tensor work, but not longer than the device lives; failures come as DeviceErrors. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Waits until everything submitted is done. */
  synchronize(): Promise<void>;
  /** Gives back memory that is kept for reuse, as between training and an evaluation at other sizes. */
  trim(): void;
  /** Ends the device; tensors on it are gone. The process can then end by itself. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

let current: Device | undefined;

/**
 * Opens a device and makes it TensorFlow.js' backend.
 *
 *   await using device = await openDevice('auto');
 *   device.description  // webgpu on NVIDIA H200 (Dawn)
 *
 * Throws a DeviceError (exit code 4) when the device that was asked for is missing; it says what to install.
 */
export async function openDevice(
  choice: DeviceChoice = 'auto',
  options: DeviceOptions = {},
): Promise<Device> {
  if (current) throw new Error(`a device is open already (${current.description}): dispose of it first`);
  const { opened, reason } = await chooseBackend(choice, options.remember ?? true);
  const device = makeDevice(opened, reason, () => {
    current = undefined;
  });
  current = options.compiled === false ? { ...device, prepare: undefined } : device;
  return current;
}

function makeDevice(opened: OpenBackend, reason: string, onDispose: () => void): Device {
  let open = true;
  const { failures } = opened;
  const dispose = async (): Promise<void> => {
    if (!open) return;
    open = false;
    opened.close();
    onDispose();
  };
  return {
    backend: opened.backend,
    gpu: opened.gpu,
    tuning: opened.gpu && TuningStore.of(opened.gpu),
    prepare: programsOf(opened.gpu),
    description: `${opened.backend} on ${opened.name}`,
    reason,
    software: opened.software,
    features: opened.features,
    limits: opened.limits,
    memory: () => ({ bytes: opened.allocatedBytes(), tensors: tf.memory().numTensors }),
    lost: failures.failed,
    check: () => failures.check(),
    guard: (work) => failures.guard(work),
    read: (tensor) => failures.guard(tensor.data() as Promise<Float32Array | Int32Array | Uint8Array>),
    synchronize: () => failures.guard(opened.synchronize()),
    trim: opened.trim,
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
