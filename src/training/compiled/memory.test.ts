/** Less memory, the same training: activations that are computed again, and activations in half the bytes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyRun } from '../../../tests/support/tiny-models.ts';
import { type Device, lookForGpu, openDevice } from '../../engine/index.ts';
import { parameterGroups } from '../groups.ts';
import { createAlgorithm, Optimizer } from '../optimizers/index.ts';
import { type StepSettings, TrainingStep } from '../step.ts';

const adapter = (await lookForGpu()).adapter !== undefined;
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

async function hasHalf(): Promise<boolean> {
  if (!adapter) return false;
  const opened = await openDevice('webgpu');
  const { features } = opened;
  await opened.dispose();
  return features.includes('shader-f16');
}

const half = await hasHalf();

let device: Device;
beforeAll(async () => {
  if (adapter) device = await openDevice('webgpu');
}, 60_000);
afterAll(() => device?.dispose());

/** Losses and gradient norms of three steps. */
async function threeSteps(family: string, settings: Partial<StepSettings>): Promise<number[]> {
  const { loaded, task, batch } = tinyRun(family);
  const groups = parameterGroups(loaded.model, {
    backboneLearningRateFactor: 1,
    weightDecay: 0.01,
    noDecayNormBias: true,
  });
  const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
  const step = new TrainingStep(loaded.model, task, device, optimizer, {
    seed: 3,
    clip: { kind: 'norm', limit: 1 },
    mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    ...settings,
  });
  for (let number = 1; number <= 3; number++) {
    await step.add(batch(number, 2), number, 0);
    await step.finish(
      groups.map(() => 1e-3),
      number,
    );
  }
  expect(step.takeWarnings()).toEqual([]);
  const results = await step.results(0);
  step.dispose();
  optimizer.dispose();
  loaded.model.dispose();
  expect(results.map(({ skipped }) => skipped)).toEqual([false, false, false]);
  return results.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
}

describe.skipIf(!adapter)('a compiled step', () => {
  // Dropout in both; the second matches on the host in the middle.
  for (const family of ['vit', 'detr, auxiliary losses']) {
    it(`computes activations again to the last bit: ${family}`, { timeout: 240_000 }, async () => {
      const usual = await threeSteps(family, {});
      expect(await threeSteps(family, { checkpointActivations: true })).toEqual(usual);
    });
  }

  it.skipIf(!half)(
    'trains in half precision, with activations computed again as well',
    { timeout: 240_000 },
    async () => {
      const usual = await threeSteps('vit', {});
      const lean = await threeSteps('vit', { precision: 'fp16', checkpointActivations: true });
      expect(lean).not.toEqual(usual);
      for (const [i, number] of lean.entries()) expect(Math.abs(number / usual[i]! - 1)).toBeLessThan(5e-3);
    },
  );
});
