/**
 * `memory/<network>`: the largest batch whose compiled training step fits into a byte budget, with and without
 * `training.checkpoint_activations`. A step is traced, planned and given its memory (weights, optimiser, activations,
 * inputs), but not run: what counts is the most bytes of buffers at a time, at GPUDevice.createBuffer. The batch is
 * found by doubling and halving.
 *
 * The budget is --budget-mb, or what four times the network's batch takes without recomputation.
 */
import { lookForGpu, openDevice } from '../src/engine/index.ts';
import { GpuMeter } from '../src/engine/profile/index.ts';
import type { StepSettings } from '../src/training/index.ts';
import type { BenchCase, BenchOptions, BenchReport } from './case.ts';
import { type NetworkName, networks, syntheticBatch } from './networks/ocelli.ts';
import { largestThatFits } from './search.ts';
import { ocelliContender } from './step/ocelli.ts';

/** Beside the batch that its `step` case has. */
const budgetFactor = 4;
const goalFactor = 2;
const most = 4096;

interface Variant {
  readonly name: string;
  readonly settings: Partial<StepSettings>;
}

const variants: readonly [plain: Variant, checkpointed: Variant] = [
  { name: 'without checkpoint_activations', settings: {} },
  {
    name: 'checkpoint_activations',
    settings: { checkpointActivations: true },
  },
];

/** Bytes on the device that a step of this batch size takes at most. */
export async function bytesOfStep(
  name: NetworkName,
  batch: number,
  settings: Partial<StepSettings>,
): Promise<number> {
  const network = { ...networks[name], batch };
  // A fresh device: nothing of the last size is left.
  const device = await openDevice('webgpu', { remember: false });
  const meter = GpuMeter.attach();
  try {
    const contender = ocelliContender(network, syntheticBatch(network), device, { eager: false, settings });
    await contender.prepare();
    const [warning] = contender.warnings();
    if (warning) throw new Error(warning);
    const { peak } = meter.bytes('');
    contender.dispose();
    return peak;
  } finally {
    meter.dispose();
    await device.dispose();
  }
}

async function run(name: NetworkName, report: BenchReport, options: BenchOptions): Promise<void> {
  if (!(await lookForGpu()).adapter) {
    report.note('there is no WebGPU adapter: no rows');
    return;
  }
  const own = networks[name].batch;
  const [plain, checkpointed] = variants;
  const measured = new Map<string, number>();
  const bytesOf = async (variant: Variant, batch: number): Promise<number> => {
    const key = `${variant.name} ${batch}`;
    const known = measured.get(key);
    if (known !== undefined) return known;
    const bytes = await bytesOfStep(name, batch, variant.settings);
    report.note(`${variant.name}, batch ${batch}: ${(bytes / 1e6).toFixed(1)} MB`);
    measured.set(key, bytes);
    return bytes;
  };
  const budget =
    options.budgetMb === undefined ? await bytesOf(plain, own * budgetFactor) : options.budgetMb * 1e6;
  const largest = (variant: Variant): Promise<number> =>
    largestThatFits(async (batch) => (await bytesOf(variant, batch)) <= budget, most);
  const without = await largest(plain);
  if (without === 0) throw new Error(`not even one image fits into ${budget / 1e6} MB`);
  if ((await bytesOf(checkpointed, without)) === (await bytesOf(plain, without)))
    report.note('checkpoint_activations changes nothing in this version');
  const withIt = await largest(checkpointed);
  const factor = withIt / without;
  const verdict = `goal a batch at least ${goalFactor}× as large: ${factor >= goalFactor ? 'met' : 'not met'} (${factor.toPrecision(3)}×)`;
  report.ours('budget_mb', budget / 1e6, 'MB');
  report.ours('largest_batch', withIt, 'images', [verdict]);
  report.peer(plain.name, 'largest_batch', without, 'images');
  report.ours('gpu_mb', (await bytesOf(checkpointed, own)) / 1e6, 'MB');
  report.peer(plain.name, 'gpu_mb', (await bytesOf(plain, own)) / 1e6, 'MB');
}

const caseOf = (name: NetworkName): BenchCase => ({
  name: `memory/${name}`,
  run: (report, options) => run(name, report, options),
});

export const memoryCases: Readonly<Record<string, BenchCase>> = {
  'memory/vit': caseOf('vit'),
  'memory/resnet50': caseOf('resnet50'),
};
