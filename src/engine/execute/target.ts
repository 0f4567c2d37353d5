/** What a device can do, as the planner wants to know it. */
import { type ExecutionDevice, gpuOf } from './execution.ts';

export interface PlanTarget {
  /** Features of the device; `software` is among them where it computes on the processor. */
  readonly features: ReadonlySet<string>;
  /** By WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * For the options of `planGraph`.
 *
 *   planGraph(graph, { ...planTarget(device) })
 */
export function planTarget(device: ExecutionDevice): PlanTarget {
  const { features, limits, software } = gpuOf(device);
  return { features: new Set(software ? [...features, 'software'] : features), limits };
}
