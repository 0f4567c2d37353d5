/**
 * What a step is said to take, held against what it takes.
 *
 * On WebGPU, all buffers once steps have run: planned is what is allocated, but for a few bytes that results are read
 * through, so 1 % at most may be missing. In the heap of WebAssembly, the most that is allocated during a step: never
 * less than was said, and no more than a third on top (what kernels need for themselves).
 */
import { afterEach, describe, expect, it } from 'vitest';
import { tinyRun } from '../../tests/support/tiny-models.ts';
import { type Device, lookForGpu, openDevice, tf } from '../engine/index.ts';
import { type EstimatedBytes, type EstimateRequest, estimateBytes } from './estimate.ts';
import { EvaluationStep } from './evaluation-step.ts';
import { parameterGroups } from './groups.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import type { TrainingSettings } from './settings.ts';
import { TrainingStep } from './step.ts';

const adapter = (await lookForGpu()).adapter !== undefined;
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

let device: Device | undefined;
afterEach(async () => {
  await device?.dispose();
  device = undefined;
});

const settings = {
  seed: 1,
  optimizer: { name: 'adamw', options: {} },
  groups: { backboneLearningRateFactor: 1, weightDecay: 0.01, noDecayNormBias: false },
  clip: { kind: 'norm', limit: 1 },
  mix: { mixupAlpha: 0, cutmixAlpha: 0 },
} as const;

interface Case {
  readonly family: string;
  readonly rows: number;
  readonly parts: number;
  readonly checkpointActivations?: boolean;
}

const cases: Case[] = [
  ...['vit', 'resnet', 'detr'].flatMap((family) => [
    { family, rows: 4, parts: 1 },
    { family, rows: 1, parts: 2 },
  ]),
  { family: 'vit', rows: 4, parts: 1, checkpointActivations: true },
];
const named = ({ family, rows, parts, checkpointActivations = false }: Case): string =>
  `${family}, ${parts} × ${rows} images${checkpointActivations ? ', activations computed again' : ''}`;

/** Two steps. Nothing is disposed of: the device ends with the test. */
async function twoSteps(
  { family, rows, parts, checkpointActivations }: Case,
  between: () => void = () => {},
): Promise<void> {
  const { loaded, task, batch } = tinyRun(family, rows);
  const groups = parameterGroups(loaded.model, settings.groups);
  const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
  const step = new TrainingStep(loaded.model, task, device!, optimizer, {
    ...settings,
    checkpointActivations,
    plan: { accumulate: parts },
  });
  for (const number of [1, 2]) {
    for (let part = 0; part < parts; part++) await step.add(batch(number), number, part);
    await step.finish(
      groups.map(() => 1e-3),
      number,
    );
    await step.results(0);
  }
  expect(step.takeWarnings()).toEqual([]);
  between();
  const evaluation = new EvaluationStep(loaded.model, task, device!);
  await evaluation.run(batch(0));
  expect(evaluation.takeWarnings()).toEqual([]);
}

/** Of the model that `twoSteps` trains, before it has a weight. */
async function estimate({ family, rows, parts, checkpointActivations }: Case): Promise<EstimatedBytes> {
  const { loaded, task, batch } = tinyRun(family, rows);
  const [, , height, width] = batch(0).shape;
  loaded.model.dispose();
  const request: EstimateRequest = {
    model: loaded.model,
    task,
    settings: { ...settings, checkpointActivations } as unknown as TrainingSettings,
    size: { height, width },
    rows,
    parts,
    evaluationRows: rows,
    device: device!,
  };
  const before = device!.memory();
  const found = await estimateBytes(request);
  expect([...loaded.model.tensors()].some(([, { isMaterialized }]) => isMaterialized)).toBe(false);
  expect(device!.memory()).toEqual(before);
  return found;
}

describe('what a step is said to take', () => {
  for (const one of cases.filter(({ checkpointActivations }) => !checkpointActivations)) {
    it(`lies in the heap of WebAssembly: ${named(one)}`, { timeout: 60_000 }, async () => {
      device = await openDevice('wasm');
      const said = await estimate(one);
      const heap = watchHeap();
      let most = 0;
      try {
        await twoSteps(one, () => {
          most = heap.most();
          heap.again();
        });
      } finally {
        heap.restore();
      }
      for (const share of [said.step.total / most, said.evaluation.total / heap.most()]) {
        expect(share).toBeGreaterThan(0.75);
        expect(share).toBeLessThanOrEqual(1);
      }
    });
  }
  for (const one of cases) {
    it.skipIf(!adapter)(`lies in buffers of WebGPU: ${named(one)}`, { timeout: 60_000 }, async () => {
      device = await openDevice('webgpu');
      const said = await estimate(one);
      const before = device.memory().bytes;
      const taken = (): number => {
        // Buffers that wait for reuse are given back when memory runs out.
        device!.trim();
        return device!.memory().bytes - before;
      };
      let steps = 0;
      await twoSteps(one, () => {
        steps = taken();
      });
      for (const [told, is] of [
        [said.step, steps],
        [said.evaluation, taken()],
      ] as const) {
        expect(told.total / is).toBeGreaterThan(0.99);
        expect(told.total / is).toBeLessThanOrEqual(1);
        expect(told.least).toBeLessThanOrEqual(told.total);
        expect(told.largest.bytes).toBeLessThan(told.total);
      }
    });
  }

  it.skipIf(!adapter)('grows with the images, and less where activations are computed again', async () => {
    device = await openDevice('webgpu');
    const { step: few } = await estimate({ family: 'vit', rows: 2, parts: 1 });
    const { step: many } = await estimate({ family: 'vit', rows: 32, parts: 1 });
    const { step: again } = await estimate({
      family: 'vit',
      rows: 32,
      parts: 1,
      checkpointActivations: true,
    });
    expect(many.total).toBeGreaterThan(2 * few.total);
    expect(again.total).toBeLessThan(0.8 * many.total);
  });

  it.skipIf(!adapter)('holds sums of gradients once, and then no gradients beside them', async () => {
    device = await openDevice('webgpu');
    const { model } = tinyRun('vit').loaded;
    const weights = [...model.tensors()].reduce((sum, [, { size }]) => sum + 4 * size, 0);
    model.dispose();
    const { step: whole } = await estimate({ family: 'vit', rows: 4, parts: 1 });
    const { step: parts } = await estimate({ family: 'vit', rows: 4, parts: 2 });
    expect(parts.total - whole.total).toBeLessThan(0.5 * weights);
  });
});

/** Counts what is allocated in the heap from now on. */
function watchHeap() {
  const { wasm } = tf.backend() as unknown as {
    wasm: { _malloc(bytes: number): number; _free(pointer: number): void };
  };
  const { _malloc, _free } = wasm;
  const sizes = new Map<number, number>();
  let alive = 0;
  let most = 0;
  wasm._malloc = (bytes) => {
    const pointer = _malloc(bytes);
    sizes.set(pointer, bytes);
    alive += bytes;
    most = Math.max(most, alive);
    return pointer;
  };
  wasm._free = (pointer) => {
    alive -= sizes.get(pointer) ?? 0;
    sizes.delete(pointer);
    _free(pointer);
  };
  return {
    most: () => most,
    /** The most from now on. */
    again() {
      most = alive;
    },
    restore: () => void Object.assign(wasm, { _malloc, _free }),
  };
}
