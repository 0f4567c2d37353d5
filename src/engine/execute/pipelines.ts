/**
 * Compiled kernels of a device, by their WGSL: equal kernels of a plan, and of several plans, are one pipeline.
 * They are compiled asynchronously, all at once, which lets the driver use every core.
 */

import type { Gpu } from '../backends/gpu.ts';
import type { PlanBinding, PlanKernel } from '../compile/types.ts';
import { deviceRejected } from '../device-errors.ts';

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Cache {
  readonly kernels: Map<string, Promise<CompiledKernel>>;
  /** By the access of each binding: `read,read,write`. */
  readonly layouts: Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>;
}

const caches = new WeakMap<GPUDevice, Cache>();

/** The kernels in their order, ready to run. Rejects with a DeviceError that names the kernel. */
export function compileKernels(gpu: Gpu, kernels: readonly PlanKernel[]): Promise<CompiledKernel[]> {
  let cache = caches.get(gpu.device);
  if (!cache) {
    cache = { kernels: new Map(), layouts: new Map() };
    caches.set(gpu.device, cache);
  }
  const known = cache;
  return gpu.failures.guard(
    Promise.all(
      kernels.map((kernel) => {
        const found = known.kernels.get(kernel.wgsl);
        if (found) return found;
        const compiled = compile(gpu, known, kernel);
        known.kernels.set(kernel.wgsl, compiled);
        // What did not compile is not worth keeping.
        compiled.catch(() => known.kernels.delete(kernel.wgsl));
        return compiled;
      }),
    ),
  );
}

async function compile(gpu: Gpu, cache: Cache, kernel: PlanKernel): Promise<CompiledKernel> {
  const { device } = gpu;
  const { label, wgsl } = kernel;
  const layout = layoutOf(device, cache, kernel.bindings);
  // Uncaptured, an error of the module would end the device for everybody.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: wgsl });
  const moduleError = device.popErrorScope();
  const made = device
    .createComputePipelineAsync({ label, layout: layout.pipeline, compute: { module, entryPoint: 'main' } })
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  const refused = await moduleError;
  const pipeline = await made;
  if (pipeline instanceof Error) {
    const lost = await gpu.failures.soon(pipeline);
    if (lost) throw lost;
  }
  if (refused) throw deviceRejected(`kernel "${label}" is no valid WGSL: ${refused.message}\n${wgsl}`);
  if (pipeline instanceof Error)
    throw deviceRejected(`kernel "${label}" does not compile: ${pipeline.message}`);
  return { pipeline, layout: layout.group };
}

/** Written out rather than derived from the WGSL: a binding that the code happens not to use stays. */
function layoutOf(device: GPUDevice, cache: Cache, bindings: readonly PlanBinding[]) {
  const key = bindings.map(({ access }) => access).join();
  let layout = cache.layouts.get(key);
  if (!layout) {
    const group = device.createBindGroupLayout({
      label: key,
      entries: bindings.map(({ access }, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
      })),
    });
    layout = { group, pipeline: device.createPipelineLayout({ label: key, bindGroupLayouts: [group] }) };
    cache.layouts.set(key, layout);
  }
  return layout;
}
