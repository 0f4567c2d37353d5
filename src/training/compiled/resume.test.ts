/**
 * A compiled run that was interrupted and resumed gives the numbers of one that was not, to the last bit: dropout,
 * batch norm, accumulated gradients, averages and evaluation included. Replayed on wasm, and compiled where there is
 * an adapter.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files } from '#platform';
import {
  smallBatches,
  smallDataset,
  smallModel,
  smallSettings,
  smallTask,
} from '../../../tests/support/small-run.ts';
import { InterruptedError, type RunEvent } from '../../core/index.ts';
import { type DeviceChoice, lookForGpu, openDevice, replayProgram } from '../../engine/index.ts';
import { CheckpointStore } from '../checkpoint.ts';
import { evaluate } from '../evaluate.ts';
import { train } from '../loop.ts';
import type { TrainingServices } from '../services.ts';
import type { StepDevice } from '../types.ts';

const settings = smallSettings({
  plan: { maxEpochs: 2, accumulate: 2 },
  average: { decay: 0.9, startStep: 1 },
});

/** A run on a device of its own, as another process would be; it is interrupted after step `stopAt`. */
async function run(folder: string, choice: DeviceChoice, stopAt?: number): Promise<RunEvent[]> {
  const opened = await openDevice(choice);
  try {
    const device: StepDevice = { ...opened, prepare: opened.prepare ?? replayProgram };
    const model = smallModel();
    const val = smallDataset(12);
    const checkpoints = new CheckpointStore(files, join(folder, 'checkpoints'));
    const from = await checkpoints.latest();
    const controller = new AbortController();
    const services: TrainingServices<never> = {
      device,
      model,
      task: smallTask as never,
      batches: smallBatches(smallDataset(30), { batchSize: 8, seed: 3 }),
      evaluate: () =>
        evaluate({
          split: 'val',
          device,
          model,
          task: smallTask,
          dataset: val,
          batches: smallBatches(val, { batchSize: 8 }),
        }),
      checkpoints,
      identity: {
        recipe: '',
        backend: choice,
        device: '',
        precision: 'fp32',
        execution: 'compiled',
        data: '',
        batch: '',
        kernels: '',
        version: '',
        platform: '',
      },
      ...(from ? { resume: await checkpoints.load(from) } : {}),
    };
    const events: RunEvent[] = [];
    try {
      for await (const event of train(settings, services, controller.signal)) {
        events.push(event);
        if (event.type === 'step' && event.step === stopAt) controller.abort();
      }
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
    }
    expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
    const compiled = events.flatMap((event) => (event.type === 'step_compiled' ? [event] : []));
    expect(compiled.map(({ signature }) => signature)).toEqual([
      expect.stringMatching(/^part 8×3×\d+×\d+, /),
      'accumulated gradients',
    ]);
    for (const { ms, dispatches } of compiled) {
      expect(ms).toBeGreaterThan(0);
      // Replayed kernel by kernel it is no list of dispatches.
      expect(dispatches > 0).toBe(opened.prepare !== undefined);
    }
    model.dispose();
    return events;
  } finally {
    await opened.dispose();
  }
}

/** Losses by step, and metrics. */
function numbersOf(events: readonly RunEvent[]): Map<string, unknown> {
  const numbers = new Map<string, unknown>();
  for (const event of events) {
    if (event.type === 'step') numbers.set(`step ${event.step}`, [event.loss, event.grad_norm]);
    if (event.type === 'evaluation') numbers.set(`evaluation ${event.step}`, event.metrics);
  }
  return numbers;
}

async function expectExactResume(choice: DeviceChoice): Promise<void> {
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'ocelli-resume-'))));
  try {
    const whole = numbersOf(await run(folders[0]!, choice));
    const first = await run(folders[1]!, choice, 1);
    const second = await run(folders[1]!, choice);
    expect(second[0]).toMatchObject({ type: 'resumed', exact: true });
    expect(whole.size).toBeGreaterThan(4);
    const joined = new Map([...numbersOf(first), ...numbersOf(second)]);
    expect(Object.fromEntries(joined)).toEqual(Object.fromEntries(whole));
  } finally {
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

describe('a compiled run resumes bit for bit', () => {
  it('replayed', () => expectExactResume('wasm'));

  it('on WebGPU', async ({ skip }) => {
    const { adapter, missing } = await lookForGpu();
    skip(!adapter, `NOT RUN: ${missing}`);
    await expectExactResume('webgpu');
  }, 300_000);
});
