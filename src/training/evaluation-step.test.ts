import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModels, tinyRun } from '../../tests/support/tiny-models.ts';
import { type Device, openDevice, replayProgram, tf } from '../engine/index.ts';
import { EvaluationStep } from './evaluation-step.ts';
import type { EvaluatedBatch, StepDevice } from './types.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('wasm');
});
afterAll(() => device.dispose());

async function evaluated(family: string, stepDevice: StepDevice, losses: boolean): Promise<EvaluatedBatch[]> {
  const { loaded, task, batch } = tinyRun(family);
  const step = new EvaluationStep(loaded.model, task, stepDevice, { losses });
  const results = [await step.run(batch(0)), await step.run(batch(1, 1))];
  expect(step.takeWarnings()).toEqual([]);
  step.dispose();
  loaded.model.dispose();
  return results;
}

describe('an evaluation step', () => {
  for (const family of Object.keys(tinyModels)) {
    it(`gives the same compiled as kernel by kernel: ${family}`, async () => {
      const before = tf.memory().numTensors;
      for (const losses of [true, false]) {
        const compiled = await evaluated(family, { ...device, prepare: replayProgram }, losses);
        expect(compiled).toEqual(await evaluated(family, { ...device, prepare: undefined }, losses));
        expect(Object.keys(compiled[0]!.losses).length > 0).toBe(losses);
      }
      expect(tf.memory().numTensors).toBe(before);
    });
  }

  it('goes on kernel by kernel when something can not be compiled, and says so', async () => {
    const { loaded, task, batch } = tinyRun('vit');
    const prepare = async (): Promise<never> => {
      throw new Error('no kernel for Warp');
    };
    const step = new EvaluationStep(loaded.model, task, { ...device, prepare });
    expect((await step.run(batch(0))).losses.loss).toBeGreaterThan(0);
    expect(step.takeWarnings()[0]!.message).toContain('no kernel for Warp');
    loaded.model.dispose();
  });
});
