/** Batches: shapes, order, cursor, threads, and what happens to pictures that can't be used. */
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useWorkersFolder } from '#platform';
import type { Augmentation } from './augment/index.ts';
import {
  type Batch,
  type DataSettings,
  type Dataset,
  Loader,
  type LoaderOptions,
  openDataset,
  type SetAside,
} from './index.ts';
import { generateSampleDataset } from './sample/generate.ts';

const vit = { image_processor_type: 'ViTImageProcessor', size: { height: 32, width: 32 } };
const detr = { image_processor_type: 'DetrImageProcessor', size: { shortest_edge: 48, longest_edge: 96 } };
const augmentations: Augmentation[] = [
  { type: 'horizontal_flip', p: 0.5 },
  { type: 'rotation', degrees: 15, p: 0.5 },
  { type: 'color_jitter', brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1, p: 0.5 },
];

const shapes = (images: number): DataSettings => ({
  train_data_path: `sample:shapes?images=${images}&seed=1&size=48`,
  val_data_path: 'sample:shapes?images=10&seed=2&size=48',
});
const openShapes = (images: number, task: 'classification' | 'detection' = 'classification') =>
  openDataset(shapes(images), 'train', { task });

async function options(extra: Partial<LoaderOptions> = {}): Promise<LoaderOptions> {
  const dataset = extra.dataset ?? (await openShapes(50));
  return { dataset, task: 'classification', processorConfig: vit, batchSize: 8, seed: 5, ...extra };
}

async function collect(loader: Loader, epoch = 0, cursor = 0): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(epoch, cursor)) batches.push(batch);
  return batches;
}

/** A data set whose bytes come from `read`. */
const withBytes = (dataset: Dataset, read: (index: number) => Promise<Uint8Array> | undefined): Dataset => ({
  ...dataset,
  open: (record) => {
    const source = dataset.open(record);
    const index = dataset.records.indexOf(record);
    const changed = (range?: { start: number; end: number }, signal?: AbortSignal) =>
      read(index) ?? source.read(range, signal);
    return { ...source, elsewhere: undefined, read: changed };
  },
});
const broken =
  (...indices: number[]) =>
  (index: number): Promise<Uint8Array> | undefined =>
    indices.includes(index) ? Promise.resolve(new TextEncoder().encode('no picture')) : undefined;

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

test('every image once, in fixed shapes, the last batch filled up', async () => {
  const loader = new Loader(await options());
  const batches = await collect(loader);
  expect(loader.batchesPerEpoch).toBe(7);
  expect(batches.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(batches.map(({ count }) => count)).toEqual([8, 8, 8, 8, 8, 8, 2]);
  for (const { shape, pixelValues, pixelMask, samples, indices } of batches) {
    expect(shape).toEqual([8, 3, 32, 32]);
    expect(pixelValues).toHaveLength(8 * 3 * 32 * 32);
    expect(pixelMask.every((value) => value === 1)).toBe(true);
    expect([samples.length, indices.length]).toEqual([8, 8]);
  }
  const order = batches.flatMap(({ indices, count }) => indices.slice(0, count));
  expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  const last = batches.at(-1)!;
  expect(last.indices).toEqual([48, 49, 48, 49, 48, 49, 48, 49]);
  expect(last.pixelValues.subarray(0, 3072)).toEqual(last.pixelValues.subarray(2 * 3072, 3 * 3072));
});

test('shuffled by seed and epoch; a cursor continues exactly', async () => {
  const shuffled = await options({ sampler: 'shuffle', augmentations });
  const first = await collect(new Loader(shuffled), 1);
  expect(first.flatMap(({ indices, count }) => indices.slice(0, count)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
  expect(await collect(new Loader(shuffled), 1)).toEqual(first);
  expect(await collect(new Loader(shuffled), 1, 3)).toEqual(first.slice(3));
  const other = await collect(new Loader(shuffled), 2);
  expect(other[0]!.indices).not.toEqual(first[0]!.indices);
  const seeded = await collect(new Loader({ ...shuffled, seed: 6 }), 1);
  expect(seeded[0]!.indices).not.toEqual(first[0]!.indices);
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

test('detection: boxes in pixels of the resized image, masks for the padding', async () => {
  const dataset = await openDataset(
    {
      train_data_path: '../shared/data/coco_permissive53/train2017',
      val_data_path: '',
    },
    'train',
    { task: 'detection' },
  );
  const loader = new Loader({
    dataset,
    task: 'detection',
    processorConfig: detr,
    batchSize: 4,
    sampler: 'shuffle',
  });
  const batches = await collect(loader);
  const seen = new Set<string>();
  for (const { shape, pixelMask, samples, count } of batches) {
    const [, , height, width] = shape;
    seen.add(`${height}x${width}`);
    expect(loader.shapes).toContainEqual({ height, width });
    for (const [row, { size, boxes, boxLabels, originalSize, index }] of samples.entries()) {
      const mask = pixelMask.subarray(row * height * width, (row + 1) * height * width);
      expect(mask.reduce((sum, value) => sum + value, 0)).toBe(size.height * size.width);
      expect(mask[0]).toBe(1);
      expect(originalSize).toEqual({
        height: dataset.records[index]!.height,
        width: dataset.records[index]!.width,
      });
      const objects = dataset.records[index]!.annotations.filter(({ iscrowd }) => !iscrowd);
      expect(boxes).toHaveLength(objects.length);
      for (const [i, [x0, y0, x1, y1]] of boxes.entries()) {
        const scale = size.width / originalSize.width;
        const [x, , w] = objects[i]!.bbox;
        expect(Math.abs(x0 - x * scale)).toBeLessThan(1e-3);
        expect(Math.abs(x1 - (x + w) * scale)).toBeLessThan(1e-3);
        expect(y1).toBeGreaterThan(y0);
        expect(dataset.classes.categoryOf(boxLabels[i]!)?.id).toBe(objects[i]!.categoryId);
      }
    }
    expect(count).toBeGreaterThan(0);
  }
  expect(seen.size).toBeGreaterThan(1);
  expect(seen.size).toBeLessThanOrEqual(loader.shapes.length);
  expect(loader.shapes.length).toBeLessThan(10);
});

test('evaluation leaves broken and missing pictures out and says so once', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ocelli-loader-'));
  try {
    const { paths } = await generateSampleDataset({ out: root, images: { train: 40, val: 1 }, size: 32 });
    await writeFile(join(root, 'train/000003.png'), 'no picture');
    await unlink(join(root, 'train/000009.png'));
    const dataset = await openDataset(paths as unknown as DataSettings, 'train', { task: 'classification' });
    const told: SetAside[] = [];
    const loader = new Loader(await options({ dataset, onSetAside: (image) => told.push(image) }));
    const batches = await collect(loader);
    await collect(loader, 1);
    expect(batches.map(({ count }) => count)).toEqual([7, 7, 8, 8, 8]);
    expect(told.map(({ fileName, code }) => [fileName, code])).toEqual([
      ['000003.png', 'image_unreadable'],
      ['000009.png', 'file_missing'],
    ]);
    expect(loader.setAside).toEqual(told);
    const strict = new Loader(await options({ dataset, maxBadFraction: 0.04 }));
    const error = await collect(strict).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'too_many_bad_images', exitCode: 3 });
    expect((error as Error).message).toMatch(/000009\.png/);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('training takes another image in the place of a broken one, the same after a resume', async () => {
  const dataset = withBytes(await openShapes(40), broken(7, 8));
  const shuffled = await options({ dataset, sampler: 'shuffle', augmentations });
  const batches = await collect(new Loader(shuffled), 3);
  expect(batches.map(({ count }) => count)).toEqual([8, 8, 8, 8, 8]);
  expect(batches.flatMap(({ indices }) => indices)).not.toContain(7);
  const loader = new Loader(shuffled);
  await collect(loader, 2);
  expect(await collect(loader, 3, 2)).toEqual(batches.slice(2));
});

test('all pictures broken ends with an error, not with silence', async () => {
  const dataset = withBytes(await openShapes(20), () => Promise.resolve(new Uint8Array(3)));
  for (const sampler of ['sequential', 'shuffle'] as const) {
    const loader = new Loader(await options({ dataset, sampler }));
    await expect(collect(loader)).rejects.toMatchObject({ code: 'too_many_bad_images' });
  }
});

test('a picture of another size than annotated is set aside where boxes are needed', async () => {
  const dataset = await openShapes(4, 'detection');
  const records = dataset.records.map((record, i) => (i === 1 ? { ...record, width: 50 } : record));
  const loader = new Loader(
    await options({
      dataset: { ...dataset, records },
      task: 'detection',
      processorConfig: detr,
      maxBadFraction: 1,
    }),
  );
  await collect(loader);
  expect(loader.setAside).toMatchObject([{ imageId: 2, code: 'size_differs' }]);
});

test('a turned picture stays as it was annotated: upright, or as it is stored', async () => {
  const stored = { width: 48, height: 32 };
  const jpeg = await sharp(new Uint8Array(48 * 32 * 3), { raw: { ...stored, channels: 3 } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const dataset = withBytes(await openShapes(2, 'detection'), async () => new Uint8Array(jpeg));
  for (const size of [stored, { width: 32, height: 48 }]) {
    const records = dataset.records.map((record) => ({ ...record, ...size }));
    const loader = new Loader(
      await options({
        dataset: { ...dataset, records, open: () => dataset.open(dataset.records[0]!) },
        task: 'detection',
        processorConfig: detr,
      }),
    );
    const [batch] = await collect(loader);
    expect(batch!.samples[0]!.originalSize).toEqual(size);
  }
});

test('an error that is not about one picture passes through', async () => {
  const dataset = withBytes(await openShapes(20), (i) =>
    i === 9 ? Promise.reject(new Error('server')) : undefined,
  );
  await expect(collect(new Loader(await options({ dataset })))).rejects.toThrow('server');
});

test('batches keep their pixels while later ones are prepared', async () => {
  const dataset = withBytes(await openShapes(60), broken(9));
  for (const [processorConfig, task] of [
    [vit, 'classification'],
    [detr, 'detection'],
  ] as const) {
    const loader = new Loader(await options({ dataset, processorConfig, task }));
    const copies: Float32Array[] = [];
    const batches: Batch[] = [];
    for await (const batch of loader.epoch(0)) {
      batches.push(batch);
      copies.push(batch.pixelValues.slice());
      // Every row is the picture that it says it is.
      const single = new Loader(
        await options({ dataset, processorConfig, task, batchSize: 1, maxBadFraction: 1 }),
      );
      const row = batch.pixelValues.length / 8;
      for (const i of [0, batch.count - 1]) {
        const index = batch.indices[i]!;
        for await (const alone of single.epoch(0, index)) {
          expect(alone.indices).toEqual([index]);
          expect(alone.pixelValues).toEqual(batch.pixelValues.subarray(i * row, (i + 1) * row));
          break;
        }
      }
    }
    expect(batches.map(({ pixelValues }) => pixelValues)).toEqual(copies);
    expect(batches.map(({ count }) => count)).toEqual([8, 7, 8, 8, 8, 8, 8, 4]);
  }
});

test('reads ahead, but only so far', async () => {
  let reads = 0;
  const dataset = withBytes(await openShapes(80), () => {
    reads++;
    return undefined;
  });
  const loader = new Loader(await options({ dataset, prefetch: 2 }));
  const epoch = loader.epoch(0);
  await epoch.next();
  await new Promise((done) => setTimeout(done, 300));
  expect(reads).toBeGreaterThanOrEqual(16);
  expect(reads).toBeLessThanOrEqual(24);
  const before = loader.statistics.waits;
  await epoch.next();
  expect(loader.statistics.waits).toBe(before);
  await epoch.return();
  const after = reads;
  await new Promise((done) => setTimeout(done, 100));
  expect(reads).toBe(after);
});

test('an abort ends the epoch with its reason', async () => {
  const stop = new AbortController();
  const loader = new Loader(await options({ signal: stop.signal }));
  const work = (async () => {
    for await (const { position } of loader.epoch(0)) if (position === 1) stop.abort(new Error('enough'));
  })();
  await expect(work).rejects.toThrow('enough');
  await expect(collect(loader)).rejects.toThrow('enough');
});

test('weighted draws rare classes as often as common ones', async () => {
  const dataset = await openShapes(400);
  // 90 % of one class.
  const records = dataset.records.filter(({ labels }, i) => labels[0] === 0 || i % 36 < 4);
  const loader = new Loader(
    await options({ dataset: { ...dataset, records }, sampler: 'weighted', batchSize: 16 }),
  );
  const counts = [0, 0, 0, 0];
  for (let epoch = 0; epoch < 3; epoch++) {
    for (const { samples, count } of await collect(loader, epoch)) {
      for (const { labels } of samples.slice(0, count)) counts[labels[0]!]!++;
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const count of counts) expect(count / total).toBeGreaterThan(0.17);
});
