/** What a device can do, as the planner wants to know it. */
import type { SubgroupMatrices } from '../compile/lowerings/mat-mul-tiles.ts';
import { type ExecutionDevice, gpuOf } from './execution.ts';
import { TuningStore } from './tuning.ts';

export interface PlanTarget {
  /** Features of the device; `software` is among them where it computes on the processor. */
  readonly features: ReadonlySet<string>;
  /** How many neighbouring lanes surely are in one subgroup. */
  readonly subgroup: number;
  /** Matrices of f16 that subgroups multiply. */
  readonly matrices: SubgroupMatrices | undefined;
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
  const { features, limits, software, subgroup, matrices } = gpu;
  return {
    features: new Set(software ? [...features, 'software'] : features),
    limits,
    subgroup,
    matrices,
    tuning: TuningStore.of(gpu).lookup,
  };
}
