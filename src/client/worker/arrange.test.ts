/** Folders as people have them, and what a recipe makes of them: the arranged data opens. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeImage, files } from '#platform';
import { convertDataset, generateSampleDataset, openSplits } from '../../data/index.ts';
import type { DataArrangement } from '../protocol.ts';
import { arrangeData, arrangeListing } from './arrange.ts';

let folder: string;
let splits: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-arrange-'));
  splits = join(folder, 'splits');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const picture = (): Promise<Uint8Array> =>
  encodeImage({ height: 8, width: 8, data: new Uint8Array(192).fill(90) }, 'png');

async function open({ data, task }: DataArrangement) {
  const settings = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
  return openSplits({ format: 'auto', ...settings } as never, { task, seed: 1 });
}

test('one folder per class is split by class, always alike', async () => {
  for (let i = 0; i < 20; i++) {
    await files.write(`${folder}/set/in/${i % 2 === 0 ? 'cat' : 'dog'}/${i}.png`, await picture());
  }
  await files.write(`${folder}/set/in/cat/broken.png`, new Uint8Array([1, 2]));
  const arranged = await arrangeData(`${folder}/set`, splits);
  expect(arranged).toMatchObject({
    task: 'classification',
    split: true,
    data: { train_data_path: `${folder}/set/in` },
  });
  expect(arranged.setAside.map(({ fileName }) => fileName)).toEqual(['cat/broken.png']);
  const { train, val } = await open(arranged);
  expect([train.records.length, val.records.length]).toEqual([16, 4]);
  expect(train.classes.names).toEqual(['cat', 'dog']);
  expect(val.records.map(({ labels }) => labels[0]).sort()).toEqual([0, 0, 1, 1]);
  const first = await readFile(String(arranged.data.val_annotation_file), 'utf8');
  const again = await arrangeData(`${folder}/set`, splits);
  expect(await readFile(String(again.data.val_annotation_file), 'utf8')).toBe(first);
});

test.each(['coco', 'folder'] as const)('train and val folders of %s are found', async (layout) => {
  await generateSampleDataset({
    out: `${folder}/set`,
    layout,
    images: { train: 6, val: 4, test: 2 },
    size: 16,
    classes: 2,
    objects: layout === 'coco' ? 2 : 1,
  });
  const arranged = await arrangeData(`${folder}/set`, splits);
  expect(arranged).toMatchObject({
    task: layout === 'coco' ? 'detection' : 'classification',
    split: false,
    data: { train_data_path: `${folder}/set/train`, test_data_path: `${folder}/set/test` },
  });
  const { train, val, test: last } = await open(arranged);
  expect([train, val, last!].map(({ records }) => records.length)).toEqual([6, 4, 2]);
});

test("COCO's own layout: annotations named after their splits", async () => {
  for (const split of ['train', 'val']) {
    for (const name of ['a', 'b'])
      await files.write(`${folder}/set/${split}2017/x/${name}.png`, await picture());
    await convertDataset({
      from: `${folder}/set/${split}2017`,
      out: `${folder}/set/annotations/instances_${split}2017.json`,
    });
    await files.write(`${folder}/set/annotations/captions_${split}2017.json`, '{}');
  }
  const arranged = await arrangeData(`${folder}/set`, splits);
  expect(arranged.data).toMatchObject({
    train_data_path: `${folder}/set/train2017`,
    train_annotation_file: `${folder}/set/annotations/instances_train2017.json`,
    val_annotation_file: `${folder}/set/annotations/instances_val2017.json`,
  });
  expect((await open(arranged)).val.records).toHaveLength(2);
});

test('YOLO with and without splits', async () => {
  for (const [i, split] of ['train', 'train', 'valid', 'valid'].entries()) {
    await files.write(`${folder}/with/${split}/images/${i}.png`, await picture());
    await files.write(`${folder}/with/${split}/labels/${i}.txt`, '0 0.5 0.5 0.5 0.5\n');
    await files.write(`${folder}/without/images/${i}.png`, await picture());
    await files.write(`${folder}/without/labels/${i}.txt`, '0 0.5 0.5 0.5 0.5\n');
  }
  for (const name of ['with', 'without']) await files.write(`${folder}/${name}/data.yaml`, 'names: [cell]\n');
  for (const [name, split] of [
    ['with', false],
    ['without', true],
  ] as const) {
    const arranged = await arrangeData(`${folder}/${name}`, splits);
    expect(arranged).toMatchObject({ task: 'detection', split });
    const { train, val } = await open(arranged);
    expect(train.records.length + val.records.length).toBe(4);
    expect(val.records[0]?.annotations).toHaveLength(1);
  }
});

test('says what is missing', async () => {
  await files.write(`${folder}/bare/a.png`, await picture());
  await expect(arrangeData(`${folder}/bare`, splits)).rejects.toMatchObject({ code: 'annotations_missing' });
  await files.write(`${folder}/text/a.txt`, 'a');
  await expect(arrangeData(`${folder}/text`, splits)).rejects.toMatchObject({ code: 'pictures_missing' });
});

test('a listing of a volume', () => {
  const names = ['train/a/1.png', 'train/b/2.png', 'val/a/3.png'];
  expect(arrangeListing('/Volumes/c/s/v/', names)).toMatchObject({
    task: 'classification',
    data: { train_data_path: '/Volumes/c/s/v/train', val_data_path: '/Volumes/c/s/v/val' },
  });
  expect(() => arrangeListing('/Volumes/c/s/v', ['1.png'])).toThrow('folders for training and validation');
});
