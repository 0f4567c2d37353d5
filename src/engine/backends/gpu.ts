/**
 * A WebGPU device that we ask for ourselves: all of the adapter's limits and the features that our kernels can
 * use. The compiled engine works on it directly; TensorFlow.js' backend is put on top where eager code runs too
 * (webgpu.ts).
 */
import type { GpuAccess } from '#platform';
import type { SubgroupMatrices } from '../compile/lowerings/mat-mul-tiles.ts';
import { deviceLost, deviceOutOfMemory, deviceRejected } from '../device-errors.ts';
import { Failures } from './failures.ts';
import { GpuMemory } from './gpu-memory.ts';
import { subgroupWidth } from './subgroups.ts';

const wantedFeatures = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as const;

/** An entry of `adapter.info.subgroupMatrixConfigs`: [M, K] · [K, N], with sums of another type. */
interface MatrixConfig {
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
  /** Matrices of f16 that subgroups multiply in hardware, with sums in f32; for products in half precision. */
  readonly matrices?: SubgroupMatrices | undefined;
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
      error instanceof GPUOutOfMemoryError ? deviceOutOfMemory(error.message) : deviceRejected(error.message),
    );
  });
  void device.lost.then((info) => {
    if (!closing) failures.report(deviceLost(info.message || info.reason));
  });
  const subgroup = await subgroupWidth(device, adapter.info.subgroupMinSize || 1);
  return {
    device,
    name: adapterName(adapter),
    software: isSoftware(adapter),
    features,
    limits,
    subgroup,
    matrices: matricesOf(adapter.info, features, subgroup),
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

/** The largest matrices that suit; none where subgroups come in several sizes, or are no neighbours. */
function matricesOf(
  info: GPUAdapterInfo,
  features: readonly string[],
  subgroup: number,
): SubgroupMatrices | undefined {
  const needed = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
  const one = info.subgroupMinSize === subgroup && info.subgroupMaxSize === subgroup;
  if (!one || !needed.every((feature) => features.includes(feature))) return undefined;
  const { subgroupMatrixConfigs } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  const [found] = [...(subgroupMatrixConfigs ?? [])]
    .filter((config) => config.componentType === 'f16' && config.resultComponentType === 'f32')
    // Results are stored four neighbours at a time.
    .filter(({ N }) => N % 4 === 0)
    .toSorted((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return found && { M: found.M, N: found.N, K: found.K, size: subgroup };
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
