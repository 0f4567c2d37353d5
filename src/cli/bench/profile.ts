/**
 * `ocelli bench step --profile` and `--explain`: the kernels of a training step, by GPU time or as they were planned.
 * Both look at a real run of the recipe on WebGPU; the profile times every dispatch of ten steps by itself.
 */
import { writeFile } from 'node:fs/promises';
import { DeviceError } from '../../core/index.ts';
import { type Graph, tf } from '../../engine/index.ts';
import {
  engineering,
  explainGraph,
  explainPlan,
  GpuTimeline,
  type KernelPlan,
  measurePeak,
  type StepProfile,
  stepProfile,
  watchPlans,
} from '../../engine/profile/index.ts';
import { renderProfileReport } from '../../reports/index.ts';
import { planOfStep } from '../../training/index.ts';
import { columns, compact } from '../format.ts';
import { packageInfo } from '../package-info.ts';
import { loadRecipe } from '../recipe-file.ts';
import type { BenchContext } from './rows.ts';
import { runTrainingSteps } from './training-steps.ts';

const warmup = 5;
const timedSteps = 10;

export interface ExplainStepOptions {
  /** The recorded graph before each plan, too (false). */
  readonly graph?: boolean;
  readonly wgsl?: boolean;
}

/** The lines of the compiled step's plan, with `graph` what it was made of, with `wgsl` its shaders. */
export async function explainStep(
  context: Pick<BenchContext, 'device' | 'signal' | 'recipe'>,
  { graph: withGraph = false, wgsl = false }: ExplainStepOptions = {},
): Promise<string[]> {
  const plans: { readonly plan: KernelPlan; readonly graph: Graph }[] = [];
  const stop = watchPlans((plan, graph) => plans.push({ plan, graph }));
  try {
    await runTrainingSteps({ ...context, device: webgpuOf(context.device) }, () => true);
  } finally {
    stop();
  }
  if (plans.length === 0) throw notCompiled();
  return plans.flatMap(({ plan, graph }, i) => [
    ...(plans.length > 1 ? [`plan ${i + 1} of ${plans.length}`] : []),
    ...(withGraph ? explainGraph(graph) : []),
    ...explainPlan(plan, { wgsl }),
  ]);
}

export async function profileStep(
  context: Pick<BenchContext, 'device' | 'signal' | 'recipe'>,
): Promise<{ readonly profile: StepProfile; readonly adapter: string }> {
  const { recipe } = await loadRecipe(context.recipe ?? 'quickstart', []);
  const plans: KernelPlan[] = [];
  const stop = watchPlans((plan) => plans.push(plan));
  let timeline: GpuTimeline | undefined;
  let last = 0;
  let result: { profile: StepProfile; adapter: string } | undefined;
  try {
    await runTrainingSteps({ ...context, device: webgpuOf(context.device) }, async ({ step }) => {
      if (!timeline) {
        if (step < warmup) return false;
        timeline = GpuTimeline.attach(currentGpu(), { by: 'dispatch' });
        last = step + timedSteps;
      }
      if (step < last) return false;
      const gpu = currentGpu();
      await gpu.queue.onSubmittedWorkDone();
      const passes = await timeline.read();
      timeline.dispose();
      const plan = planOfStep(plans, recipe.training.accumulate_grad_batches);
      // Steps are told late, so how many were timed is counted by their kernels.
      const steps = plan ? Math.max(1, Math.round(passes.length / plan.kernels.length)) : timedSteps;
      const { description, vendor, architecture } = gpu.adapterInfo;
      result = {
        profile: stepProfile(passes, steps, await measurePeak(gpu), plan),
        adapter: description || `${vendor} ${architecture}`.trim(),
      };
      return true;
    });
  } finally {
    stop();
    timeline?.dispose();
  }
  return result!;
}

/** One line per kernel, the longest first. */
export function profileLines({ steps, ms, dispatches, peak, kernels }: StepProfile): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return [
    `${compact(ms)} ms of GPU time in ${Math.round(dispatches)} dispatches a step (mean of ${steps}); ` +
      `measured peak ${compact(peak.gflops)} GFLOP/s, ${compact(peak.gigabytesPerSecond)} GB/s`,
    ...columns([
      ['ms', 'of step', 'dispatches', 'FLOP', 'bytes', 'of peak', 'kernel'],
      ...kernels.map((kernel) => [
        kernel.ms.toFixed(3),
        percent(kernel.share),
        String(Number(kernel.dispatches.toFixed(1))),
        kernel.flops > 0 ? engineering(kernel.flops) : '–',
        kernel.bytes > 0 ? `${engineering(kernel.bytes)}B` : '–',
        kernel.shareOfPeak === undefined ? '–' : percent(kernel.shareOfPeak),
        kernel.label,
      ]),
    ]),
  ];
}

export async function writeProfilePage(
  file: string,
  { profile, adapter }: { readonly profile: StepProfile; readonly adapter: string },
  recipe: string,
): Promise<void> {
  const text = renderProfileReport({
    ...profile,
    title: recipe,
    device: adapter,
    createdAt: new Date().toISOString().slice(0, 16).replace('T', ' '),
    version: packageInfo().version,
  });
  await writeFile(file, text);
}

function webgpuOf(device: BenchContext['device']): 'webgpu' {
  if (device !== 'auto' && device !== 'webgpu') throw notCompiled();
  return 'webgpu';
}

function currentGpu(): GPUDevice {
  return (tf.backend() as unknown as { device: GPUDevice }).device;
}

function notCompiled(): DeviceError {
  return new DeviceError({
    code: 'not_compiled',
    expected: 'training steps that are compiled, on WebGPU',
    received: process.env.OCELLI_EAGER ? 'OCELLI_EAGER is set' : 'steps that run kernel by kernel',
    fix: 'use --device webgpu, without OCELLI_EAGER; `ocelli doctor` says whether there is an adapter',
  });
}
