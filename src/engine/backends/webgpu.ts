/**
 * WebGPU through TensorFlow.js' backend, on a device that we ask for ourselves: all of the adapter's limits and
 * the features that our kernels can use. WebGPU reports failures long after the call that caused them, as
 * events; they are kept here and surface at the next `check()`. What can be known before is refused at once: a
 * buffer above the adapter's limits would otherwise only poison everything computed from it.
 */
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { GpuAccess } from '#platform';
import type { DeviceError } from '../../core/index.ts';
import { deviceLost, deviceRejected, outOfMemory } from '../device-errors.ts';
import * as tf from '../tf.ts';
import type { OpenBackend } from './backend.ts';

const wantedFeatures = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as const;

/** The members of TensorFlow.js' buffer manager that are used here; the version is pinned because of them. */
interface BufferManager {
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): GPUBuffer;
  dispose(): void;
}

/** The adapter for heavy work, or undefined when WebGPU has none. */
export async function findAdapter(access: GpuAccess): Promise<GPUAdapter | undefined> {
  return (await access.gpu.requestAdapter({ powerPreference: 'high-performance' })) ?? undefined;
}

/** True for lavapipe, SwiftShader, WARP: an adapter that computes on the processor. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const { info } = adapter;
  const named = /llvmpipe|lavapipe|swiftshader|microsoft basic render/i;
  return info.isFallbackAdapter || info.architecture === 'software' || named.test(info.description);
}

export function adapterName(adapter: GPUAdapter): string {
  const { description, device, vendor, architecture } = adapter.info;
  return description || device || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
}

export async function openWebgpu(access: GpuAccess, adapter: GPUAdapter): Promise<OpenBackend> {
  const features = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const limits = numericLimits(adapter.limits);
  const device = await adapter.requestDevice({
    label: 'ocelli',
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: limits,
  });
  let failure: DeviceError | undefined;
  let closing = false;
  let reportFailure: (error: DeviceError) => void = () => {};
  const failed = new Promise<DeviceError>((resolve) => {
    reportFailure = resolve;
  });
  const fail = (error: DeviceError): void => {
    if (closing || failure) return;
    failure = error;
    reportFailure(error);
  };
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    const { error } = event as GPUUncapturedErrorEvent;
    fail(
      error instanceof GPUOutOfMemoryError
        ? outOfMemory(`the device ran out of memory (${error.message.trim()})`)
        : deviceRejected(error.message),
    );
  });
  void device.lost.then((info) => fail(deviceLost(info.message || info.reason)));

  const backend = new WebGPUBackend(device, adapter.info);
  const buffers = backend.bufferManager as unknown as BufferManager;
  refuseTooLarge(buffers, device);
  // Small operations on values that were just written would otherwise run on the CPU, unseen by a recording.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  tf.registerBackend('webgpu', () => backend, 3);
  await tf.setBackend('webgpu');
  await tf.ready();
  return {
    backend: 'webgpu',
    name: `${adapterName(adapter)} (${access.provider})`,
    software: isSoftware(adapter),
    features,
    limits,
    allocatedBytes: () => buffers.numBytesAllocated,
    failed,
    failure: () => failure,
    synchronize: () => device.queue.onSubmittedWorkDone().then(() => {}),
    trim: () => trim(buffers),
    close() {
      closing = true;
      // Destroying the buffers of a device that is gone would reject reads that nobody awaits any more.
      if (failure) buffers.dispose = () => {};
      tf.removeBackend('webgpu');
      device.destroy();
      access.close();
    },
  };
}

function numericLimits(limits: GPUSupportedLimits): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const value = (limits as unknown as Record<string, unknown>)[name];
    if (typeof value === 'number') found[name] = value;
  }
  return found;
}

function refuseTooLarge(buffers: BufferManager, device: GPUDevice): void {
  const acquire = buffers.acquireBuffer.bind(buffers);
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  buffers.acquireBuffer = (size, usage, mappedAtCreation, reuse) => {
    const limit =
      usage & GPUBufferUsage.STORAGE ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > limit)
      throw outOfMemory(
        `one tensor of ${Math.ceil(size / 2 ** 20)} MiB, and this adapter binds at most ${Math.floor(limit / 2 ** 20)} MiB`,
      );
    try {
      return acquire(size, usage, mappedAtCreation, reuse);
    } catch (error) {
      throw outOfMemory(`no buffer of ${Math.ceil(size / 2 ** 20)} MiB could be made`, error);
    }
  };
}

/** Destroys the buffers that wait for reuse: their sizes may never come again. */
function trim(buffers: BufferManager): void {
  for (const list of buffers.freeBuffers.values()) {
    for (const buffer of list) {
      buffers.numBytesAllocated -= buffer.size;
      buffers.numFreeBuffers--;
      buffer.destroy();
    }
    list.length = 0;
  }
}
