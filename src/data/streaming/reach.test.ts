/** Objects that may not be read cost themselves alone, however many lie together; a right that is lost ends the epoch. */
import { beforeAll, expect, test } from 'vitest';
import { DataError, RemoteError } from '../../core/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import { type Dataset, Loader } from '../index.ts';
import { collect, openShapes, options } from '../loader.test-data.ts';
import { Reach } from './reach.ts';

let near: Dataset;
let pictures: Uint8Array[];
beforeAll(async () => {
  near = await openShapes(60);
  pictures = await Promise.all(near.records.map((record) => near.open(record).read()));
});

const refusal = (code = 'access_denied', signInRefused = false): RemoteError =>
  new RemoteError({ code, expected: 'a', received: '403', fix: 'c', signInRefused });

/** A far place that fails some pictures; `asked` has the number of every picture that was asked for. */
function far(fail: (index: number) => Error | undefined, kept: (index: number) => boolean = () => false) {
  const asked: number[] = [];
  const open: Dataset['open'] = (record): ByteSource => {
    const index = near.records.indexOf(record);
    const fresh: ByteSource = {
      path: record.fileName,
      size: async () => pictures[index]!.length,
      async read(range) {
        asked.push(index);
        const failure = fail(index);
        if (failure) throw failure;
        return pictures[index]!.slice(range?.start, range?.end);
      },
    };
    return {
      ...fresh,
      fresh,
      read: (range) => (kept(index) ? Promise.resolve(pictures[index]!.slice()) : fresh.read(range)),
    };
  };
  return { dataset: { ...near, open }, asked };
}

test('a folder of pictures that may not be read costs these alone', async () => {
  const { dataset, asked } = far((index) => (index >= 20 && index < 40 ? refusal() : undefined));
  const loader = new Loader(await options({ dataset, maxBadFraction: 0.5 }));
  const batches = await collect(loader);
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(40);
  expect(loader.setAside.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 'access_denied'));
  // Sixty pictures, and a question for every eight that failed.
  expect(asked.length).toBeLessThanOrEqual(64);
});

test('also where they are the first that are asked for', async () => {
  const { dataset } = far((index) => (index < 20 ? refusal() : undefined));
  const loader = new Loader(await options({ dataset, maxBadFraction: 0.5 }));
  expect((await collect(loader)).reduce((sum, { count }) => sum + count, 0)).toBe(40);
});

test('a right that is lost in the middle ends the epoch as such', async () => {
  const denied = refusal();
  let left = 20;
  const { dataset } = far(() => (left-- > 0 ? undefined : denied));
  const loader = new Loader(await options({ dataset, maxBadFraction: 1 }));
  await expect(collect(loader)).rejects.toBe(denied);
});

test('what is kept here proves no right', async () => {
  const denied = refusal();
  const { dataset } = far(
    () => denied,
    (index) => index < 20,
  );
  const loader = new Loader(await options({ dataset, maxBadFraction: 1 }));
  await expect(collect(loader)).rejects.toBe(denied);
});

test('a server that answers nobody is not asked more, and a refused sign-in not once', async () => {
  const signal = new AbortController().signal;
  for (const [code, misses] of [
    ['remote_unreachable', 8],
    ['remote_unavailable', 8],
  ] as const) {
    const { dataset, asked } = far(() => undefined);
    const reach = new Reach(dataset);
    for (let i = 1; i < misses; i++) await reach.missed(refusal(code), signal);
    await expect(reach.missed(refusal(code), signal)).rejects.toMatchObject({ code });
    expect(asked).toEqual([]);
  }
  const { dataset } = far(() => undefined);
  await expect(new Reach(dataset).missed(refusal('access_denied', true), signal)).rejects.toMatchObject({
    signInRefused: true,
  });
});

test('those that fail together ask once; a missing file is no proof', async () => {
  const signal = new AbortController().signal;
  const gone = new DataError({ code: 'file_missing', expected: 'a', received: '404', fix: 'c' });
  const { dataset, asked } = far((index) => (index === 5 ? gone : undefined));
  const reach = new Reach(dataset);
  reach.came(5);
  await Promise.all(Array.from({ length: 12 }, () => reach.missed(refusal(), signal)));
  expect(asked).toEqual([5, 0]);
});
