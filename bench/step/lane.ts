/**
 * TensorFlow.js has one backend a name. Contenders that use it would share its free buffers and its compiled
 * pipelines, so each gets a lane: a WebGPU backend of its own (Ocelli's is a class of its own) on a `GPUDevice` of its own, of the same adapter,
 * put under the name `webgpu` while it is that contender's turn. Tensors remember the backend that they are on.
 */
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { SlicedWebgpuBackend } from '../../src/engine/backends/sliced-webgpu.ts';
import { type Device, tf } from '../../src/engine/index.ts';

/** The members of TensorFlow.js' engine that say which backend is on. */
interface EngineBackends {
  readonly registry: Record<string, tf.KernelBackend>;
  backendInstance: tf.KernelBackend;
}

const engine = (): EngineBackends => tf.engine() as unknown as EngineBackends;

export interface Lane {
  /** Makes this lane TensorFlow.js' backend. */
  enter(): void;
  dispose(): void;
}

/** The lane of the device that is open already. */
export function openLane(): Lane {
  const backend = engine().backendInstance;
  return { enter: () => enter(backend, false), dispose: () => {} };
}

/** @param asShipped TensorFlow.js' own backend and settings rather than those that Ocelli changes */
export async function newLane(device: Device, { asShipped }: { asShipped: boolean }): Promise<Lane> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('the adapter is gone');
  const gpu = await adapter.requestDevice({
    requiredFeatures: device.features as GPUFeatureName[],
    requiredLimits: { ...device.limits },
  });
  gpu.addEventListener('uncapturederror', (event) => {
    console.error(`a contender's device: ${(event as GPUUncapturedErrorEvent).error.message}`);
  });
  const Backend = asShipped ? WebGPUBackend : SlicedWebgpuBackend;
  const backend = new Backend(gpu, adapter.info) as WebGPUBackend;
  return {
    enter: () => enter(backend, asShipped),
    dispose() {
      backend.dispose();
      gpu.destroy();
    },
  };
}

function enter(backend: tf.KernelBackend, asShipped: boolean): void {
  engine().registry.webgpu = backend;
  engine().backendInstance = backend;
  // Small operations on values that are still on the host run there: TensorFlow.js' default, Ocelli turns it off.
  tf.env().set('WEBGPU_CPU_FORWARD', asShipped);
}
