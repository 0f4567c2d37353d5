/**
 * Kernels of a step by GPU time: the timed dispatches of some steps, with what the plan says of each kernel's
 * arithmetic and memory traffic, held against what the adapter can do at most.
 */
import type { KernelPlan } from '../compile/types.ts';
import type { AdapterPeak } from './peak.ts';
import type { TimedPass } from './timeline.ts';

/** All dispatches of a step that have one label. */
export interface KernelTime {
  readonly label: string;
  /** Per step, as the next ones. */
  readonly dispatches: number;
  readonly ms: number;
  /** Of the step's GPU time. */
  readonly share: number;
  /** Arithmetic operations; 0: not known (a kernel outside of the plan). */
  readonly flops: number;
  /** Of memory traffic, at least. */
  readonly bytes: number;
  /** The time that this work takes at the adapter's peak, divided by the time that it took; undefined: not known. */
  readonly shareOfPeak: number | undefined;
}

export interface StepProfile {
  readonly steps: number;
  /** GPU time of a step. */
  readonly ms: number;
  readonly dispatches: number;
  readonly peak: AdapterPeak;
  /** The longest first. */
  readonly kernels: readonly KernelTime[];
}

interface Sums {
  dispatches: number;
  ms: number;
  flops: number;
  bytes: number;
}

/**
 * @param passes one per dispatch, of `steps` steps
 * @param plan the kernels of a step in the order in which they run; left out where steps run kernel by kernel
 */
export function stepProfile(
  passes: readonly TimedPass[],
  steps: number,
  peak: AdapterPeak,
  plan?: Pick<KernelPlan, 'kernels'>,
): StepProfile {
  const sums = new Map<string, Sums>();
  const at = (label: string): Sums => {
    let entry = sums.get(label);
    if (!entry) {
      entry = { dispatches: 0, ms: 0, flops: 0, bytes: 0 };
      sums.set(label, entry);
    }
    return entry;
  };
  // Kernels with the same shader share a pipeline and its label; in whole runs of the plan each has its own.
  const kernelCount = plan?.kernels.length ?? 0;
  const whole = kernelCount > 0 && passes.length === steps * kernelCount;
  for (const [i, { label, dispatches, ms }] of passes.entries()) {
    const entry = at(whole ? plan!.kernels[i % kernelCount]!.label : label || 'unnamed');
    entry.dispatches += dispatches;
    entry.ms += ms;
  }
  for (const { label, flops, bytes } of plan?.kernels ?? []) {
    // A plan of another signature that did not run meanwhile has labels that were not timed.
    const entry = sums.get(label);
    if (!entry) continue;
    entry.flops += flops;
    entry.bytes += bytes;
  }
  for (const entry of sums.values()) {
    entry.dispatches /= steps;
    entry.ms /= steps;
  }
  const total = [...sums.values()].reduce((sum, { ms }) => sum + ms, 0);
  const kernels = [...sums].map(([label, { dispatches, ms, flops, bytes }]): KernelTime => {
    const least = Math.max(flops / peak.gflops, bytes / peak.gigabytesPerSecond) / 1e6;
    return {
      label,
      dispatches,
      ms,
      share: total > 0 ? ms / total : 0,
      flops,
      bytes,
      shareOfPeak: least > 0 && ms > 0 ? least / ms : undefined,
    };
  });
  return {
    steps,
    ms: total,
    dispatches: kernels.reduce((sum, { dispatches }) => sum + dispatches, 0),
    peak,
    kernels: kernels.sort((a, b) => b.ms - a.ms),
  };
}
