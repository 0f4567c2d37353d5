import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { files } from '#platform';
import { RunError } from '../core/index.ts';
import { type Checkpoint, CheckpointStore } from './checkpoint.ts';
import { startOfRun } from './progress.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function checkpoint(step: number): Checkpoint {
  const identity = {
    recipe: '',
    backend: '',
    data: '',
    batch: '',
    device: '',
    precision: '',
    execution: '',
    kernels: '',
    version: '',
    platform: '',
  };
  return {
    state: {
      seed: 1,
      progress: { ...startOfRun(), step, epochLoss: { sum: 0.1 + step, images: 3 } },
      optimizer: { algorithm: 'AdamW', counts: { weight: step } },
      schedule: null,
      identity,
      events: 5,
    },
    model: new Map([
      ['weight', { dtype: 'F32', shape: [2], data: Float32Array.of(step, 1 / 3) }],
      ['num_batches_tracked', { dtype: 'I64', shape: [], data: Float32Array.of(step) }],
    ]),
    optimizer: new Map([['weight.exp_avg', { dtype: 'F32', shape: [2], data: Float32Array.of(0.1, -0) }]]),
  };
}

describe('checkpoints', () => {
  it('come back as they were written', async () => {
    const store = new CheckpointStore(files, folder, new Map([['config.json', '{}']]));
    await store.save(['step-3', 'last'], checkpoint(3));
    for (const name of ['step-3', 'last']) {
      const loaded = await store.load(store.path(name));
      const {
        files: sizes,
        format,
        time,
        ...state
      } = loaded.state as typeof loaded.state & Record<string, unknown>;
      expect(state).toEqual(checkpoint(3).state);
      expect(Object.keys(sizes as object)).toEqual([
        'model.safetensors',
        'optimizer.safetensors',
        'config.json',
      ]);
      expect(format).toBe(1);
      expect(Number.isNaN(Date.parse(time as string))).toBe(false);
      expect(loaded.model.get('weight')).toEqual(checkpoint(3).model.get('weight'));
      expect(loaded.model.get('num_batches_tracked')).toEqual(checkpoint(3).model.get('num_batches_tracked'));
      expect(loaded.optimizer.get('weight.exp_avg')!.data).toEqual(Float32Array.of(0.1, -0));
    }
  });

  it('count only when they are whole', async () => {
    const store = new CheckpointStore(files, folder);
    expect(await store.latest()).toBeUndefined();
    await store.save(['step-3'], checkpoint(3));
    await store.save(['last'], checkpoint(5));
    expect(await store.latest()).toBe(store.path('last'));
    await truncate(join(store.path('last'), 'optimizer.safetensors'), 10);
    expect(await store.latest()).toBe(store.path('step-3'));
    await expect(store.load(store.path('last'))).rejects.toThrow(/a whole checkpoint/);
    await writeFile(join(store.path('step-3'), 'state.json'), '{"format": 1, "pro');
    expect(await store.latest()).toBeUndefined();
  });

  it('count when the machine stopped between the two renames', async () => {
    const store = new CheckpointStore(files, folder);
    await store.save(['last'], checkpoint(4));
    await files.rename(store.path('last'), store.path('.writing-last'));
    expect(await store.latest()).toBe(store.path('.writing-last'));
  });

  it('forget steps that are no longer among the best', async () => {
    const store = new CheckpointStore(files, folder);
    for (const step of [1, 2, 3]) await store.save([`step-${step}`], checkpoint(step));
    await store.keepSteps([3, 1]);
    expect((await files.list(folder)).map(({ name }) => name)).toEqual(['step-1', 'step-3']);
  });

  it('leave earlier ones intact when the disk is full', async () => {
    const whole = new CheckpointStore(files, folder);
    await whole.save(['last'], checkpoint(2));
    const full = new RunError({ code: 'disk_full', expected: 'space', received: 'none', fix: 'free some' });
    const store = new CheckpointStore(
      {
        ...files,
        write: async (path, bytes) => {
          if (path.endsWith('optimizer.safetensors')) throw full;
          await files.write(path, bytes);
        },
      },
      folder,
    );
    await expect(store.save(['last'], checkpoint(4))).rejects.toBe(full);
    expect((await store.load((await store.latest())!)).state.progress.step).toBe(2);
    expect((await files.list(folder)).map(({ name }) => name)).toEqual(['last']);
  });
});
