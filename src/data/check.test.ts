/** `checkDataset` finds everything at once; `datasetStatistics` counts what is there. */
import { cp, mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClassMap } from '../core/index.ts';
import {
  checkDataset,
  type DataSettings,
  datasetStatistics,
  formatDataReport,
  openDataset,
} from './index.ts';
import { generateSampleDataset } from './sample/generate.ts';
import { histogram, summarize } from './statistics.ts';

let root: string;
let data: DataSettings;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-check-'));
  const made = await generateSampleDataset({
    out: root,
    images: { train: 12, val: 6 },
    size: 32,
    objects: 2,
  });
  data = made.paths as unknown as DataSettings;
});
afterEach(() => rm(root, { recursive: true, force: true }));

type Coco = {
  images: Record<string, unknown>[];
  annotations: Record<string, unknown>[];
  categories: Record<string, unknown>[];
};
async function edit(split: string, change: (file: Coco) => void): Promise<void> {
  const path = join(root, split, 'annotations.json');
  const file = JSON.parse(await readFile(path, 'utf8')) as Coco;
  change(file);
  await writeFile(path, JSON.stringify(file));
}
const codes = async (task: 'detection' | 'classification' = 'detection'): Promise<string[]> => {
  const { problems } = await checkDataset(data, { task });
  return problems.map(({ severity, code, split, where }) => `${severity} ${code} ${split} ${where}`);
};

test('a sound data set has no problems', async () => {
  const report = await checkDataset(data, { task: 'detection' });
  expect(report.problems).toEqual([]);
  expect(report.splits.map(({ split, images, format }) => [split, images, format])).toEqual([
    ['train', 12, 'coco'],
    ['val', 6, 'coco'],
  ]);
  expect(formatDataReport(report)).toContain('no problems');
});

test('finds everything at once', async () => {
  await edit('train', ({ images, annotations, categories }) => {
    annotations[0]!.bbox = [1, 1, 0, 5];
    annotations[0]!.segmentation = [];
    annotations[1]!.bbox = [20, 20, 30, 5];
    annotations[2]!.image_id = 999;
    annotations[6]!.area = -40;
    annotations[3]!.category_id = 77;
    annotations[4]!.id = annotations[5]!.id;
    images[3]!.width = 64;
    categories.push({ id: 50, name: 'never' });
  });
  await edit('val', ({ annotations, categories }) => {
    categories.push({ id: 60, name: 'only-here' });
    annotations[0]!.category_id = 60;
    annotations[1]!.category_id = 1;
  });
  await unlink(join(root, 'train/000005.png'));
  await writeFile(join(root, 'train/000006.png'), 'broken');
  await cp(join(root, 'train/000007.png'), join(root, 'train/000008.png'));
  await cp(join(root, 'train/000001.png'), join(root, 'val/000002.png'));
  const found = await codes();
  for (const expected of [
    'warning box_without_area train annotations[0].bbox',
    'warning box_outside_image train annotations[1].bbox',
    'error dangling_image_id train annotations[2].image_id',
    'warning area_negative train annotations[6].area',
    'error dangling_category_id train annotations[3].category_id',
    'error duplicate_annotation_id train annotations[5].id',
    'error size_differs train 000003.png',
    'error file_missing train 000005.png',
    'error image_unreadable train 000006.png',
    'warning duplicate_picture train 000008.png',
    'error split_leakage val 000002.png',
  ]) {
    expect(found).toContain(expected);
  }
  const report = await checkDataset(data, { task: 'detection' });
  const messages = report.problems.map(({ message }) => message).join('\n');
  expect(messages).toMatch(/never has no example/);
  expect(messages).toMatch(/only-here is no class of the training split/);
  expect(report.errors + report.warnings).toBe(report.problems.length);
  const text = formatDataReport(report);
  expect(text).toMatch(
    /error split_leakage: 1\n {2}val 000002\.png: the same picture as 000001\.png of train/,
  );
  const quick = await checkDataset(data, { task: 'detection', annotationsOnly: true });
  expect(quick.problems.map(({ code }) => code)).not.toContain('file_missing');
});

test('a wrong field hides neither the rest of its file nor its pictures', async () => {
  await edit('train', ({ annotations }) => {
    annotations[0]!.bbox = [1, 2, 3];
    annotations[1]!.bbox = [1, 1, 0, 5];
    annotations[2]!.bbox = [20, 20, 30, 5];
    annotations[3]!.category_id = 'x';
    delete annotations[4]!.bbox;
    delete annotations[4]!.segmentation;
  });
  await writeFile(join(root, 'train/000006.png'), 'broken');
  await cp(join(root, 'train/000001.png'), join(root, 'val/000002.png'));
  const found = await codes();
  expect(found.filter((line) => !line.includes('class'))).toEqual([
    'error coco_invalid train annotations[0].bbox',
    'error coco_invalid train annotations[3].category_id',
    'warning box_without_area train annotations[1].bbox',
    'warning box_outside_image train annotations[2].bbox',
    'error box_missing train annotations[4]',
    'error image_unreadable train 000006.png',
    'error split_leakage val 000002.png',
  ]);
  // A class needs no box.
  expect((await codes('classification')).join()).not.toMatch(/box_missing/);
});

test('VOC and YOLO: wrong lines hide neither odd boxes nor broken pictures', async () => {
  const place = (name: string): DataSettings => ({
    train_data_path: join(root, name),
    val_data_path: join(root, 'val'),
    val_annotation_file: join(root, 'val/annotations.json'),
  });
  const lines = async (name: string): Promise<string[]> => {
    const { problems } = await checkDataset(place(name), { task: 'detection' });
    const own = problems.filter(({ split, code }) => split === 'train' && !code.startsWith('class'));
    return own.map(({ code, where, message }) => `${code} ${where}: ${message}`);
  };
  await mkdir(join(root, 'yolo'));
  await cp(join(root, 'train/000001.png'), join(root, 'yolo/a.png'));
  await cp(join(root, 'train/000002.png'), join(root, 'yolo/b.png'));
  await writeFile(join(root, 'yolo/c.png'), 'broken');
  await writeFile(join(root, 'yolo/classes.txt'), 'square\n');
  await writeFile(join(root, 'yolo/a.txt'), '0 0.5 0.5\n0 0.5 0.5 0 0.2\n');
  await writeFile(join(root, 'yolo/b.txt'), '0 0.9 0.5 0.5 0.2\n3 0.5 0.5 0.1 0.1\n');
  expect(await lines('yolo')).toEqual([
    'yolo_invalid a.png: line 1: expected a class number and 4 or at least 6 shares, received "0 0.5 0.5"',
    expect.stringMatching(/^yolo_invalid b\.png: class 3, but .*classes\.txt names 1/),
    'box_without_area a.png: the box [16, 12.8, 0, 6.4] has no area',
    'box_outside_image b.png: the box [20.8, 12.8, 16, 6.4] reaches outside its image of 32 × 32',
    expect.stringMatching(/^image_unreadable c\.png/),
  ]);

  const voc = (box: string): string =>
    `<annotation><size><width>32</width><height>32</height></size><object><name>square</name><bndbox>${box}</bndbox></object></annotation>`;
  await mkdir(join(root, 'voc'));
  for (const name of ['a', 'b', 'c']) await cp(join(root, 'train/000001.png'), join(root, `voc/${name}.png`));
  await writeFile(join(root, 'voc/a.xml'), voc('<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>'));
  await writeFile(join(root, 'voc/b.xml'), '<annotation>');
  await writeFile(join(root, 'voc/c.xml'), voc('<xmin>9</xmin><ymin>1</ymin><xmax>50</xmax><ymax>9</ymax>'));
  expect(await lines('voc')).toEqual([
    'voc_invalid a.xml: object[0].bndbox.ymax: expected a number, received nothing',
    expect.stringMatching(/^voc_invalid b\.xml: line 1/),
    'box_outside_image c.png: the box [8, 0, 42, 9] reaches outside its image of 32 × 32',
  ]);
});

test('class folders have images and classes, and no annotations to count', async () => {
  const out = join(root, 'folders');
  await generateSampleDataset({ out, images: { train: 5, val: 1 }, size: 16, classes: 2, layout: 'folder' });
  const folders = { train_data_path: join(out, 'train'), val_data_path: join(out, 'val') };
  const text = formatDataReport(await checkDataset(folders, { task: 'classification' }));
  expect(text).toMatch(/^train: 5 images, 2 classes \(folder, /);
  expect(text).toMatch(/^val: 1 image, 1 class \(folder, /m);
});

test('files that cannot be read at all are problems, and the other splits are still checked', async () => {
  await writeFile(join(root, 'train/annotations.json'), '{"images": [{}], "annotations": [{}]}');
  await writeFile(join(root, 'val/annotations.json'), '{"images');
  const found = await codes();
  expect(found).toContain('error coco_invalid train images[0].id');
  expect(found).toContain('error coco_invalid train annotations[0].image_id');
  expect(found.some((line) => line.startsWith('error coco_not_json val'))).toBe(true);
  data = { ...data, val_data_path: join(root, 'none') };
  expect((await codes()).some((line) => line.startsWith('error file_missing val'))).toBe(true);
});

test('classification: one class per image', async () => {
  await edit('train', (file) => {
    file.annotations = [
      { id: 1, image_id: 1, category_id: 1 },
      { id: 2, image_id: 1, category_id: 2 },
    ];
  });
  const found = await codes('classification');
  expect(found).toContain('error several_classes train 000000.png');
  expect(found).toContain('warning image_without_class train 000001.png');
  data = { ...data, multi_label: true };
  expect((await codes('classification')).join()).not.toMatch(/several_classes|image_without_class/);
});

test('statistics of a data set', async () => {
  const annotation = (id: number, categoryId: number, side: number, iscrowd = false) => ({
    id,
    categoryId,
    bbox: [0, 0, side, side] as const,
    area: side * side,
    iscrowd,
  });
  const dataset = await openDataset(data, 'train', { task: 'detection' });
  const statistics = await datasetStatistics({
    ...dataset,
    classes: new ClassMap([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ]),
    records: [
      {
        id: 1,
        fileName: 'x',
        width: 200,
        height: 100,
        labels: [],
        annotations: [annotation(1, 1, 10), annotation(2, 1, 50), annotation(3, 2, 100)],
      },
      {
        id: 2,
        fileName: 'y',
        width: 100,
        height: 100,
        labels: [],
        annotations: [annotation(4, 1, 31, true), annotation(5, 1, 96)],
      },
      { id: 3, fileName: 'z', width: 100, height: 200, labels: [], annotations: [] },
    ],
  });
  expect(statistics).toMatchObject({
    images: 3,
    annotations: 5,
    crowds: 1,
    imagesWithoutAnnotations: 1,
    imbalance: 3,
    classesWithoutExample: ['c'],
    objectSizes: { small: 1, medium: 1, large: 2 },
    aspectRatio: { min: 0.5, max: 2, median: 1 },
    objectsPerImage: { min: 0, max: 3, mean: 4 / 3, median: 1 },
  });
  expect(statistics.classes[0]).toEqual({ id: 1, name: 'a', images: 2, examples: 3, share: 0.75 });
  expect(statistics.objectsPerImageCounts).toEqual({ edges: [0, 1, 2, 3, 4], counts: [1, 1, 0, 1] });
});

test('statistics measure pictures whose sizes are unknown', async () => {
  const out = join(root, 'folders');
  await generateSampleDataset({ out, images: { train: 4, val: 1 }, size: 40, layout: 'folder' });
  const folders = { train_data_path: join(out, 'train'), val_data_path: join(out, 'val') };
  const dataset = await openDataset(folders, 'train', { task: 'classification' });
  expect((await datasetStatistics(dataset)).width).toEqual({ count: 0 });
  expect((await datasetStatistics(dataset, { measure: true })).width).toMatchObject({
    count: 4,
    min: 40,
    max: 40,
  });
  expect((await datasetStatistics(dataset)).imagesWithoutAnnotations).toBe(0);
});

test('summaries and histograms', () => {
  expect(summarize([])).toEqual({ count: 0 });
  expect(summarize([4, 1, 3, 2])).toEqual({
    count: 4,
    min: 1,
    max: 4,
    mean: 2.5,
    median: 2.5,
    standardDeviation: Math.sqrt(1.25),
  });
  expect(histogram([], 3)).toEqual({ edges: [], counts: [] });
  expect(histogram([0, 1, 2, 3], 2)).toEqual({ edges: [0, 1.5, 3], counts: [2, 2] });
  expect(histogram([5, 5], 4).counts.reduce((sum, count) => sum + count, 0)).toBe(2);
});
