/**
 * A short search for the fastest forms of a graph's kernels (tuning.ts). Each node that has a choice is planned by
 * itself, with its own shapes and attributes, once for every candidate, and timed on the device: the heaviest
 * nodes first, until the time for it is used up. What was not reached keeps its default.
 */
import { environmentVariable } from '#platform';
import type { Gpu } from '../backends/gpu.ts';
import { EngineError, planGraph } from '../compile/index.ts';
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
  const tasks = tasksOf(gpu, graph, store, options.candidates ?? 4);
  for (const { key, graph: alone, candidates } of tasks) {
    if (performance.now() > end) break;
    const form = await fastest(gpu, alone, key, candidates, end);
    if (form !== undefined) store.decide(key, form);
  }
  await store.save();
}

/** The undecided choices of a graph, the most arithmetic first. */
function tasksOf(gpu: Gpu, graph: Graph, store: TuningStore, most: number): Task[] {
  const tasks = new Map<string, Task>();
  const target = planTarget(gpu);
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
function flopsOf(graph: Graph, target: PlanTarget): number {
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
  graph: Graph,
  key: string,
  candidates: readonly string[],
  end: number,
): Promise<string | undefined> {
  const target = planTarget(gpu);
  const prepared = await Promise.allSettled(
    candidates.map((form) =>
      Execution.prepare(planGraph(graph, { ...target, tuning: new Map([[key, form]]) }), gpu),
    ),
  );
  let best: { form: string; milliseconds: number } | undefined;
  try {
    for (const [i, result] of prepared.entries()) {
      // A form that this device refuses is none of its choices.
      if (result.status === 'rejected' || (best && performance.now() > end)) continue;
      const milliseconds = await time(gpu, result.value);
      if (!best || milliseconds < best.milliseconds) best = { form: candidates[i]!, milliseconds };
    }
  } finally {
    for (const result of prepared) if (result.status === 'fulfilled') result.value.dispose();
  }
  gpu.failures.check();
  return best?.form;
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
