/**
 * A WebGPU device that we ask for ourselves: all of the adapter's limits and the features that our kernels can
 * use. The compiled engine works on it directly; TensorFlow.js' backend is put on top where eager code runs too
 * (webgpu.ts).
 */
import type { GpuAccess } from '#platform';
import { deviceLost, deviceRejected, outOfMemory } from '../device-errors.ts';
import { Failures } from './failures.ts';
import { GpuMemory } from './gpu-memory.ts';
import { subgroupWidth } from './subgroups.ts';

const wantedFeatures = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as const;

/** `[M, K] · [K, N]`, as `adapter.info.subgroupMatrixConfigs` lists it. */
export interface SubgroupMatrix {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** `f16`, `f32`, `i8`, … */
  readonly componentType: string;
  readonly resultComponentType: string;
}

export interface Gpu {
  readonly device: GPUDevice;
  /** The adapter: `NVIDIA H200`. */
  readonly name: string;
  /** It computes on the processor: lavapipe, SwiftShader, WARP. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** How many neighbouring invocations surely are in one subgroup (subgroups.ts); 1 without `subgroups`. */
  readonly subgroup: number;
  /** Matrix products that subgroups do in hardware; none without `chromium-experimental-subgroup-matrix`. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  readonly failures: Failures;
  /** Buffers outside of TensorFlow.js. */
  readonly memory: GpuMemory;
  /** Ends the device. Failures after this are its end and no failures. */
  close(): void;
}

export async function openGpuDevice(access: GpuAccess, adapter: GPUAdapter): Promise<Gpu> {
  const features = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const limits = numericLimits(adapter.limits);
  const device = await adapter.requestDevice({
    label: 'ocelli',
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: limits,
  });
  const failures = new Failures();
  const memory = new GpuMemory(device);
  let closing = false;
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    if (closing) return;
    const { error } = event as GPUUncapturedErrorEvent;
    failures.report(
      error instanceof GPUOutOfMemoryError
        ? outOfMemory(`the device ran out of memory (${error.message.trim()})`)
        : deviceRejected(error.message),
    );
  });
  void device.lost.then((info) => {
    if (!closing) failures.report(deviceLost(info.message || info.reason));
  });
  return {
    device,
    name: adapterName(adapter),
    software: isSoftware(adapter),
    features,
    limits,
    subgroup: await subgroupWidth(device, adapter.info.subgroupMinSize || 1),
    subgroupMatrices: subgroupMatrices(adapter, features),
    failures,
    memory,
    close() {
      closing = true;
      memory.dispose();
      device.destroy();
      access.close();
    },
  };
}

function subgroupMatrices(adapter: GPUAdapter, features: readonly string[]): SubgroupMatrix[] {
  if (!features.includes('chromium-experimental-subgroup-matrix')) return [];
  const { subgroupMatrixConfigs } = adapter.info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrix> };
  return [...(subgroupMatrixConfigs ?? [])].map(({ M, N, K, componentType, resultComponentType }) => ({
    M,
    N,
    K,
    componentType,
    resultComponentType,
  }));
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

function numericLimits(limits: GPUSupportedLimits): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const value = (limits as unknown as Record<string, unknown>)[name];
    if (typeof value === 'number') found[name] = value;
  }
  return found;
}
