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

const text = tinyRecipe({
  data: {
    train_data_path: 'sample:shapes?images=16&seed=1&size=32',
    val_data_path: 'sample:shapes?images=4&seed=2&size=32',
    batch_size: 4,
  },
  training: { max_epochs: 2, max_steps: 6, checkpoint_every_n_steps: 2, log_every_n_steps: 1 },
});

/** All events of a run; before the batches of step `at` (from 0) `fail` is called, as often as `times` says. */
async function events(
  name: string,
  device: DeviceChoice,
  fail?: { readonly at: number; readonly times?: number; with(live: LiveRun): void },
): Promise<RunEvent[]> {
  const { recipe } = parseRecipe(text, { source: 'test' });
  let left = fail?.times ?? 1;
  const seen: RunEvent[] = [];
  const control = {
    async between(live: LiveRun, { step }: { readonly step: number }): Promise<void> {
      if (step === fail?.at && left-- > 0) fail.with(live);
    },
  };
  for await (const event of train({ recipe, out: join(folder, name), device, control })) seen.push(event);
  return seen;
}

const lossesOf = (seen: readonly RunEvent[]): [number, number][] =>
  seen.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss] as [number, number]] : []));
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
    const kept = (await readFile(join(folder, 'lost', 'events.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const steps = lossesOf(kept.map((line) => JSON.parse(line) as RunEvent)).map(([step]) => step);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
  }, 60_000);

  it('begins again when there is no checkpoint, and gives up when it fails without progress', async () => {
    const again = await events('again', 'wasm', {
      at: 1,
      with() {
        throw failing('device_lost');
      },
    });
    expect(warningsOf(again, 'device_lost_recovered')[0]).toContain('from its first step');
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

  it('computes batches in parts when memory does not suffice', async () => {
    const full = await events('full', 'wasm', {
      at: 3,
      with() {
        throw failing('out_of_memory');
      },
    });
    expect(warningsOf(full, 'out_of_memory_recovered')[0]).toContain('each batch in 2 parts');
    expect(full.at(-1)!.type).toBe('finished');
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
});
