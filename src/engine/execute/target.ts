/** What a device can do, as the planner wants to know it. */
import { type ExecutionDevice, gpuOf } from './execution.ts';
import { TuningStore } from './tuning.ts';

export interface PlanTarget {
  /** Features of the device; `software` is among them where it computes on the processor. */
  readonly features: ReadonlySet<string>;
  /** How many neighbouring lanes surely are in one subgroup. */
  readonly subgroup: number;
  /** By WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
  /** Forms of kernels that were chosen for this device (tuning.ts). */
  readonly tuning: ReadonlyMap<string, string>;
}

/**
 * For the options of `planGraph`.
 *
 *   planGraph(graph, { ...planTarget(device) })
 */
export function planTarget(device: ExecutionDevice): PlanTarget {
  const gpu = gpuOf(device);
  const { features, limits, software, subgroup } = gpu;
  return {
    features: new Set(software ? [...features, 'software'] : features),
    limits,
    subgroup,
    tuning: TuningStore.of(gpu).lookup,
  };
}
