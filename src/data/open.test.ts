/** Data sets from folders: what is read, and what is refused with which words. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ClassMap } from '../core/index.ts';
import { openDataset, openSplits } from './index.ts';
import {
  box,
  categories,
  classification,
  detection,
  images,
  picture,
  put,
  putSplit,
  root,
  settings,
  useFolder,
} from './open.test-data.ts';

useFolder();

test('COCO: classes by ascending id, images without objects kept', async () => {
  await putSplit('train');
  const { records, classes, format, name, open } = await openDataset(settings(), 'train', detection);
  expect([format, name]).toEqual(['coco', 'train']);
  expect(classes.names).toEqual(['cat', 'dog']);
  expect(records).toHaveLength(2);
  expect(records[1]).toMatchObject({ id: 12, fileName: 'b.png', annotations: [] });
  expect(records[0]!.annotations[0]).toEqual({
    id: 1,
    categoryId: 7,
    bbox: [1, 2, 3, 4],
    area: 12,
    iscrowd: false,
  });
  expect((await open(records[0]!).read()).length).toBeGreaterThan(50);
});

test('other splits are mapped onto the training classes by name', async () => {
  await putSplit('train');
  await putSplit('val', {
    images,
    categories: [
      { id: 1, name: 'dog' },
      { id: 7, name: 'unused' },
    ],
    annotations: [{ ...box, category_id: 1 }],
  });
  const { train, val, test: none } = await openSplits(settings(), detection);
  expect(val.classes).toBe(train.classes);
  expect(val.records[0]!.annotations[0]!.categoryId).toBe(7);
  expect(none).toBeUndefined();
});

test('a class that only val has is refused, or left out on request', async () => {
  await putSplit('train');
  await putSplit('val', {
    images,
    categories: [...categories, { id: 9, name: 'zebra' }],
    annotations: [box, { ...box, id: 2, category_id: 9 }],
  });
  const error = await openSplits(settings(), detection).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'class_unknown', exitCode: 3 });
  expect((error as Error).message).toMatch(/zebra/);
  const { classes } = await openDataset(settings(), 'train', detection);
  const lenient = await openDataset(settings(), 'val', { ...detection, classes, unknown: 'leave_out' });
  expect(lenient.unknownClasses).toEqual(['zebra']);
  expect(lenient.records[0]!.annotations).toHaveLength(1);
});

test('COCO as classification: one class per image', async () => {
  await putSplit('train', {
    images,
    categories,
    annotations: [box, { ...box, id: 2 }, { id: 3, image_id: 12, category_id: 3 }],
  });
  const { records } = await openDataset(settings(), 'train', classification);
  expect(records.map(({ labels }) => labels)).toEqual([[1], [0]]);
});

test('several classes in an image are refused with its id, or become several labels', async () => {
  await putSplit('train', { images, categories, annotations: [box, { ...box, id: 2, category_id: 3 }] });
  const error = await openDataset(settings(), 'train', classification).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'several_classes', exitCode: 3, problems: ['image 11 (a.png)'] });
  expect((error as Error).message).toContain('multi_label');
  const many = await openDataset(settings({ multi_label: true }), 'train', classification);
  expect(many.records.map(({ labels }) => labels)).toEqual([[0, 1], []]);
});

test('an image without a class is set aside, up to the limit', async () => {
  await putSplit('train');
  const error = openDataset(settings(), 'train', classification);
  await expect(error).rejects.toMatchObject({ code: 'too_many_bad_images', exitCode: 3 });
  const { records, setAside } = await openDataset(
    settings({ max_bad_fraction: 0.5 }),
    'train',
    classification,
  );
  expect(records).toHaveLength(1);
  expect(setAside).toMatchObject([{ imageId: 12, fileName: 'b.png', code: 'image_without_class' }]);
});

test.each([
  [
    'an image id that dangles',
    { annotations: [{ ...box, image_id: 99 }] },
    'coco_inconsistent',
    'annotations[0].image_id',
  ],
  [
    'a category id that dangles',
    { annotations: [{ ...box, category_id: 99 }] },
    'coco_inconsistent',
    'category_id',
  ],
  ['an image id twice', { images: [images[0], images[0]] }, 'coco_inconsistent', 'images[1]'],
  [
    'a category id twice',
    { categories: [categories[0], categories[0]] },
    'coco_inconsistent',
    'categories[1]',
  ],
  [
    'an object without a box',
    { annotations: [{ id: 1, image_id: 11, category_id: 7 }] },
    'coco_inconsistent',
    'bbox',
  ],
  ['no images', { images: [], annotations: [] }, 'split_empty', 'at least one image'],
  ['no categories', { categories: [], annotations: [] }, 'classes_missing', 'categories'],
])('COCO with %s is refused', async (_, change, code, text) => {
  await putSplit('train', { images, categories, annotations: [box], ...change });
  const error = await openDataset(settings(), 'train', detection).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code, exitCode: 3 });
  expect((error as Error).message).toContain(text);
});

test('missing folders, files and splits say what to do', async () => {
  await expect(openDataset(settings(), 'train', detection)).rejects.toMatchObject({
    code: 'file_missing',
    received: expect.stringContaining(root),
  });
  await putSplit('train');
  const wrong = settings({ train_annotation_file: join(root, 'none.json') });
  await expect(openDataset(wrong, 'train', detection)).rejects.toMatchObject({ code: 'file_missing' });
  await expect(openDataset(settings(), 'test', detection)).rejects.toMatchObject({
    code: 'split_not_configured',
    exitCode: 2,
  });
  const file = settings({ train_data_path: join(root, 'train/a.png') });
  await expect(openDataset(file, 'train', detection)).rejects.toMatchObject({ exitCode: 3 });
  await put('loose/a.png', await picture());
  const loose = settings({ train_data_path: join(root, 'loose') });
  await expect(openDataset(loose, 'train', classification)).rejects.toMatchObject({
    code: 'images_without_class_folder',
  });
  await mkdir(join(root, 'empty'));
  const empty = settings({ train_data_path: join(root, 'empty') });
  await expect(openDataset(empty, 'train', classification)).rejects.toMatchObject({ code: 'split_empty' });
  const explicit = { ...empty, format: 'coco' as const };
  await expect(openDataset(explicit, 'train', detection)).rejects.toMatchObject({
    code: 'annotation_file_missing',
    exitCode: 2,
  });
  const remote = settings({ train_data_path: 's3://bucket/train' });
  await expect(openDataset(remote, 'train', detection)).rejects.toMatchObject({ exitCode: 2 });
});

test('finds annotation files by the names that tools give them', async () => {
  const coco = { images, categories, annotations: [box] };
  for (const [folder, file] of [
    ['a/train2017', 'a/annotations/instances_train2017.json'],
    ['b/train', 'b/train/_annotations.coco.json'],
    ['c/images', 'c/instances.json'],
    ['d/train', 'd/train.json'],
  ] as const) {
    await put(`${folder}/a.png`, await picture());
    await put(file, coco);
    const { format, records } = await openDataset(
      settings({ train_data_path: join(root, folder) }),
      'train',
      detection,
    );
    expect([file, format, records.length]).toEqual([file, 'coco', 2]);
  }
});

test('pictures may lie in images/ below the folder', async () => {
  await put('train/images/a.png', await picture());
  await put('train/instances.json', { images: [images[0]], categories, annotations: [box] });
  const { records, open } = await openDataset(settings(), 'train', detection);
  expect((await open(records[0]!).read()).length).toBeGreaterThan(50);
});

test('file names that leave the folder are not followed', async () => {
  await put('secret.png', await picture());
  await putSplit('train', {
    images: [{ ...images[0], file_name: '../secret.png' }],
    categories,
    annotations: [box],
  });
  const { records, open } = await openDataset(settings(), 'train', detection);
  await expect(open(records[0]!).read()).rejects.toMatchObject({ code: 'path_outside_root' });
});

test('class folders are sorted, hidden files passed over', async () => {
  for (const path of ['dog/1.png', 'cat/deep/2.png', 'cat/1.PNG', '.cache/x.png']) {
    await put(`train/${path}`, await picture());
  }
  await put('train/dog/notes.txt', 'no picture');
  const { records, classes, format } = await openDataset(settings(), 'train', classification);
  expect([format, classes.names]).toEqual(['folder', ['cat', 'dog']]);
  expect(records.map(({ fileName, labels }) => [fileName, ...labels])).toEqual([
    ['cat/1.PNG', 0],
    ['cat/deep/2.png', 0],
    ['dog/1.png', 1],
  ]);
  await put('val/bird/1.png', await picture());
  await expect(openSplits(settings(), classification)).rejects.toMatchObject({ code: 'class_unknown' });
});

test('the digest follows content, not the place', async () => {
  await putSplit('train');
  await putSplit('val');
  const { train, val } = await openSplits(settings(), detection);
  expect(train.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(val.digest).toBe(train.digest);
  await putSplit('val', { images, categories, annotations: [{ ...box, bbox: [1, 2, 3, 5] }] });
  expect((await openSplits(settings(), detection)).val.digest).not.toBe(train.digest);
});

test('a fraction is chosen by the seed, for training alone', async () => {
  const data = {
    train_data_path: 'sample:shapes?images=40',
    val_data_path: 'sample:shapes?images=40&seed=2',
    fraction: 0.25,
  };
  const ids = async (seed: number) =>
    (await openDataset(data, 'train', { ...classification, seed })).records.map(({ id }) => id as number);
  const first = await ids(1);
  expect(first).toHaveLength(10);
  expect(first).toEqual([...first].sort((a, b) => a - b));
  expect(await ids(1)).toEqual(first);
  expect(await ids(2)).not.toEqual(first);
  expect((await openDataset(data, 'val', classification)).records).toHaveLength(40);
});

test("a model's classes map a data set by name", async () => {
  await putSplit('train');
  const classes = ClassMap.fromId2Label({ '0': 'dog', '1': 'bird', '2': 'cat' });
  const { records } = await openDataset(settings(), 'train', { ...detection, classes });
  expect(records[0]!.annotations[0]!.categoryId).toBe(0);
});
