/** Batches: shapes, order, cursor, what is read ahead. */
import { expect, test, vi } from 'vitest';
import { type Batch, Loader, openDataset } from './index.ts';
import {
  augmentations,
  broken,
  collect,
  detr,
  openShapes,
  options,
  vit,
  withBytes,
} from './loader.test-data.ts';

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
  const loader = new Loader(await options({ dataset, prefetch: 2, readAheadBytes: 0 }));
  const epoch = loader.epoch(0);
  await epoch.next();
  // Two batches after the first: pictures are prepared in their order, so that the second one is ready by then.
  await vi.waitFor(() => expect(reads).toBe(24), { timeout: 30_000 });
  await new Promise((done) => setTimeout(done, 100));
  expect(reads).toBe(24);
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
