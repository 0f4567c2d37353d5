/**
 * WebGPU through TensorFlow.js' backend, on a device that we ask for ourselves (gpu.ts). WebGPU reports failures
 * long after the call that caused them; they surface at the next `check()`. What can be known before is refused
 * at once: a buffer above the adapter's limits would otherwise only poison everything computed from it.
 */
import type { GpuAccess } from '#platform';
import { outOfMemory } from '../device-errors.ts';
import * as tf from '../tf.ts';
import { replaceCircularKernels } from '../wgsl-circular.ts';
import type { OpenBackend } from './backend.ts';
import { openGpuDevice } from './gpu.ts';
import { type BufferManager, SlicedWebgpuBackend } from './sliced-webgpu.ts';

export async function openWebgpu(access: GpuAccess, adapter: GPUAdapter): Promise<OpenBackend> {
  const gpu = await openGpuDevice(access, adapter);
  const { device } = gpu;
  const backend = new SlicedWebgpuBackend(device, adapter.info);
  const buffers = backend.bufferManager;
  refuseTooLarge(buffers, device);
  gpu.memory.onShortage(() => trim(buffers));
  // Small operations on values that were just written would otherwise run on the CPU, unseen by a recording.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  replaceCircularKernels();
  // In a browser the package has registered one with a device of its own.
  if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', () => backend as unknown as tf.KernelBackend, 3);
  await tf.setBackend('webgpu');
  await tf.ready();
  return {
    backend: 'webgpu',
    name: `${gpu.name} (${access.provider})`,
    software: gpu.software,
    features: gpu.features,
    limits: gpu.limits,
    allocatedBytes: () => buffers.numBytesAllocated + gpu.memory.bytes,
    failures: gpu.failures,
    gpu,
    synchronize: () => device.queue.onSubmittedWorkDone().then(() => {}),
    trim: () => trim(buffers),
    close() {
      // Destroying the buffers of a device that is gone would reject reads that nobody awaits any more.
      if (gpu.failures.failure) buffers.dispose = () => {};
      tf.removeBackend('webgpu');
      gpu.close();
    },
  };
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
