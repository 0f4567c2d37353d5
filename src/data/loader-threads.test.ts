/** Threads give the same batches, go on while this one is busy, and survive broken pictures. */
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useWorkersFolder } from '#platform';
import { type Batch, type DataSettings, Loader, openDataset } from './index.ts';
import { augmentations, broken, collect, detr, openShapes, options, withBytes } from './loader.test-data.ts';
import { generateSampleDataset } from './sample/generate.ts';

let workers: string;
beforeAll(async () => {
  workers = resolve('.cache/test-workers', String(process.pid));
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir: workers,
      rollupOptions: { input: { 'samples.worker': 'workers/samples.worker.ts' } },
    },
  });
});
afterAll(async () => {
  useWorkersFolder(undefined);
  await rm(workers, { recursive: true, force: true });
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
  useWorkersFolder(pathToFileURL(`${workers}/`).href);
  for (const threads of [1, 4]) {
    const loader = new Loader({ ...base, threads });
    try {
      expect(loader.threads).toBe(threads);
      expect(await collect(loader)).toEqual(inline);
      // A second epoch in the same threads.
      expect(await collect(loader, 0, 2)).toEqual(inline.slice(2));
    } finally {
      await loader.dispose();
    }
  }
});

test('threads read local files by themselves, and bytes that only this thread can read are handed over', async () => {
  useWorkersFolder(pathToFileURL(`${workers}/`).href);
  const root = await mkdtemp(join(tmpdir(), 'ocelli-loader-'));
  try {
    const { paths } = await generateSampleDataset({ out: root, images: { train: 40, val: 1 }, size: 32 });
    await writeFile(join(root, 'train/000003.png'), 'no picture');
    await unlink(join(root, 'train/000009.png'));
    const dataset = await openDataset(paths as unknown as DataSettings, 'train', { task: 'classification' });
    expect(dataset.open(dataset.records[0]!).elsewhere).toBeDefined();
    const collected: [Batch[], string[]][] = [];
    for (const [data, threads] of [
      [dataset, 0],
      [dataset, 2],
      [withBytes(dataset, () => undefined), 2],
    ] as const) {
      const loader = new Loader(await options({ dataset: data, threads }));
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
  useWorkersFolder(pathToFileURL(`${workers}/`).href);
  const loader = new Loader(await options({ dataset: await openShapes(64), threads: 1 }));
  try {
    const epoch = loader.epoch(0);
    await epoch.next();
    const end = performance.now() + 1500;
    // No turn of the event loop in here.
    while (performance.now() < end);
    for (let i = 0; i < 2; i++) await epoch.next();
    expect(loader.statistics.waitMs).toBeLessThan(100);
    await epoch.return();
  } finally {
    await loader.dispose();
  }
});

test('a broken picture in a thread is set aside, and the thread goes on', async () => {
  useWorkersFolder(pathToFileURL(`${workers}/`).href);
  const dataset = withBytes(await openShapes(50), broken(4));
  const loader = new Loader(await options({ dataset, threads: 2 }));
  try {
    expect((await collect(loader)).reduce((sum, { count }) => sum + count, 0)).toBe(49);
    expect(loader.setAside.map(({ imageId }) => imageId)).toEqual([5]);
  } finally {
    await loader.dispose();
  }
});
