/** Data sets in the formats of other tools: how VOC and YOLO are read, and what they become as COCO, JSON or a table. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { files } from '#platform';
import { type BuiltThreads, buildThreads } from '../../tests/support/threads.ts';
import { parseCoco } from '../formats/coco/index.ts';
import { convertDataset, type DataSettings, openDataset } from './index.ts';
import { detection, picture, put, root, settings, useFolder } from './open.test-data.ts';

useFolder();

/** Tables are read in one. */
let threads: BuiltThreads;
beforeAll(async () => {
  threads = await buildThreads({ annotations: true });
}, 120_000);
afterAll(() => threads?.dispose());

const voc = (name: string, xml = ''): string =>
  `<annotation><filename>${name}.png</filename><size><width>20</width><height>10</height></size>
   <object><name>dog</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox></object>${xml}</annotation>`;

test('VOC: pixel numbers from 1, difficult objects as crowds, lists of images', async () => {
  const cat =
    '<object><name>cat</name><difficult>1</difficult><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object>';
  for (const name of ['000001', '000002']) {
    await put(`train/JPEGImages/${name}.png`, await picture());
    await put(`train/Annotations/${name}.xml`, voc(name, name === '000002' ? cat : ''));
  }
  const all = await openDataset(settings(), 'train', detection);
  expect([all.format, all.classes.names]).toEqual(['voc', ['cat', 'dog']]);
  expect(all.records[1]!.annotations).toMatchObject([
    { bbox: [0, 1, 5, 7], categoryId: 2, iscrowd: false },
    { bbox: [2, 2, 2, 2], categoryId: 1, iscrowd: true },
  ]);
  expect((await all.open(all.records[1]!).read()).length).toBeGreaterThan(50);
  const list = await put('train/ImageSets/Main/train.txt', '000001 1\n');
  const one = await openDataset(settings({ train_annotation_file: list }), 'train', detection);
  expect(one.records.map(({ fileName }) => fileName)).toEqual(['JPEGImages/000001.png']);
});

test('VOC that is cut off or lacks fields is refused, all files at once', async () => {
  await put('train/1.png', await picture());
  await put('train/1.xml', '<annotation><object>');
  await put('train/2.xml', voc('2').replace('<xmin>1</xmin>', '').replace('dog', ''));
  const error = await openDataset(settings(), 'train', detection).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'voc_invalid', exitCode: 3 });
  const { problems } = error as unknown as { problems: string[] };
  expect(problems).toEqual([
    expect.stringMatching(/1\.xml: line/),
    expect.stringMatching(/2\.xml: .*name/),
    expect.stringMatching(/2\.xml: .*xmin/),
  ]);
});

async function putYolo(labels = '0 0.5 0.5 0.5 0.4\n1 0 0 1 0 1 1\n'): Promise<void> {
  await put('yolo/data.yaml', 'names:\n  0: cat\n  1: dog\n');
  await put('yolo/images/train/a.png', await picture());
  await put('yolo/images/train/b.png', await picture(40, 40));
  await put('yolo/labels/train/a.txt', labels);
}
const yolo = (): DataSettings => settings({ train_data_path: join(root, 'yolo/images/train') });

test('YOLO: shares become pixels, polygons keep their outline, missing labels are no objects', async () => {
  await putYolo();
  const { records, classes, format } = await openDataset(yolo(), 'train', detection);
  expect([format, classes.names]).toEqual(['yolo', ['cat', 'dog']]);
  expect(records[0]).toMatchObject({ width: 20, height: 10 });
  expect(records[0]!.annotations).toMatchObject([
    { categoryId: 0, bbox: [5, 3, 10, 4] },
    { categoryId: 1, bbox: [0, 0, 20, 10], segmentation: [[0, 0, 20, 0, 20, 10]] },
  ]);
  expect(records[1]).toMatchObject({ width: 40, height: 40, annotations: [] });
});

test('YOLO labels that are wrong are refused by line', async () => {
  await putYolo('0 0.5 0.5 0.5\nx 1 1 1 1\n5 0.5 0.5 0.1 0.1\n');
  const error = await openDataset(yolo(), 'train', detection).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: 'yolo_invalid', exitCode: 3 });
  const { problems } = error as unknown as { problems: string[] };
  expect(problems[0]).toMatch(/a\.png: line 1/);
  expect(problems[1]).toMatch(/a\.png: line 2/);
});

test('YOLO without class names, and with a class number that has none', async () => {
  await putYolo('5 0.5 0.5 0.1 0.1\n');
  await expect(openDataset(yolo(), 'train', detection)).rejects.toMatchObject({
    code: 'yolo_invalid',
    problems: [expect.stringContaining('class 5')],
  });
  await rm(join(root, 'yolo/data.yaml'));
  const data: DataSettings = { ...yolo(), format: 'yolo' };
  await expect(openDataset(data, 'train', detection)).rejects.toMatchObject({ code: 'yolo_classes_missing' });
});

test('VOC, YOLO and class folders convert to COCO', async () => {
  await put('voc/1.png', await picture());
  await put('voc/1.xml', voc('1'));
  await putYolo();
  await put('folders/cat/1.png', await picture());
  await put('folders/dog/2.png', await picture(30, 30));
  await put('folders/dog/broken.png', 'no picture');
  const made: unknown[] = [];
  for (const from of ['voc', 'yolo/images/train', 'folders']) {
    const out = join(root, `out-${from.replaceAll('/', '-')}.json`);
    const result = await convertDataset({ from: join(root, from), out });
    const data = settings({ train_data_path: join(root, from), train_annotation_file: out });
    const { records, classes } = await openDataset(data, 'train', detection);
    made.push([result.format, result.images, result.annotations, classes.names, result.setAside.length]);
    expect(records).toHaveLength(result.images);
    parseCoco(await files.read(out), out);
  }
  expect(made).toEqual([
    ['voc', 1, 1, ['dog'], 0],
    ['yolo', 2, 2, ['cat', 'dog'], 0],
    ['folder', 2, 2, ['cat', 'dog'], 1],
  ]);
});

test('a folder without pictures that can be read converts to an error, not to an empty file', async () => {
  await mkdir(join(root, 'empty'));
  await put('broken/cat/1.png', 'no picture');
  const out = join(root, 'out.json');
  for (const [from, received] of [
    ['empty', 'none'],
    ['broken', "1 that can't be read, and no other"],
  ] as const) {
    await expect(convertDataset({ from: join(root, from), out })).rejects.toMatchObject({
      code: 'nothing_to_convert',
      received,
      exitCode: 3,
    });
  }
  await expect(files.read(out)).rejects.toThrow();
});

test('COCO as a table: the same records, there and back', async () => {
  threads.use();
  const out = join(root, 'table.parquet');
  const from = '../shared/data/coco_permissive53/val2017';
  const made = await convertDataset({ from, format: 'coco', out });
  const json = { train_data_path: from, val_data_path: '' };
  const fromJson = await openDataset(json, 'train', { task: 'detection' });
  const table = await openDataset({ ...json, train_annotation_file: out }, 'train', { task: 'detection' });
  expect(made.images).toBe(fromJson.records.length);
  expect(table.records).toEqual(fromJson.records);
  expect(table.digest).toBe(fromJson.digest);
  expect(table.classes.categories).toEqual(fromJson.classes.categories);
  const back = join(root, 'back.json');
  await convertDataset({ from, format: 'coco', annotationFile: out, out: back });
  const again = await openDataset({ ...json, train_annotation_file: back }, 'train', { task: 'detection' });
  expect(again.digest).toBe(table.digest);
});
