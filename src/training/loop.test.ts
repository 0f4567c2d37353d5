import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { files } from '#platform';
import {
  smallBatches,
  smallDataset,
  smallModel,
  smallSettings,
  smallTask,
} from '../../tests/support/small-run.ts';
import { InterruptedError, RunError, type RunEvent } from '../core/index.ts';
import { type Device, type DeviceChoice, openDevice, replayProgram, tf } from '../engine/index.ts';
import { CheckpointStore, type RunIdentity } from './checkpoint.ts';
import { evaluate } from './evaluate.ts';
import { train } from './loop.ts';
import type { TrainingServices } from './services.ts';
import type { TrainingSettings } from './settings.ts';
import type { StepDevice } from './types.ts';

const identity: RunIdentity = {
  recipe: 'r',
  backend: 'wasm',
  data: 'd',
  batch: '8',
  device: 'wasm',
  precision: 'fp32',
  execution: 'eager',
  kernels: 'k',
  version: '0',
  platform: 'node',
};

let device: Device;
let folder: string;
beforeAll(async () => {
  device = await openDevice((process.env.OCELLI_TEST_DEVICE ?? 'wasm') as DeviceChoice);
});
afterAll(() => device.dispose());
afterEach(() => rm(folder, { recursive: true, force: true }));

interface RunOptions {
  readonly settings?: Partial<TrainingSettings>;
  readonly resume?: boolean;
  /** Aborts when an event makes this true. */
  readonly stopAt?: (event: RunEvent) => boolean;
  /** Leaves the loop without a word, as a killed process does. */
  readonly killAt?: (event: RunEvent) => boolean;
  readonly poison?: (index: number) => boolean;
  /** Images of the evaluation that hold no numbers. */
  readonly poisonVal?: (index: number) => boolean;
  readonly identity?: Partial<RunIdentity>;
  readonly abortInEvaluation?: number;
  readonly tuning?: StepDevice['tuning'];
  /** Steps are traced and replayed, as those in half precision are. */
  readonly compiled?: boolean;
}

/** Runs in `folder`; events and whatever was thrown come back. */
async function run(options: RunOptions = {}): Promise<{ events: RunEvent[]; error: unknown }> {
  const dataset = smallDataset(44);
  const val = smallDataset(12);
  const model = smallModel();
  const store = new CheckpointStore(files, join(folder, 'checkpoints'));
  const from = options.resume ? await store.latest() : undefined;
  const controller = new AbortController();
  let evaluations = 0;
  const services: TrainingServices<never> = {
    device: {
      ...device,
      ...(options.tuning ? { tuning: options.tuning } : {}),
      ...(options.compiled ? { prepare: replayProgram } : {}),
    },
    model,
    task: smallTask as never,
    batches: smallBatches(dataset, {
      batchSize: 8,
      seed: 3,
      ...(options.poison ? { poison: options.poison } : {}),
    }),
    evaluate: (signal) => {
      if (++evaluations === options.abortInEvaluation) controller.abort();
      return evaluate({
        split: 'val',
        device,
        model,
        task: smallTask,
        dataset: val,
        batches: smallBatches(val, {
          batchSize: 8,
          ...(options.poisonVal ? { poison: options.poisonVal } : {}),
        }),
        signal,
      });
    },
    checkpoints: store,
    identity: { ...identity, ...options.identity },
    ...(from ? { resume: await store.load(from), resumedFrom: from } : {}),
  };
  const events: RunEvent[] = [];
  let error: unknown;
  try {
    for await (const event of train(smallSettings(options.settings), services, controller.signal)) {
      events.push(event);
      if (options.killAt?.(event)) break;
      if (options.stopAt?.(event)) controller.abort();
    }
  } catch (thrown) {
    error = thrown;
  }
  model.dispose();
  return { events, error };
}

/** Losses and metrics without times: what must be the same to the last bit. */
function numbers(events: readonly RunEvent[]): unknown[] {
  return events.flatMap((event): unknown[] => {
    if (event.type === 'step')
      return [[event.step, event.loss, event.grad_norm, event.learning_rate, event.parts]];
    if (event.type === 'epoch') return [['epoch', event.epoch, event.step, event.train_loss]];
    if (event.type === 'evaluation') return [['evaluation', event.step, event.epoch, event.metrics]];
    return [];
  });
}

const ofType = (events: readonly RunEvent[], type: RunEvent['type']): RunEvent[] =>
  events.filter((event) => event.type === type);

/** The run that was stopped and the one that went on, as one: what lies behind the checkpoint counts once. */
function joined(first: readonly RunEvent[], second: readonly RunEvent[]): unknown[] {
  const resumed = second[0] as Extract<RunEvent, { type: 'resumed' }>;
  const kept = first.filter((event) => !('step' in event) || event.step! <= resumed.step);
  return [...numbers(kept), ...numbers(second)];
}

async function inFolder<Result>(work: () => Promise<Result>): Promise<Result> {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-loop-'));
  try {
    return await work();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const stepIs = (step: number) => (event: RunEvent) => event.type === 'step' && event.step === step;

describe('training loop', () => {
  it('learns, evaluates after each epoch and keeps the best checkpoints', async () => {
    await inFolder(async () => {
      const before = tf.memory().numTensors;
      const { events, error } = await run({ settings: { plan: { maxEpochs: 6, accumulate: 1 } } });
      expect(error).toBeUndefined();
      const steps = ofType(events, 'step') as Extract<RunEvent, { type: 'step' }>[];
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 36 }, (_, i) => i + 1));
      expect(steps.at(-1)!.loss).toBeLessThan(0.6 * steps[0]!.loss);
      expect(steps.every(({ total_steps }) => total_steps === 36)).toBe(true);
      // Memory stays as it is once everything has its place.
      expect(new Set(steps.slice(2).map(({ gpu_bytes }) => gpu_bytes)).size).toBe(1);
      const evaluations = ofType(events, 'evaluation') as Extract<RunEvent, { type: 'evaluation' }>[];
      expect(evaluations.map(({ step, epoch }) => [step, epoch])).toEqual(
        [6, 12, 18, 24, 30, 36].map((s, e) => [s, e]),
      );
      expect(evaluations.at(-1)!.metrics.val_accuracy).toBeGreaterThan(0.8);
      expect(Object.keys(evaluations[0]!.metrics)).toEqual(['val_loss', 'val_loss_ce', 'val_accuracy']);
      const best = evaluations.toSorted((a, b) => a.metrics.val_loss! - b.metrics.val_loss!);
      const kept = (await files.list(join(folder, 'checkpoints'))).map(({ name }) => name);
      expect(kept).toEqual(
        ['best', 'last', ...best.slice(0, 2).map(({ step }) => `step-${step}`)].toSorted(),
      );
      const state = JSON.parse(await readFile(join(folder, 'checkpoints/best/state.json'), 'utf8'));
      expect(state.progress.step).toBe(best[0]!.step);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  const whole = (settings: Partial<TrainingSettings>) => inFolder(() => run({ settings }));

  it.each<[string, Partial<TrainingSettings>, RunOptions]>([
    ['in the middle of an epoch', {}, { stopAt: stepIs(5) }],
    ['after an evaluation', {}, { stopAt: (event) => event.type === 'evaluation' }],
    ['inside an evaluation', {}, { abortInEvaluation: 2 }],
    ['while accumulating', { plan: { maxEpochs: 3, accumulate: 2 } }, { stopAt: stepIs(2) }],
    [
      'with everything on',
      {
        plan: { maxEpochs: 3, accumulate: 2, valCheckInterval: 0.5 },
        average: { decay: 0.9, startStep: 2 },
        optimizer: { name: 'sgd', options: { momentum: 0.9, nesterov: true } },
        schedule: {
          learning_rate: 0.1,
          scheduler: 'plateau',
          // Hardly anything counts as better: the rate falls with every evaluation.
          scheduler_params: { patience: 0, factor: 0.5, threshold: 0.9 },
        },
        mix: { mixupAlpha: 0.4, cutmixAlpha: 0.4 },
      },
      { stopAt: stepIs(4) },
    ],
  ])('resumes bit for bit: interrupted %s', async (_, settings, stop) => {
    const reference = await whole(settings);
    await inFolder(async () => {
      const first = await run({ settings, ...stop });
      expect(first.error).toBeInstanceOf(InterruptedError);
      expect(first.events.at(-1)).toMatchObject({ type: 'stopped', reason: 'interrupted' });
      const second = await run({ settings, resume: true });
      expect(second.error).toBeUndefined();
      expect(second.events[0]).toMatchObject({ type: 'resumed', exact: true });
      expect(joined(first.events, second.events)).toEqual(numbers(reference.events));
    });
  });

  it('resumes bit for bit from the last checkpoint when it was killed', async () => {
    const settings = { plan: { maxEpochs: 3, accumulate: 1, checkpointEverySteps: 4 } };
    const reference = await whole(settings);
    for (const step of [3, 7, 11, 14]) {
      await inFolder(async () => {
        const first = await run({ settings, killAt: stepIs(step) });
        const second = await run({ settings, resume: true });
        const events =
          second.events[0]!.type === 'resumed' ? joined(first.events, second.events) : numbers(second.events);
        expect(events).toEqual(numbers(reference.events));
      });
    }
  });

  it('goes on with the loss scale that overflows have left, and with an average that stood still with them', async () => {
    await inFolder(async () => {
      const average = { decay: 0.9, startStep: 1 };
      const half = { settings: { precision: 'fp16' as const, average }, compiled: true };
      // One step of each epoch overflows.
      const overflowing = { ...half, poison: (index: number) => index === 20 };
      const whole = await run(overflowing);
      expect(whole.error).toBeUndefined();
      await rm(folder, { recursive: true });
      const first = await run({ ...overflowing, killAt: stepIs(10) });
      const second = await run({ ...overflowing, resume: true });
      expect(second.events[0]).toMatchObject({ type: 'resumed', exact: true });
      expect(joined(first.events, second.events)).toEqual(numbers(whole.events));
      const scales = (events: readonly RunEvent[]) =>
        ofType(events, 'step').map((event) => (event as { readonly loss_scale?: number }).loss_scale);
      const resumed = scales(second.events);
      expect(resumed[0]).toBeLessThan(2 ** 16);
      expect(resumed).toEqual(scales(whole.events).slice(-resumed.length));
    });
  });

  it('gives a resumed run the forms of kernels that the first one used, on the same device', async () => {
    await inFolder(async () => {
      const adopted: object[] = [];
      const tuning = (choices: Record<string, string>) => ({
        choices: () => choices,
        adopt: (given: object) => void adopted.push(given),
      });
      await run({ tuning: tuning({ product: 'tile 64' }), stopAt: stepIs(2) });
      await run({ tuning: tuning({}), resume: true, stopAt: stepIs(3) });
      expect(adopted).toEqual([{ product: 'tile 64' }]);
      await run({ tuning: tuning({}), resume: true, identity: { device: 'another' }, stopAt: stepIs(4) });
      expect(adopted).toHaveLength(1);
    });
  });

  it('computes batches in as many parts as before; in other parts it promises nothing', async () => {
    await inFolder(async () => {
      const settings = { splits: 2 };
      const whole = await run({ settings });
      await rm(folder, { recursive: true });
      const first = await run({ settings, stopAt: stepIs(4) });
      // What a resumed run is told of parts is what the recipe knows: nothing.
      const second = await run({ resume: true });
      expect(second.events[0]).toMatchObject({ type: 'resumed', exact: true });
      expect(joined(first.events, second.events)).toEqual(numbers(whole.events));
    });
    await inFolder(async () => {
      await run({ settings: { splits: 2 }, stopAt: stepIs(2) });
      const more = await run({ settings: { splits: 4 }, resume: true });
      expect(more.events[0]).toMatchObject({
        exact: false,
        why: 'parts of a batch were 2 and are 4',
      });
    });
    await inFolder(async () => {
      await run({ settings: { splits: 2 }, stopAt: stepIs(2) });
      const other = await run({ resume: true, identity: { batch: '7' } });
      expect(other.events[0]).toMatchObject({ exact: false, why: 'batch was 8 and is 7' });
    });
  });

  it('says when a resumed run cannot repeat its numbers', async () => {
    await inFolder(async () => {
      await run({ stopAt: stepIs(4) });
      const { events } = await run({ resume: true, identity: { device: 'webgpu' } });
      expect(events[0]).toMatchObject({
        type: 'resumed',
        exact: false,
        why: 'device was wasm and is webgpu',
      });
    });
  });

  it('stops at a loss that is not finite, says where it began and leaves the last good checkpoint', async () => {
    await inFolder(async () => {
      // Image 20 turns bad in the second epoch.
      let seen = 0;
      const { events, error } = await run({ poison: (index) => index === 20 && ++seen > 3 * 64 });
      expect(error).toBeInstanceOf(RunError);
      expect(error).toMatchObject({ code: 'loss_not_finite', exitCode: 1 });
      const last = ofType(events, 'step').length;
      expect((error as Error).message).toContain(`it began in step ${last + 1}`);
      const store = new CheckpointStore(files, join(folder, 'checkpoints'));
      const good = await store.load((await store.latest())!);
      expect(good.state.progress.step).toBe(6);
      for (const { data } of good.model.values()) expect(data.every(Number.isFinite)).toBe(true);
    });
  });

  it('stops where an evaluation gives no numbers, before it is taken for a result', async () => {
    await inFolder(async () => {
      const { events, error } = await run({ poisonVal: () => true });
      expect(error).toMatchObject({ code: 'loss_not_finite', exitCode: 1 });
      expect((error as Error).message).toMatch(/NaN in logits; it began in step 7/);
      expect(ofType(events, 'evaluation')).toEqual([]);
      expect(ofType(events, 'step')).toHaveLength(6);
    });
  });

  it('stops early after evaluations without a better one', async () => {
    await inFolder(async () => {
      const { events, error } = await run({
        settings: {
          plan: { maxEpochs: 50, accumulate: 1 },
          schedule: { learning_rate: 1e-9, scheduler: 'constant' },
          monitor: { metric: 'val_accuracy', mode: 'max' },
          earlyStoppingPatience: 2,
        },
      });
      expect(error).toBeUndefined();
      expect(events.at(-1)).toMatchObject({ type: 'stopped', reason: 'early_stopping' });
      const evaluations = ofType(events, 'evaluation') as Extract<RunEvent, { type: 'evaluation' }>[];
      const accuracies = evaluations.map(({ metrics }) => metrics.val_accuracy!);
      expect(accuracies.length).toBeLessThan(50);
      expect(accuracies.length - 1 - accuracies.indexOf(Math.max(...accuracies))).toBe(2);
      // Resumed, there is nothing left to do.
      const again = await run({ resume: true });
      expect(again.events.map(({ type }) => type)).toEqual(['resumed', 'stopped']);
    });
  });

  it('refuses a monitor that no evaluation computes', async () => {
    await inFolder(async () => {
      const { error } = await run({ settings: { monitor: { metric: 'val_map', mode: 'max' } } });
      expect(error).toMatchObject({ code: 'monitor_metric_not_computed', exitCode: 2 });
    });
  });
});
