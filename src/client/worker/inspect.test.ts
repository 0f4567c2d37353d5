/** Inspections of predictions that were written by hand, so that every number is known. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataset } from '../../data/index.ts';
import type { ClassificationInspection, DetectionInspection } from '../protocol.ts';
import { OpenInspection } from './inspect.ts';

let run: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'ocelli-inspect-'));
});
afterEach(() => rm(run, { recursive: true }));

/** Six pictures; classes take turns where there is one shape in each. */
const place = 'sample:shapes?images=6&seed=2&size=64&classes=3';

async function leave(task: 'classification' | 'detection', predictions: readonly object[]): Promise<void> {
  await mkdir(join(run, 'predictions'));
  await writeFile(
    join(run, 'recipe.yaml'),
    `model: { model_name: x, task_type: ${task} }\ndata: { train_data_path: '${place}', val_data_path: '${place}' }\n`,
  );
  await writeFile(join(run, 'predictions/val.json'), JSON.stringify(predictions));
}

const scores = (image_id: number, values: readonly number[]) =>
  values.map((score, label) => ({ image_id, category_id: label + 1, score }));

test('classification: counts, confusion, and images by their loss', async () => {
  await leave('classification', [
    ...scores(1, [0.9, 0.05, 0.05]),
    ...scores(2, [0.2, 0.7, 0.1]),
    // A triangle taken for a circle, and one for a cross.
    ...scores(3, [0.6, 0.1, 0.3]),
    ...scores(4, [0.8, 0.1, 0.1]),
    ...scores(5, [0.1, 0.8, 0.1]),
    ...scores(6, [0, 1, 0]),
  ]);
  const opened = await OpenInspection.open(run, 'val');
  const found = opened.result as ClassificationInspection;
  expect(found).toMatchObject({
    kind: 'classification',
    run,
    split: 'val',
    classes: ['circle', 'cross', 'triangle'],
    right: 4,
    wrong: 2,
    confusion: [2, 0, 0, 0, 2, 0, 1, 1, 0],
  });
  expect(found.perClass[2]).toMatchObject({ name: 'triangle', support: 2, recall: 0 });
  expect(found.images.map(({ index }) => index)).toEqual([5, 2, 1, 3, 4, 0]);
  expect(found.images[0]).toMatchObject({ truth: [2], predicted: [1], right: false });
  expect(found.images[1]!.loss).toBeCloseTo(-Math.log(0.3), 6);
  expect(found.images[2]).toMatchObject({ right: true, predicted: [1] });

  const [image] = await opened.images([2, 99]);
  expect(image).toMatchObject({ index: 2, truth: { labels: [2] }, prediction: { task: 'classification' } });
  expect(image!.picture.size).toBeGreaterThan(100);
});

test('detection: what was found, placed badly, missed; images from worst to best', async () => {
  const data = await openDataset({ train_data_path: place, val_data_path: place }, 'val', {
    task: 'detection',
  });
  const boxes = data.records.flatMap(({ id, annotations }) =>
    annotations.map(({ bbox, categoryId }) => ({ image_id: id, category_id: categoryId, score: 0.9, bbox })),
  );
  // All of them but those of the first image; there, something that is nowhere.
  const nothing = { image_id: 1, category_id: 1, score: 0.8, bbox: [0, 0, 2, 2] };
  await leave('detection', [...boxes.filter(({ image_id }) => image_id !== 1), nothing]);
  const opened = await OpenInspection.open(run, 'val');
  const found = opened.result as DetectionInspection;
  const first = data.records[0]!.annotations.length;
  expect(found.kind).toBe('detection');
  expect(found.missed).toBe(first);
  expect(found.perClass.map(({ objects }) => objects).reduce((a, b) => a + b)).toBe(boxes.length);
  expect(found.images[0]).toMatchObject({ index: 0, objects: first, found: 0, missed: first, f1: 0 });
  expect(found.images.slice(1).every(({ f1 }) => f1 === 1)).toBe(true);
  expect(found.confusion).toHaveLength(16);
  const [image] = await opened.images([1]);
  expect(image!.truth.boxes).toHaveLength(data.records[1]!.annotations.length);
  expect(image!.prediction).toMatchObject({ task: 'detection' });
});

test('an image without a detection was looked at; all of them may be', async () => {
  await leave('detection', []);
  const { result } = await OpenInspection.open(run, 'val');
  expect((result as DetectionInspection).images).toHaveLength(6);
  expect((result as DetectionInspection).missed).toBeGreaterThan(5);
});

test('says what is missing, and when predictions are of other data', async () => {
  await expect(OpenInspection.open(run, 'val')).rejects.toMatchObject({ code: 'predictions_missing' });
  await leave('classification', scores(77, [1, 0, 0]));
  await expect(OpenInspection.open(run, 'val')).rejects.toMatchObject({ code: 'predictions_of_other_data' });
});
