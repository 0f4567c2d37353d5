/** Threads give the same batches, go on while this one is busy, and survive broken pictures. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BuiltThreads, buildThreads } from '../../tests/support/threads.ts';
import { type Batch, type DataSettings, Loader, openDataset } from './index.ts';
import { augmentations, broken, collect, detr, openShapes, options, withBytes } from './loader.test-data.ts';
import { generateSampleDataset } from './sample/generate.ts';

let folder: string;
let threads: BuiltThreads;
/** The same, with a mark in a file for each sample that is ready. */
let marking: BuiltThreads;
const marks = (): number => readFileSync(join(folder, 'marks')).length;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-threads-'));
  await writeFile(join(folder, 'marks'), '');
  threads = await buildThreads({ samples: true });
  marking = await buildThreads({
    samples: `
      import { appendFileSync } from 'node:fs';
      import { serveThread } from '#platform';
      import { createSamplesService } from './src/data/index.ts';
      const service = createSamplesService();
      serveThread(async (question) => {
        const answer = await service(question);
        if ('request' in question) appendFileSync(${JSON.stringify(join(folder, 'marks'))}, '.');
        return answer;
      });`,
  });
}, 120_000);
afterAll(async () => {
  await threads?.dispose();
  await marking?.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('0, 1 and 4 threads give the same batches', async () => {
  const dataset = await openShapes(30, 'detection');
  const base = await options({
    dataset,
    task: 'detection',
    processorConfig: detr,
    sampler: 'shuffle',
    augmentations,
  });
  const inline = await collect(new Loader(base));
  expect(inline.flatMap(({ samples }) => samples.flatMap(({ boxes }) => boxes)).length).toBeGreaterThan(30);
  threads.use();
  for (const count of [1, 4]) {
    const loader = new Loader({ ...base, threads: count });
    try {
      expect(loader.threads).toBe(count);
      expect(await collect(loader)).toEqual(inline);
      // A second epoch in the same threads.
      expect(await collect(loader, 0, 2)).toEqual(inline.slice(2));
    } finally {
      await loader.dispose();
    }
  }
});

test('threads read local files by themselves, and bytes that only this thread can read are handed over', async () => {
  threads.use();
  const root = await mkdtemp(join(tmpdir(), 'ocelli-loader-'));
  try {
    const { paths } = await generateSampleDataset({ out: root, images: { train: 40, val: 1 }, size: 32 });
    await writeFile(join(root, 'train/000003.png'), 'no picture');
    await unlink(join(root, 'train/000009.png'));
    const dataset = await openDataset(paths as unknown as DataSettings, 'train', { task: 'classification' });
    expect(dataset.open(dataset.records[0]!).elsewhere).toBeDefined();
    const collected: [Batch[], string[]][] = [];
    for (const [data, count] of [
      [dataset, 0],
      [dataset, 2],
      [withBytes(dataset, () => undefined), 2],
    ] as const) {
      const loader = new Loader(await options({ dataset: data, threads: count }));
      try {
        collected.push([await collect(loader), loader.setAside.map(({ code }) => code)]);
      } finally {
        await loader.dispose();
      }
    }
    expect(collected[0]![1]).toEqual(['image_unreadable', 'file_missing']);
    expect(collected[1]).toEqual(collected[0]);
    expect(collected[2]).toEqual(collected[0]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('threads go on while this one is busy', async () => {
  marking.use();
  const loader = new Loader(await options({ dataset: await openShapes(64), threads: 1 }));
  try {
    const epoch = loader.epoch(0);
    await epoch.next();
    // No turn of the event loop in here: the thread hears nothing of us until the two batches after that one are ready.
    const patience = Date.now() + 45_000;
    const cell = new Int32Array(new SharedArrayBuffer(4));
    while (marks() < 3 * 8 && Date.now() < patience) Atomics.wait(cell, 0, 0, 10);
    expect(marks()).toBe(3 * 8);
    for (let i = 0; i < 2; i++) expect((await epoch.next()).value?.count).toBe(8);
    await epoch.return();
  } finally {
    await loader.dispose();
  }
});

test('a broken picture in a thread is set aside, and the thread goes on', async () => {
  threads.use();
  const dataset = withBytes(await openShapes(50), broken(4));
  const loader = new Loader(await options({ dataset, threads: 2 }));
  try {
    expect((await collect(loader)).reduce((sum, { count }) => sum + count, 0)).toBe(49);
    expect(loader.setAside.map(({ imageId }) => imageId)).toEqual([5]);
  } finally {
    await loader.dispose();
  }
});
