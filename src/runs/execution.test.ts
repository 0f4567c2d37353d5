/** A run that was begun kernel by kernel goes on so when it is resumed, to the last bit, unless it is told to compile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { tinyRecipe } from '../../tests/support/recipes.ts';
import { parseRecipe } from '../config/index.ts';
import { InterruptedError, type RunEvent } from '../core/index.ts';
import { lookForGpu } from '../engine/index.ts';
import { train } from './train.ts';

const { adapter } = await lookForGpu();
if (!adapter) console.warn('NOT RUN: no WebGPU adapter');

afterEach(() => void vi.unstubAllEnvs());

const { recipe } = parseRecipe(
  tinyRecipe({
    data: {
      train_data_path: 'sample:shapes?images=16&seed=1&size=32',
      val_data_path: 'sample:shapes?images=4&seed=2&size=32',
      batch_size: 4,
    },
    training: { max_epochs: 1, log_every_n_steps: 1 },
  }),
  { source: 'test' },
);

/** All events; the run is interrupted after step `stopAt`. */
async function events(out: string, resume: boolean, stopAt?: number): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  const stop = new AbortController();
  try {
    for await (const event of train({ recipe, out, resume, device: 'webgpu' }, stop.signal)) {
      seen.push(event);
      if (event.type === 'step' && event.step === stopAt) stop.abort();
    }
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
  }
  return seen;
}

const lossesOf = (seen: readonly RunEvent[]): [number, number][] =>
  seen.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss] as [number, number]] : []));

it.skipIf(!adapter)('stays as it was begun', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-execution-'));
  try {
    vi.stubEnv('OCELLI_EAGER', '1');
    const whole = await events(join(folder, 'whole'), false);
    const first = await events(join(folder, 'parts'), false, 1);
    vi.stubEnv('OCELLI_EAGER', undefined);
    const second = await events(join(folder, 'parts'), true);
    expect(second.filter(({ type }) => type === 'resumed')).toMatchObject([{ exact: true }]);
    expect(second.filter(({ type }) => type === 'step_compiled')).toEqual([]);
    expect(second).toContainEqual(expect.objectContaining({ code: 'resumed_eagerly' }));
    expect(new Map([...lossesOf(first), ...lossesOf(second)])).toEqual(new Map(lossesOf(whole)));

    await rm(join(folder, 'parts'), { recursive: true });
    vi.stubEnv('OCELLI_EAGER', '1');
    await events(join(folder, 'parts'), false, 1);
    vi.stubEnv('OCELLI_EAGER', '0');
    const told = await events(join(folder, 'parts'), true);
    expect(told.filter(({ type }) => type === 'resumed')).toMatchObject([
      { exact: false, why: 'execution was eager and is compiled' },
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
