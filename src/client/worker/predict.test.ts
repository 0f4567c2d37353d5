/** A model stays open between pictures, and one whose device is lost is opened again. */
import { beforeEach, expect, test } from 'vitest';
import { DeviceError } from '../../core/index.ts';
import type { createPredictor, Predictor } from '../../inference/index.ts';
import { KeptPredictor } from './predict.ts';

const lost = () =>
  new DeviceError({ code: 'device_lost', expected: 'a device', received: 'none', fix: 'open it again' });

/** Stands in for models on a graphics device, which can't be taken away from a test here: each fails when it is told to. */
let opened: { fails: boolean; disposed: boolean }[];
const create = (async () => {
  const model = { fails: false, disposed: false };
  opened.push(model);
  return {
    classes: { names: ['a'] },
    runtime: 'a device',
    async predict() {
      if (model.fails) throw lost();
      return [];
    },
    async dispose() {
      model.disposed = true;
      if (model.fails) throw lost();
    },
  } as unknown as Predictor;
}) as typeof createPredictor;

beforeEach(() => {
  opened = [];
});

test('one opening for many pictures', async () => {
  const kept = new KeptPredictor(create);
  await Promise.all([1, 2, 3].map(() => kept.predict({ model: 'm' }, [], 'auto')));
  expect(opened.length).toBe(1);
});

test('a device that is lost between two pictures is opened again, and nobody hears of it', async () => {
  const kept = new KeptPredictor(create);
  await kept.predict({ model: 'm' }, [], 'auto');
  opened[0]!.fails = true;
  expect(await kept.predict({ model: 'm' }, [], 'auto')).toMatchObject({ runtime: 'a device' });
  expect(opened.map(({ disposed }) => disposed)).toEqual([true, false]);
});

test('a model that never answered says why, and the next picture opens it anew', async () => {
  let first = true;
  const kept = new KeptPredictor((async (...args: Parameters<typeof createPredictor>) => {
    const predictor = await create(...args);
    opened.at(-1)!.fails = first;
    first = false;
    return predictor;
  }) as typeof createPredictor);
  await expect(kept.predict({ model: 'm' }, [], 'auto')).rejects.toMatchObject({ code: 'device_lost' });
  expect(opened.length).toBe(1);
  await kept.predict({ model: 'm' }, [], 'auto');
  expect(opened.length).toBe(2);
});
