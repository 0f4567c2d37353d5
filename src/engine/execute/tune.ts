/**
 * A short search for the fastest forms of a graph's kernels (tuning.ts). Each node that has a choice is planned by
 * itself, with its own shapes and attributes, once for every candidate, and timed on the device: the heaviest
 * nodes first, until the time for it is used up. What was not reached keeps its default.
 */
import { environmentVariable } from '#platform';
import type { Gpu } from '../backends/gpu.ts';
import { EngineError, type PlanOptions, planGraph } from '../compile/index.ts';
import { lowerNode } from '../compile/lowering.ts';
import { tuningCandidates } from '../compile/tuning-candidates.ts';
import type { Graph, GraphNode } from '../graph/index.ts';
import { Execution, type ExecutionDevice, gpuOf } from './execution.ts';
import { type PlanTarget, planTarget } from './target.ts';
import { TuningStore } from './tuning.ts';

export interface TuneOptions {
  /** Milliseconds for all of it (2000), checked between candidates. */
  readonly budget?: number;
  /** Search on adapters that compute on the processor, too: their clocks say less (false). */
  readonly software?: boolean;
  /** Candidates of a kernel that are tried, the most promising first (4). */
  readonly candidates?: number;
  /** Of the plan that the choices are for (fp32). */
  readonly precision?: 'fp32' | 'fp16' | undefined;
}

interface Task {
  readonly key: string;
  readonly graph: Graph;
  readonly candidates: readonly string[];
  readonly flops: number;
}

/** Decides the choices of this graph that are not decided yet. With `OCELLI_TUNING=0` nothing is measured. */
export async function tune(device: ExecutionDevice, graph: Graph, options: TuneOptions = {}): Promise<void> {
  const gpu = gpuOf(device);
  const store = TuningStore.of(gpu);
  await store.load();
  if ((gpu.software && !options.software) || environmentVariable('OCELLI_TUNING') === '0') return;
  const end = performance.now() + (options.budget ?? 2000);
  const target = targetFor(gpu, options.precision);
  const tasks = tasksOf(target, graph, store, options.candidates ?? 4);
  for (const { key, graph: alone, candidates } of tasks) {
    if (performance.now() > end) break;
    const form = await fastest(gpu, target, { key, graph: alone, candidates }, end);
    if (form !== undefined) store.decide(key, form);
  }
  await store.save();
}

type Target = PlanTarget & Pick<PlanOptions, 'precision' | 'halfInputs'>;

/** What a kernel reads is f16 where activations are. */
const targetFor = (gpu: Gpu, precision: TuneOptions['precision']): Target => ({
  ...planTarget(gpu),
  precision,
  halfInputs: precision === 'fp16',
});

/** The undecided choices of a graph, the most arithmetic first. */
function tasksOf(target: Target, graph: Graph, store: TuningStore, most: number): Task[] {
  const tasks = new Map<string, Task>();
  for (const node of graph.nodes) {
    if (lowerNode(graph, node)?.kind !== 'template') continue;
    const alone = graphOf(graph, node);
    const asked = new Set<string>();
    const flops = flopsOf(alone, { ...target, tuning: new Asked(asked) });
    for (const key of asked) {
      if (store.isDecided(key) || tasks.has(key)) continue;
      const candidates = tuningCandidates(key, target).slice(0, most);
      if (candidates.length > 1) tasks.set(key, { key, graph: alone, candidates, flops });
    }
  }
  return [...tasks.values()].toSorted((a, b) => b.flops - a.flops);
}

/** 0 for a node that can not be planned by itself; the plan of the whole graph tells what is wrong, if anything. */
function flopsOf(graph: Graph, target: Target): number {
  try {
    return planGraph(graph, target).kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
  } catch (error) {
    if (error instanceof EngineError) return 0;
    throw error;
  }
}

/** One node as a graph: what it reads are inputs, but for constants. */
function graphOf(graph: Graph, node: GraphNode): Graph {
  const ids = [...new Set(Object.values(node.inputs))];
  const constants = new Map([...graph.constants].filter(([id]) => ids.includes(id)));
  return {
    nodes: [node],
    values: graph.values,
    inputs: Object.fromEntries(ids.filter((id) => !constants.has(id)).map((id) => [`in${id}`, id])),
    parameters: {},
    constants,
    outputs: Object.fromEntries(node.outputs.map((id) => [`out${id}`, id])),
    updates: {},
  };
}

async function fastest(
  gpu: Gpu,
  target: Target,
  { key, graph, candidates }: Omit<Task, 'flops'>,
  end: number,
): Promise<string | undefined> {
  const prepared = await Promise.allSettled(
    candidates.map((form) =>
      Execution.prepare(planGraph(graph, { ...target, tuning: new Map([[key, form]]) }), gpu),
    ),
  );
  let best: { form: string; milliseconds: number } | undefined;
  try {
    const trusted = prepared.find(
      (result, i) => result.status === 'fulfilled' && !isDoubtful(candidates[i]!),
    );
    for (const [i, result] of prepared.entries()) {
      // A form that this device refuses is none of its choices.
      if (result.status === 'rejected' || (best && performance.now() > end)) continue;
      // Nor is one with which it gives other numbers.
      if (isDoubtful(candidates[i]!)) {
        if (trusted?.status !== 'fulfilled') continue;
        if (!(await givesTheSame(graph, result.value, trusted.value))) continue;
      }
      const milliseconds = await time(gpu, result.value);
      if (!best || milliseconds < best.milliseconds) best = { form: candidates[i]!, milliseconds };
    }
  } finally {
    for (const result of prepared) if (result.status === 'fulfilled') result.value.dispose();
  }
  gpu.failures.check();
  return best?.form;
}

/** Forms that rest on what only some drivers have: they are held against a plain one before they are chosen. */
const isDoubtful = (form: string): boolean => form.startsWith('matrix ');

/** Relative to the largest number: f16 rounds what a plain form may read as f32. */
const tolerance = 5e-3;

/** Whether two forms of a kernel compute the same. */
export async function givesTheSame(graph: Graph, one: Execution, other: Execution): Promise<boolean> {
  const [found, wanted] = [await tried(graph, one), await tried(graph, other)];
  return Object.keys(wanted).every((name) => {
    const numbers = wanted[name]!;
    let [largest, off] = [0, 0];
    for (let i = 0; i < numbers.length; i++) {
      largest = Math.max(largest, Math.abs(numbers[i]!));
      const difference = Math.abs(found[name]![i]! - numbers[i]!);
      // No number at all is as far off as can be.
      off = Math.max(off, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    }
    return largest > 0 && off <= tolerance * largest;
  });
}

/** What a kernel makes of numbers that are the same for every form. */
async function tried(
  graph: Graph,
  execution: Execution,
): Promise<Readonly<Record<string, ArrayLike<number>>>> {
  for (const [name, id] of Object.entries(graph.inputs)) {
    const { shape, dtype } = graph.values[id]!;
    const length = shape.reduce((size, dimension) => size * dimension, 1);
    const numbers = Float32Array.from({ length }, (_, i) => ((i * 7919 + id * 104_729) % 2003) / 1000 - 1);
    execution.write(name, dtype === 'float32' ? numbers : Int32Array.from(numbers));
  }
  await execution.run();
  return execution.readAll(Object.keys(graph.outputs));
}

/** Milliseconds of one run: the best of a few batches, each long enough for the clock. */
async function time(gpu: Gpu, execution: Execution): Promise<number> {
  const batch = async (runs: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < runs; i++) await execution.run();
    await gpu.failures.guard(gpu.device.queue.onSubmittedWorkDone());
    return (performance.now() - start) / runs;
  };
  // The first run pays for what the driver puts off.
  await batch(1);
  let best = await batch(2);
  const runs = Math.max(1, Math.min(20, Math.ceil(5 / best)));
  for (let round = 0; round < 3 && best < 50; round++) best = Math.min(best, await batch(runs));
  return best;
}

/** Remembers what was looked up, and knows nothing. */
class Asked extends Map<string, string> {
  constructor(private readonly asked: Set<string>) {
    super();
  }

  override get(key: string): string | undefined {
    this.asked.add(key);
    return undefined;
  }
}
