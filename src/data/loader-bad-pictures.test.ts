/** What happens to pictures that can't be used, or are not as they were annotated. */
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type DataSettings, Loader, openDataset, type SetAside } from './index.ts';
import { augmentations, broken, collect, detr, openShapes, options, withBytes } from './loader.test-data.ts';
import { generateSampleDataset } from './sample/generate.ts';

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
