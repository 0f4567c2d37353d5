/**
 * `kernel/<name>`: each of Ocelli's kernels beside TensorFlow.js' own kernel, or its composition, for the same work,
 * in turn on one device, by GPU timestamps (what lies between the kernels and on the host is not in it; the
 * `step` cases have that). Medians of seven rounds. Both sides get the same numbers and must give the same.
 *
 *   ms                     GPU time of all dispatches of the operation
 *   gflops                 least arithmetic of the operation, divided by that time
 *   gbytes_per_second      least memory traffic of it, divided by that time
 *   share_of_peak          the time that the adapter would need at its measured peak (arithmetic or copying,
 *                          whichever takes longer here), divided by that time
 */
import { type Device, lookForGpu, openDevice } from '../../src/engine/index.ts';
import { type AdapterPeak, measurePeak } from '../../src/engine/profile/index.ts';
import type { BenchCase, BenchReport } from '../case.ts';
import type { KernelCase } from './case.ts';
import { composed } from './composed.ts';
import { convolutionVariants } from './convolution-variants.ts';
import { elementwise } from './elementwise.ts';
import { products } from './products.ts';
import { type KernelResult, runKernelCase } from './run.ts';
import { templates } from './templates.ts';

const all: readonly KernelCase[] = [
  ...products,
  ...convolutionVariants,
  ...templates,
  ...composed,
  ...elementwise,
];
const plainName = 'TensorFlow.js';
/** Matrix products and convolutions of f32 are to reach this share of the peak. */
const productGoal = 0.7;
const isProduct = (name: string): boolean =>
  [...products, ...convolutionVariants].some((kernel) => kernel.name === name);

function tell(
  kernel: KernelCase,
  { oursMs, plainMs, oursDispatches, plainDispatches, bytes }: KernelResult,
  peak: AdapterPeak,
  report: BenchReport,
): void {
  const { flops } = kernel;
  const least = Math.max(flops / peak.gflops, bytes / peak.gigabytesPerSecond) / 1e6;
  const ratio = oursMs / plainMs;
  const faster = `goal at least as fast as ${plainName}: ${ratio <= 1 ? 'met' : `not met, ${ratio.toPrecision(2)}× the time`}`;
  const share = least / oursMs;
  const reached = `goal ${100 * productGoal} % of the measured peak: ${share >= productGoal ? 'met' : `not met, ${(100 * share).toFixed(0)} %`}`;
  report.ours('ms', oursMs, 'ms', [faster]);
  report.peer(plainName, 'ms', plainMs, 'ms');
  report.ours('gflops', flops / oursMs / 1e6, 'GFLOP/s');
  report.peer(plainName, 'gflops', flops / plainMs / 1e6, 'GFLOP/s');
  report.ours('gbytes_per_second', bytes / oursMs / 1e6, 'GB/s');
  report.peer(plainName, 'gbytes_per_second', bytes / plainMs / 1e6, 'GB/s');
  report.ours('share_of_peak', share, 'share', isProduct(kernel.name) ? [reached] : []);
  report.peer(plainName, 'share_of_peak', least / plainMs, 'share');
  report.ours('dispatches', oursDispatches, 'count');
  report.peer(plainName, 'dispatches', plainDispatches, 'count');
}

async function measure(device: Device, report: BenchReport, rounds: number, only: readonly string[]) {
  const peak = await measurePeak(device.gpu!.device);
  report.note(
    `${device.description}: measured peak ${peak.gflops.toPrecision(3)} GFLOP/s, ${peak.gigabytesPerSecond.toPrecision(3)} GB/s`,
  );
  const wanted = all.filter(
    ({ name }) => only.length === 0 || only.some((word) => name === word || name.startsWith(`${word}/`)),
  );
  if (wanted.length === 0)
    throw new Error(`no kernel ${only.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`);
  const failed: string[] = [];
  for (const kernel of wanted) {
    try {
      const result = await runKernelCase(kernel, device, rounds);
      tell(kernel, result, peak, report.of(`kernel/${kernel.name}`));
    } catch (error) {
      failed.push(kernel.name);
      report.note(`kernel/${kernel.name} has no row: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (failed.length > 0) throw new Error(`no rows for ${failed.join(', ')}`);
}

export const kernels: BenchCase = {
  name: 'kernels',
  async run(report, { rounds = 7, only = [] }) {
    const { adapter } = await lookForGpu();
    if (!adapter) {
      report.note('there is no WebGPU adapter, and kernels are WebGPU only: no rows');
      return;
    }
    const device = await openDevice('webgpu', { remember: false });
    try {
      await measure(device, report, rounds, only);
    } finally {
      await device.dispose();
    }
  },
};
