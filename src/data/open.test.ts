/** Data sets from folders: what is read, and what is refused with which words. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeImage } from '#platform';
import { ClassMap } from '../core/index.ts';
import { parseCoco } from '../formats/coco/index.ts';
import { convertDataset, type DataSettings, type DatasetOptions, openDataset, openSplits } from './index.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-data-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const detection: DatasetOptions = { task: 'detection' };
const classification: DatasetOptions = { task: 'classification' };

async function put(path: string, content: string | Uint8Array | object): Promise<string> {
  const place = join(root, path);
  await mkdir(dirname(place), { recursive: true });
  const plain = typeof content === 'string' || content instanceof Uint8Array;
  await writeFile(place, plain ? content : JSON.stringify(content));
  return place;
}
const picture = (width = 20, height = 10): Promise<Uint8Array> =>
  encodeImage({ width, height, data: new Uint8Array(width * height * 3).fill(90) }, 'png');

const images = [
  { id: 11, file_name: 'a.png', width: 20, height: 10 },
  { id: 12, file_name: 'b.png', width: 20, height: 10 },
];
const categories = [
  { id: 7, name: 'dog' },
  { id: 3, name: 'cat' },
];
const box = { id: 1, image_id: 11, category_id: 7, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 };
const settings = (extra: Partial<DataSettings> = {}): DataSettings => ({
  train_data_path: join(root, 'train'),
  val_data_path: join(root, 'val'),
  ...extra,
});

async function putSplit(
  split: string,
  file: object = { images, categories, annotations: [box] },
): Promise<void> {
  await put(`${split}/a.png`, await picture());
  await put(`${split}/b.png`, await picture());
  await put(`${split}/annotations.json`, file);
}

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
    parseCoco(await (await import('#platform')).files.read(out), out);
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
  await expect((await import('#platform')).files.read(out)).rejects.toThrow();
});

test("a model's classes map a data set by name", async () => {
  await putSplit('train');
  const classes = ClassMap.fromId2Label({ '0': 'dog', '1': 'bird', '2': 'cat' });
  const { records } = await openDataset(settings(), 'train', { ...detection, classes });
  expect(records[0]!.annotations[0]!.categoryId).toBe(0);
});

test('COCO as a table: the same records, there and back', async () => {
  const out = join(root, 'table.parquet');
  const from = '../shared/data/coco_permissive53/val2017';
  const made = await convertDataset({ from, format: 'coco', out });
  const json = { train_data_path: from, val_data_path: '' };
  const files = await openDataset(json, 'train', { task: 'detection' });
  const table = await openDataset({ ...json, train_annotation_file: out }, 'train', { task: 'detection' });
  expect(made.images).toBe(files.records.length);
  expect(table.records).toEqual(files.records);
  expect(table.digest).toBe(files.digest);
  expect(table.classes.categories).toEqual(files.classes.categories);
  const back = join(root, 'back.json');
  await convertDataset({ from, format: 'coco', annotationFile: out, out: back });
  const again = await openDataset({ ...json, train_annotation_file: back }, 'train', { task: 'detection' });
  expect(again.digest).toBe(table.digest);
});
