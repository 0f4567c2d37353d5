/** What this machine offers for tensor work, for `ocelli doctor`: adapter, features, limits, speed, what is missing. */
import { readMachine } from '#platform';
import type { BackendName } from './backends/backend.ts';
import { adapterName, isSoftware } from './backends/gpu.ts';
import { findGpu } from './choose.ts';
import { openDevice } from './device.ts';
import { measureMatmul } from './probe.ts';

export interface AdapterReport {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** `Dawn`, `the browser`. */
  readonly provider: string;
  /** True for an adapter that computes on the processor. */
  readonly software: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Shapes that the adapter multiplies in one instruction, as `f16 16x16x16 → f32`; empty when it has none. */
  readonly subgroupMatrix: readonly string[];
  readonly timestamps: boolean;
  readonly limits: Readonly<
    Record<
      | 'maxBufferSize'
      | 'maxStorageBufferBindingSize'
      | 'maxComputeWorkgroupStorageSize'
      | 'maxComputeInvocationsPerWorkgroup',
      number
    >
  >;
}

export interface EngineReport {
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly adapter?: AdapterReport;
  /** Why there is no adapter, and what to install for one. */
  readonly missing?: { readonly reason: string; readonly advice: string };
  /** What a matrix product reaches in f32, where the backend works; the error's message where it does not. */
  readonly speeds: readonly {
    readonly backend: BackendName;
    readonly gflops?: number;
    readonly error?: string;
  }[];
  /** What `--device auto` takes, and why. */
  readonly chosen: { readonly description: string; readonly reason: string };
}

export async function probeEngine(): Promise<EngineReport> {
  const machine = await readMachine();
  const found = await findGpu();
  const adapter = 'adapter' in found ? describeAdapter(found.adapter, found.access.provider) : undefined;
  if ('access' in found) found.access.close();
  const speeds: { backend: BackendName; gflops?: number; error?: string }[] = [];
  for (const backend of adapter ? (['webgpu', 'wasm'] as const) : (['wasm'] as const)) {
    try {
      speeds.push({ backend, gflops: await measureBackend(backend) });
    } catch (error) {
      speeds.push({ backend, error: error instanceof Error ? error.message : String(error) });
    }
  }
  const chosen = await openDevice('auto');
  await chosen.dispose();
  return {
    system: machine.system,
    processor: machine.processor,
    cores: machine.cores,
    ...(adapter ? { adapter } : {}),
    ...('missing' in found ? { missing: { reason: found.missing, advice: machine.gpuAdvice } } : {}),
    speeds,
    chosen: { description: chosen.description, reason: chosen.reason },
  };
}

async function measureBackend(backend: BackendName): Promise<number> {
  const device = await openDevice(backend);
  try {
    return await device.guard(measureMatmul(device.software ? 256 : 2048));
  } finally {
    await device.dispose();
  }
}

/** An entry of `adapter.info.subgroupMatrixConfigs`, which the WebGPU typings do not have yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function describeAdapter(adapter: GPUAdapter, provider: string): AdapterReport {
  const { info, features, limits } = adapter;
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  return {
    name: adapterName(adapter),
    vendor: info.vendor,
    architecture: info.architecture,
    provider,
    software: isSoftware(adapter),
    f16: features.has('shader-f16'),
    subgroups: features.has('subgroups'),
    subgroupMatrix: [...subgroupMatrixConfigs].map(
      ({ componentType, resultComponentType, M, N, K }) =>
        `${componentType} ${M}x${N}x${K} → ${resultComponentType}`,
    ),
    timestamps: features.has('timestamp-query'),
    limits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    },
  };
}
