/** Runs whose device fails in the middle: they go on, say so, and end as if nothing had happened. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyRecipe } from '../../tests/support/recipes.ts';
import { parseRecipe } from '../config/index.ts';
import { DeviceError, type RunEvent } from '../core/index.ts';
import { type DeviceChoice, lookForGpu } from '../engine/index.ts';
import type { LiveRun } from './control.ts';
import { train } from './train.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-recovery-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Six steps; checkpoints on disk after the second, the fourth and the last, or after the last alone. */
const recipeText = (onDisk: boolean, steps = 6): string =>
  tinyRecipe({
    data: {
      train_data_path: `sample:shapes?images=${onDisk ? 16 : 24}&seed=1&size=32`,
      val_data_path: 'sample:shapes?images=4&seed=2&size=32',
      batch_size: 4,
    },
    training: {
      max_epochs: 3,
      max_steps: steps,
      log_every_n_steps: 1,
      ...(onDisk ? { checkpoint_every_n_steps: 2 } : {}),
    },
  });

interface Failing {
  /** After so many steps. */
  readonly at: number;
  readonly times?: number;
  readonly onDisk?: boolean;
  /** Goes on with the run of this name, up to so many steps. */
  readonly upTo?: number;
  /** Milliseconds between two checkpoints in memory. */
  readonly heldInterval?: number;
  with?(live: LiveRun): void;
}

/** All events of a run; before the batches of step `at` (from 0) `fail.with` is called, as often as `times` says. */
async function events(name: string, device: DeviceChoice, fail?: Failing): Promise<RunEvent[]> {
  const { recipe } = parseRecipe(recipeText(fail?.onDisk ?? true, fail?.upTo), { source: 'test' });
  let left = fail?.times ?? 1;
  const seen: RunEvent[] = [];
  const control = {
    async between(live: LiveRun, { step }: { readonly step: number }): Promise<void> {
      if (step === fail?.at && left-- > 0) fail.with?.(live);
    },
  };
  const { heldInterval } = fail ?? {};
  const resume = fail?.upTo !== undefined;
  const request = { recipe, out: join(folder, name), device, control, heldInterval, resume };
  for await (const event of train(request)) seen.push(event);
  return seen;
}

const lossesOf = (seen: readonly RunEvent[]): [number, number][] =>
  seen.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss] as [number, number]] : []));
/** The steps in the log of a run: those behind the checkpoint that it went on from are in another one. */
async function loggedSteps(name: string): Promise<number[]> {
  const lines = (await readFile(join(folder, name, 'events.jsonl'), 'utf8')).split('\n').slice(0, -1);
  return lossesOf(lines.map((line) => JSON.parse(line) as RunEvent)).map(([step]) => step);
}

const warningsOf = (seen: readonly RunEvent[], code: string): string[] =>
  seen.flatMap((event) => (event.type === 'warning' && event.code === code ? [event.message] : []));
const failing = (code: string): DeviceError =>
  new DeviceError({ code, expected: 'a device', received: `a failure (${code})`, fix: 'none' });

describe('a run whose device fails', () => {
  it('goes on from the last checkpoint with the same numbers, and says so', async () => {
    const calm = await events('calm', 'wasm');
    const lost = await events('lost', 'wasm', {
      at: 3,
      with() {
        throw failing('device_lost');
      },
    });
    expect(warningsOf(lost, 'device_lost_recovered')).toEqual([
      expect.stringMatching(/a failure \(device_lost\); the run goes on from .*last \(step 2\) on wasm/),
    ]);
    expect(new Map(lossesOf(lost))).toEqual(new Map(lossesOf(calm)));
    expect(lost.at(-1)).toMatchObject({
      type: 'finished',
      metrics: (calm.at(-1) as { metrics: object }).metrics,
    });
    expect(await loggedSteps('lost')).toEqual([1, 2, 3, 4, 5, 6]);
  }, 60_000);

  it('begins again when there is no checkpoint, and gives up when it fails without progress', async () => {
    const again = await events('again', 'wasm', {
      at: 5,
      onDisk: false,
      with() {
        throw failing('device_lost');
      },
    });
    expect(warningsOf(again, 'device_lost_recovered')[0]).toContain('from its first step');
    expect(lossesOf(again).length).toBeGreaterThan(6);
    expect(await loggedSteps('again')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(again.at(-1)!.type).toBe('finished');
    const always = events('always', 'wasm', {
      at: 1,
      times: 99,
      with() {
        throw failing('device_lost');
      },
    });
    await expect(always).rejects.toThrow('a failure (device_lost)');
  }, 60_000);

  it('goes on from a checkpoint in memory where none is on disk, with the same numbers', async () => {
    const calm = await events('calm, nothing on disk', 'wasm', { at: -1, onDisk: false });
    const lost = await events('held', 'wasm', {
      at: 4,
      onDisk: false,
      heldInterval: 0,
      with() {
        throw failing('device_lost');
      },
    });
    expect(warningsOf(lost, 'device_lost_recovered')).toEqual([
      expect.stringMatching(/the run goes on from a checkpoint in memory \(step [1-4]\)/),
    ]);
    expect(lost.filter(({ type }) => type === 'resumed')).toMatchObject([
      { exact: true, from: 'a checkpoint in memory' },
    ]);
    expect(new Map(lossesOf(lost))).toEqual(new Map(lossesOf(calm)));
    expect(lost.at(-1)).toMatchObject({
      type: 'finished',
      metrics: (calm.at(-1) as { metrics: object }).metrics,
    });
  }, 60_000);

  it('computes batches in parts when memory does not suffice', async () => {
    const full = await events('full', 'wasm', {
      at: 3,
      times: 2,
      with() {
        throw failing('out_of_memory');
      },
    });
    // Parts that do not fit either are made smaller.
    expect(warningsOf(full, 'out_of_memory_recovered')).toEqual([
      expect.stringContaining('each batch in 2 parts'),
      expect.stringContaining('each batch in 4 parts'),
    ]);
    expect(full.at(-1)!.type).toBe('finished');
    const resumed = full.filter(({ type }) => type === 'resumed');
    expect(resumed).toMatchObject([
      { exact: false, why: expect.stringContaining('were 1 and are 2') as string },
      { exact: false, why: expect.stringMatching(/were [12] and are 4/) as string },
    ]);
    const state = await readFile(join(folder, 'full/checkpoints/last/state.json'), 'utf8');
    expect(JSON.parse(state)).toMatchObject({ splits: 4 });
    // Another process knows what was tried: single pictures are as small as parts get.
    const later = events('full', 'wasm', {
      at: 7,
      upTo: 8,
      with() {
        throw failing('out_of_memory');
      },
    });
    await expect(later).rejects.toThrow(/one image|single/);
  }, 60_000);

  const adapter = lookForGpu();
  it('opens a new WebGPU device when one is lost', async ({ skip }) => {
    const { adapter: present, missing } = await adapter;
    skip(!present, `NOT RUN: ${missing}`);
    const lost = await events('webgpu', 'webgpu', {
      at: 3,
      with: ({ device }) => device.gpu!.device.destroy(),
    });
    expect(warningsOf(lost, 'device_lost_recovered')).toEqual([expect.stringContaining('step 2')]);
    expect([...new Map(lossesOf(lost)).keys()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(lost.at(-1)!.type).toBe('finished');
  }, 300_000);

  it('waits for an adapter that is gone, or gives only devices that are lost', async ({ skip }) => {
    const { adapter: present, missing } = await adapter;
    skip(!present, `NOT RUN: ${missing}`);
    let restore: (() => void) | undefined;
    const lost = await events('gone', 'webgpu', {
      at: 3,
      onDisk: false,
      heldInterval: 0,
      with({ device }) {
        restore = loseAdapter();
        device.gpu!.device.destroy();
      },
    });
    restore!();
    expect(warningsOf(lost, 'device_lost_recovered')).toEqual([
      expect.stringMatching(/checkpoint in memory \(step [1-3]\) on webgpu .*, which was away for [\d.]+ s$/),
    ]);
    expect([...new Map(lossesOf(lost)).keys()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(lost.at(-1)!.type).toBe('finished');
  }, 300_000);
});

/**
 * As when a driver starts again: at first no adapter is found, then one that is lost, whose devices are lost when they
 * are given (https://gpuweb.github.io/gpuweb/#dom-gpuadapter-requestdevice), and then one that works.
 */
function loseAdapter(): () => void {
  const [provider, adapters] = [GPU.prototype, GPUAdapter.prototype];
  const { requestAdapter } = provider;
  const { requestDevice } = adapters;
  let [asked, given] = [0, 0];
  provider.requestAdapter = async function (this: GPU, ...args) {
    return asked++ === 0 ? null : requestAdapter.apply(this, args);
  };
  adapters.requestDevice = async function (this: GPUAdapter, ...args) {
    const device = await requestDevice.apply(this, args);
    if (given++ === 0) device.destroy();
    return device;
  };
  return () => {
    provider.requestAdapter = requestAdapter;
    adapters.requestDevice = requestDevice;
    expect([asked, given]).toEqual([3, 2]);
  };
}
