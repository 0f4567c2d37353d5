/** Far pictures: the same batches as from local files, bounded memory, and what happens when they don't come. */
import { setTimeout } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { DataError, RemoteError } from '../../core/index.ts';
import type { ByteSource } from '../../storage/index.ts';
import { type Dataset, Loader } from '../index.ts';
import { augmentations, collect, openShapes, options } from '../loader.test-data.ts';
import { Concurrency } from './concurrency.ts';
import { localShuffle } from './local-shuffle.ts';
import { planReads } from './plan-reads.ts';
import { ReadAhead } from './read-ahead.ts';

let near: Dataset;
let pictures: Uint8Array[];
beforeAll(async () => {
  near = await openShapes(60);
  pictures = await Promise.all(near.records.map((record) => near.open(record).read()));
});

interface Far {
  readonly dataset: Dataset;
  readonly counts: { reads: number; open: number; most: number; aborted: number };
}

/** The pictures behind a network: each read takes `ms`; `fail` says what becomes of a picture instead. */
function far(ms: (index: number) => number, fail?: (index: number) => Error | undefined): Far {
  const counts = { reads: 0, open: 0, most: 0, aborted: 0 };
  const open = (index: number): ByteSource => ({
    path: near.records[index]!.fileName,
    size: async () => pictures[index]!.length,
    async read(_range, signal) {
      counts.reads++;
      counts.most = Math.max(counts.most, ++counts.open);
      try {
        await setTimeout(ms(index), undefined, { signal });
        const failure = fail?.(index);
        if (failure) throw failure;
        return pictures[index]!.slice();
      } catch (error) {
        if (signal?.aborted) counts.aborted++;
        throw error;
      } finally {
        counts.open--;
      }
    },
  });
  return { dataset: { ...near, open: (record) => open(near.records.indexOf(record)) }, counts };
}

/** Ten pictures a shard, with a gap between them; one request a range. */
function inShards(extra: Partial<Far['counts']> = {}): Far & { readonly ranges: string[] } {
  const gap = 100;
  const ranges: string[] = [];
  const starts = pictures.map((_, i) =>
    pictures.slice(Math.floor(i / 10) * 10, i).reduce((sum, { length }) => sum + length + gap, 0),
  );
  const shard = (number: number): Uint8Array => {
    const whole = new Uint8Array(100_000);
    pictures.forEach((picture, i) => {
      if (Math.floor(i / 10) === number) whole.set(picture, starts[i]);
    });
    return whole;
  };
  const shards = Array.from({ length: 6 }, (_, number) => shard(number));
  const locate: NonNullable<Dataset['locate']> = (record) => {
    const i = near.records.indexOf(record);
    return { file: `${Math.floor(i / 10)}.tar`, start: starts[i]!, end: starts[i]! + pictures[i]!.length };
  };
  const openFile = (path: string): ByteSource => ({
    path,
    size: async () => 100_000,
    async read(range) {
      const { start, end } = range!;
      ranges.push(`${path} ${start}-${end}`);
      return shards[Number.parseInt(path, 10)]!.slice(start, end);
    },
  });
  const open: Dataset['open'] = (record) => {
    const { file, start, end } = locate(record)!;
    return { ...openFile(file), read: (_, signal) => openFile(file).read({ start, end }, signal) };
  };
  return {
    dataset: { ...near, open, openFile, locate },
    counts: { reads: 0, open: 0, most: 0, aborted: 0, ...extra },
    ranges,
  };
}

test('whatever comes first: the batches are those of local files, and a cursor continues exactly', async () => {
  for (const sampler of ['shuffle', 'weighted', 'sequential'] as const) {
    const local = await collect(new Loader(await options({ dataset: near, sampler, augmentations })), 1);
    const { dataset } = far((index) => (index * 7) % 23);
    const loader = new Loader(await options({ dataset, sampler, augmentations }));
    expect(await collect(loader, 1)).toEqual(local);
    expect(await collect(loader, 1, 3)).toEqual(local.slice(3));
  }
});

test('reads in parallel, each picture once', async () => {
  const { dataset, counts } = far(() => 20);
  const loader = new Loader(await options({ dataset, sampler: 'shuffle' }));
  await collect(loader);
  expect(counts.reads).toBe(60);
  expect(counts.most).toBeGreaterThanOrEqual(8);
  expect(loader.statistics).toMatchObject({ reads: 60, mostReads: counts.most });
  expect(loader.statistics.readBytes).toBe(pictures.reduce((sum, { length }) => sum + length, 0));
});

test('memory is bounded, and a limit that is too small makes it slow only', async () => {
  const largest = Math.max(...pictures.map(({ length }) => length));
  for (const readAheadBytes of [0, 3 * largest]) {
    const { dataset, counts } = far(() => 1);
    const loader = new Loader(await options({ dataset, batchSize: 2, prefetch: 1, readAheadBytes }));
    const epoch = loader.epoch(0);
    await epoch.next();
    await setTimeout(50);
    // One batch was handed out, one is ready, and what the memory allows waits.
    expect(counts.reads).toBeLessThanOrEqual(
      4 + readAheadBytes / Math.min(...pictures.map(({ length }) => length)),
    );
    expect(counts.reads).toBeLessThan(20);
    for await (const _ of epoch);
    expect(counts.reads).toBe(60);
  }
});

test('one bad object is set aside, and the training batch has another in its place', async () => {
  const denied = new RemoteError({ code: 'access_denied', expected: 'a', received: '403', fix: 'c' });
  const gone = new DataError({ code: 'file_missing', expected: 'a', received: '404', fix: 'c' });
  const { dataset } = far(
    () => 1,
    (index) => (index === 7 ? denied : index === 21 ? gone : undefined),
  );
  const loader = new Loader(await options({ dataset, sampler: 'shuffle' }));
  const batches = await collect(loader);
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(60);
  expect(loader.setAside.map(({ code }) => code).sort()).toEqual(['access_denied', 'file_missing']);
  // In the second epoch nobody asks for them.
  expect((await collect(loader, 1)).flatMap(({ indices }) => indices)).not.toContain(7);
  await expect(collect(new Loader(await options({ dataset, maxBadFraction: 0.01 })))).rejects.toThrow();
});

test('a place that is out of reach ends the run as such', async () => {
  let after = 20;
  const down = new RemoteError({ code: 'remote_unreachable', expected: 'a', received: 'b', fix: 'c' });
  const { dataset } = far(
    () => 1,
    () => (after-- > 0 ? undefined : down),
  );
  const loader = new Loader(await options({ dataset, sampler: 'shuffle', maxBadFraction: 1 }));
  await expect(collect(loader)).rejects.toBe(down);
});

test('who is refused altogether is told so at once, however few pictures there are', async () => {
  const ended = new RemoteError({
    code: 'access_expired',
    expected: 'a',
    received: '403',
    fix: 'c',
    signInRefused: true,
  });
  for (const sampler of ['shuffle', 'sequential'] as const) {
    const { dataset, counts } = far(
      () => 1,
      (index) => (index % 20 === 7 ? ended : undefined),
    );
    const loader = new Loader(await options({ dataset, sampler, maxBadFraction: 1 }));
    await expect(collect(loader)).rejects.toBe(ended);
    expect(counts.open).toBe(0);
    expect(loader.setAside).toEqual([]);
  }
  // Too few for eight in a row: what is said is still why they did not come.
  const denied = new RemoteError({ code: 'access_denied', expected: 'a', received: '403', fix: 'c' });
  const { dataset } = far(
    () => 1,
    (index) => (index % 10 === 3 ? denied : undefined),
  );
  await expect(collect(new Loader(await options({ dataset })))).rejects.toBe(denied);
});

test('breaking off ends what is on its way', async () => {
  const { dataset, counts } = far((index) => (index < 8 ? 1 : 10_000));
  const loader = new Loader(await options({ dataset }));
  for await (const _ of loader.epoch(0)) break;
  expect(counts.open).toBe(0);
  expect(counts.aborted).toBeGreaterThan(0);
});

test('shards: a request brings neighbours, the batches are those of files', async () => {
  const { dataset, ranges } = inShards();
  const local = await collect(
    new Loader(await options({ dataset: near, sampler: 'shuffle', augmentations })),
  );
  const loader = new Loader(await options({ dataset, sampler: 'shuffle', augmentations }));
  expect(await collect(loader)).toEqual(local);
  expect(ranges).toHaveLength(6);
  ranges.length = 0;
  expect(await collect(loader, 0, 5)).toEqual(local.slice(5));
  expect(ranges.length).toBeLessThanOrEqual(6);
});

test('shards: a bad spot costs its own picture only', async () => {
  const { dataset } = inShards();
  const bad = dataset.locate!(near.records[33]!)!;
  const open = (source: ByteSource, at?: { start: number; end: number }): ByteSource => ({
    ...source,
    read: async (range, signal) => {
      const { start, end } = at ?? range!;
      if (start <= bad.start && end >= bad.end && source.path.startsWith(bad.file)) {
        throw new DataError({ code: 'file_truncated', expected: 'a', received: 'b', fix: 'c' });
      }
      return source.read(range, signal);
    },
  });
  const spoiled: Dataset = {
    ...dataset,
    openFile: (path) => open(dataset.openFile!(path)),
    open: (record) => open(dataset.open(record), dataset.locate!(record)),
  };
  const loader = new Loader(await options({ dataset: spoiled }));
  const batches = await collect(loader);
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(59);
  expect(loader.setAside.map(({ imageId }) => imageId)).toEqual([near.records[33]!.id]);
});

/** Large pictures that are never read. */
const sizes = (count: number, bytes: number): Pick<Dataset, 'records' | 'locate'> => {
  const records = Array.from({ length: count }, (_, id) => ({ ...near.records[0]!, id }));
  const locate = ({ id }: { readonly id: number | string }) => {
    const [shard, place] = [Math.floor(Number(id) / 200), Number(id) % 200];
    return { file: `${shard}.tar`, start: place * (bytes + 1024), end: place * (bytes + 1024) + bytes };
  };
  return { records, locate };
};

test('the order over shards: every picture once, another each epoch, near each other in time as in place', () => {
  const dataset = sizes(4000, 100_000);
  const shuffle = localShuffle(dataset, 3)!;
  const { order, ends } = shuffle.epoch(2);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 4000 }, (_, i) => i));
  expect(shuffle.epoch(2)).toEqual({ order, ends });
  expect(shuffle.epoch(3).order).not.toEqual(order);
  expect(ends.at(-1)).toBe(4000);
  // Neighbours in the order come from all over: most pairs from different shards.
  const pairs = order.filter(
    (index, i) => i > 0 && Math.floor(index / 200) !== Math.floor(order[i - 1]! / 200),
  );
  expect(pairs.length).toBeGreaterThan(0.7 * 4000);
  const draws = Array.from(order, (index, place) => ({ index, place }));
  const windowOf = (place: number): number => ends.findIndex((end) => place < end);
  const reads = planReads(draws, dataset, windowOf);
  expect(reads.flatMap((read) => read.draws)).toHaveLength(4000);
  // A request brings some 20 pictures of 100 kB.
  expect(reads.length).toBeLessThan(220);
  expect(localShuffle(sizes(600, 100_000), 3)).toBeUndefined();
});

test('bytes on their way and waiting stay below the limit', async () => {
  const dataset = sizes(1000, 100_000);
  const draws = dataset.records.map((_, index) => ({ index, place: index }));
  const memory = 24e6;
  const reads = new ReadAhead({
    dataset: {
      ...dataset,
      open: () => {
        throw new Error('not one by one');
      },
      openFile: (path) => ({
        path,
        size: async () => 0,
        read: async (range) => new Uint8Array(range!.end - range!.start),
      }),
    },
    reads: planReads(draws, dataset),
    signal: new AbortController().signal,
    memory,
  });
  for (const { place } of draws) expect(await reads.take(place)).toHaveLength(100_000);
  expect(reads.statistics.mostBytes).toBeLessThan(memory);
  expect(reads.statistics.mostBytes).toBeGreaterThan(memory / 2);
});

/** A network with this latency and width, and the limit that is found for it. */
function settle(latency: number, bytesPerMs: number): number {
  const bytes = 100_000;
  const concurrency = new Concurrency();
  let now = 0;
  const ends: number[] = [];
  const seen: number[] = [];
  for (let i = 0; i < 6000; i++) {
    while (ends.length < concurrency.limit) {
      // The link is shared: it takes as long as all that are on their way need together.
      ends.push(now + Math.max(latency, ((ends.length + 1) * bytes) / bytesPerMs));
    }
    ends.sort((a, b) => a - b);
    now = Math.max(now, ends.shift()!);
    concurrency.add(bytes, now);
    if (i > 3000) seen.push(concurrency.limit);
  }
  return seen.sort((a, b) => a - b)[seen.length >> 1]!;
}

test('as many reads at a time as latency and bandwidth reward', () => {
  // Wide and far: the more the better. Narrow: 5 MB/s are full with a few.
  expect(settle(200, 100_000)).toBe(64);
  expect(settle(50, 20_000)).toBeGreaterThanOrEqual(9);
  expect(settle(50, 20_000)).toBeLessThanOrEqual(24);
  expect(settle(50, 5000)).toBeLessThanOrEqual(16);
});
