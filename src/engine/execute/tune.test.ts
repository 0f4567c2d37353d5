/** The search for forms of kernels, and what is kept of it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openGpuDevice } from '../backends/gpu.ts';
import { findGpu } from '../choose.ts';
import { type KernelPlan, planGraph } from '../compile/index.ts';
import { tuningCandidates } from '../compile/tuning-candidates.ts';
import { recordGraph } from '../graph/index.ts';
import { openTestGpu } from '../testing/run-plan.ts';
import * as tf from '../tf.ts';
import { Execution, planTarget, TuningStore, tune } from './index.ts';
import { givesTheSame } from './tune.ts';

const gpu = await openTestGpu();

/** Another device of the same adapter, as a later run opens it. */
async function another() {
  const found = await findGpu();
  if ('missing' in found) throw new Error(found.missing);
  return openGpuDevice(found.access, found.adapter);
}

describe.skipIf(!gpu)('tune', () => {
  let folder: string;
  const before = process.env.XDG_CACHE_HOME;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ocelli-tuning-'));
    process.env.XDG_CACHE_HOME = folder;
    await tf.setBackend('cpu');
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    await rm(folder, { recursive: true, maxRetries: 5 });
  });

  const record = () =>
    recordGraph(({ a, b }) => ({ y: tf.relu(tf.matMul(a!, b!)) }), {
      a: tf.zeros([16, 8]),
      b: tf.zeros([8, 16]),
    });

  it('measures, keeps what it found for the machine, and gives it to the planner', async () => {
    const graph = await record();
    const bytes = gpu!.memory.bytes;
    await tune(gpu!, graph, { software: true, candidates: 2, budget: 60_000 });
    expect(gpu!.memory.bytes).toBe(bytes);
    const choices = TuningStore.of(gpu!).choices();
    const keys = Object.keys(choices);
    expect(keys).toHaveLength(1);
    for (const key of keys) {
      expect(tuningCandidates(key, planTarget(gpu!)).slice(0, 2)).toContain(choices[key]);
    }
    expect(JSON.parse(await readFile(join(folder, 'ocelli', 'tuning.json'), 'utf8')).version).toBe(1);

    const later = await another();
    try {
      await tune(later, graph);
      expect(TuningStore.of(later).choices()).toEqual(choices);
    } finally {
      later.close();
    }
  });

  it('lets a resumed run have the choices of the first, whatever is measured since', async () => {
    const graph = await record();
    const resumed = await another();
    try {
      const store = TuningStore.of(resumed);
      const options = planTarget(resumed);
      const key = Object.keys(TuningStore.of(gpu!).choices())[0]!;
      // The last candidate, which no search that tries two would take.
      const adopted = { [key]: tuningCandidates(key, options).at(-1)! };
      store.adopt(adopted);
      await tune(resumed, graph, { software: true });
      expect(store.choices()).toEqual(adopted);
      const plain = planGraph(graph, { ...options, tuning: new Map() });
      const tuned = planGraph(graph, options);
      expect(tuned.kernels.map(({ wgsl }) => wgsl)).not.toEqual(plain.kernels.map(({ wgsl }) => wgsl));
    } finally {
      resumed.close();
    }
  });

  it('measures nothing for a resumed run, not even what the first did not meet', async () => {
    const resumed = await another();
    try {
      const store = TuningStore.of(resumed);
      store.adopt({});
      await tune(resumed, await record(), { software: true });
      expect(store.choices()).toEqual({});
    } finally {
      resumed.close();
    }
  });

  it('keeps a default that a run has used', async () => {
    const graph = await record();
    process.env.XDG_CACHE_HOME = join(folder, 'empty');
    const device = await another();
    try {
      planGraph(graph, planTarget(device));
      const choices = TuningStore.of(device).choices();
      expect(Object.values(choices)).toEqual(['']);
      await tune(device, graph, { software: true });
      expect(TuningStore.of(device).choices()).toEqual(choices);
    } finally {
      device.close();
      process.env.XDG_CACHE_HOME = folder;
    }
  });

  it.each([0, 1])('takes the faster one of two forms: number %i', async (faster) => {
    process.env.XDG_CACHE_HOME = join(folder, `faster ${faster}`);
    const device = await another();
    // A clock that moves when a form runs, by how long it is to take.
    let clock = 0;
    const forms: KernelPlan[] = [];
    const { run } = Execution.prototype;
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    vi.spyOn(Execution.prototype, 'run').mockImplementation(function (this: Execution, ...given) {
      if (!forms.includes(this.plan)) forms.push(this.plan);
      clock += forms.indexOf(this.plan) === faster ? 1 : 10;
      return run.apply(this, given);
    });
    try {
      await tune(device, await record(), { software: true, candidates: 2, budget: 60_000 });
      const [[key, form]] = Object.entries(TuningStore.of(device).choices()) as [[string, string]];
      expect(form).toBe(tuningCandidates(key, planTarget(device))[faster]);
    } finally {
      vi.restoreAllMocks();
      device.close();
      process.env.XDG_CACHE_HOME = folder;
    }
  });

  it('believes notes of this adapter and this version alone, and leaves the others where they are', async () => {
    const own = join(folder, 'notes');
    const note = join(own, 'ocelli', 'tuning.json');
    const adapter = [gpu!.name, ...gpu!.features].join(' | ');
    const write = (version: number, adapters: object): Promise<void> =>
      writeFile(note, JSON.stringify({ version, adapters }));
    await mkdir(join(own, 'ocelli'), { recursive: true });
    process.env.XDG_CACHE_HOME = own;
    const [first, second] = [await another(), await another()];
    try {
      await write(0, { [adapter]: { old: 'tile 1' } });
      await TuningStore.of(first).load();
      expect(TuningStore.of(first).choices()).toEqual({});

      await write(1, { another: { theirs: 'tile 2' }, [adapter]: { ours: 'tile 3' } });
      const store = TuningStore.of(second);
      await store.load();
      expect(store.choices()).toEqual({ ours: 'tile 3' });
      // Meanwhile another process has kept something.
      await write(1, { another: { theirs: 'tile 2' }, [adapter]: { ours: 'tile 3', meanwhile: 'tile 4' } });
      store.decide('new', 'tile 5');
      await store.save();
      expect(JSON.parse(await readFile(note, 'utf8')).adapters).toEqual({
        another: { theirs: 'tile 2' },
        [adapter]: { ours: 'tile 3', meanwhile: 'tile 4', new: 'tile 5' },
      });
    } finally {
      first.close();
      second.close();
      process.env.XDG_CACHE_HOME = folder;
    }
  });

  it('trusts a doubtful form only where it gives the same numbers', async () => {
    const graph = await record();
    const plan = planGraph(graph, { ...planTarget(gpu!), tuning: new Map() });
    // Twice the products: what a driver may make of an instruction that nobody else has.
    const kernels = plan.kernels.map((kernel) => ({
      ...kernel,
      wgsl: kernel.wgsl.replaceAll('max(', '2.0 * max('),
    }));
    expect(kernels[0]!.wgsl).not.toBe(plan.kernels[0]!.wgsl);
    const [one, other, wrong] = await Promise.all(
      [plan, plan, { ...plan, kernels }].map((each) => Execution.prepare(each, gpu!)),
    );
    try {
      expect(await givesTheSame(graph, one!, other!)).toBe(true);
      expect(await givesTheSame(graph, wrong!, one!)).toBe(false);
    } finally {
      for (const execution of [one, other, wrong]) execution!.dispose();
    }
  });

  it.skipIf(!gpu?.features.includes('shader-f16'))('files choices for half precision apart', async () => {
    const graph = await recordGraph(({ a, b }) => ({ y: tf.matMul(a!, b!) }), {
      a: tf.zeros([64, 32]),
      b: tf.zeros([32, 64]),
    });
    const device = await another();
    try {
      await tune(device, graph, { software: true, candidates: 2, budget: 60_000, precision: 'fp16' });
      const keys = Object.keys(TuningStore.of(device).choices());
      expect(keys.filter((key) => key.startsWith('f16 MatMul/nn/1x64x64x32'))).toHaveLength(1);
    } finally {
      device.close();
    }
  });
});
