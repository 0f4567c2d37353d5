/** COCO files: what is read, what is refused with which words, and how fast. */
import { expect, test } from 'vitest';
import { DataError } from '../../core/index.ts';
import { type CocoFile, findCocoProblems, findReadingProblems, parseCoco, readCoco } from './index.ts';

const parse = (file: unknown): CocoFile => parseCoco(JSON.stringify(file), 'test.json');
const image = { id: 1, file_name: 'a.jpg', width: 20, height: 10 };
const category = { id: 3, name: 'cat', supercategory: 'animal', color: 'ignored' };
const box = { id: 7, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 };

function refused(file: unknown): DataError {
  try {
    parse(file);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

test('reads boxes, crowds, polygons, RLE and keypoints, and passes over unknown fields', () => {
  const file = parse({
    info: { year: 2017 },
    images: [{ ...image, license: 3, coco_url: 'http://x' }],
    categories: [{ ...category, keypoints: ['nose', 'eye'], skeleton: [[1, 2]] }],
    annotations: [
      box,
      { ...box, id: 8, iscrowd: 1, segmentation: { size: [2, 2], counts: [1, 2, 1] } },
      { ...box, id: 9, segmentation: [[0, 0, 4, 0, 4, 3]], keypoints: [1, 2, 2, 0, 0, 0] },
    ],
  });
  expect(file.categories[0]).toEqual({
    id: 3,
    name: 'cat',
    supercategory: 'animal',
    keypoints: ['nose', 'eye'],
    skeleton: [[1, 2]],
  });
  expect(file.annotations.map((annotation) => annotation.iscrowd)).toEqual([false, true, false]);
  expect(file.annotations[1]!.segmentation).toEqual({ size: [2, 2], counts: [1, 2, 1] });
  expect(file.annotations[2]).toMatchObject({
    segmentation: [[0, 0, 4, 0, 4, 3]],
    keypoints: [1, 2, 2, 0, 0, 0],
  });
});

test('fills what optional fields leave out', () => {
  const { images, annotations } = parse({
    images: [{ id: 'x', file_name: 'x.png' }],
    categories: [category],
    annotations: [
      { image_id: 'x', category_id: 3 },
      { id: 4, image_id: 'x', category_id: 3, bbox: [0, 0, 2, 5], segmentation: [] },
      { image_id: 'x', category_id: 3, segmentation: [[1, 1, 5, 1, 5, 4], []] },
      { image_id: 'x', category_id: 3, segmentation: { size: [3, 2], counts: [1, 2, 3] }, iscrowd: true },
    ],
  });
  expect(images).toEqual([{ id: 'x', file_name: 'x.png', width: 0, height: 0 }]);
  expect(annotations.map(({ id }) => id)).toEqual([5, 4, 6, 7]);
  expect(annotations[0]).not.toHaveProperty('bbox');
  expect(annotations[1]).toMatchObject({ area: 10 });
  expect(annotations[1]).not.toHaveProperty('segmentation');
  expect(annotations[2]).toMatchObject({ bbox: [1, 1, 4, 3], area: 6 });
  expect(annotations[3]).toMatchObject({ bbox: [0, 1, 1, 2], area: 2, iscrowd: true });
});

test('an image file without annotations is one', () => {
  expect(parse({ images: [image] })).toEqual({ images: [image], annotations: [], categories: [] });
});

test('names every wrong field by its path, all at once', () => {
  const { problems, exitCode, message } = refused({
    images: [{ id: 1.5, file_name: 'a' }, { id: 2 }, 'x', { ...image, width: -1 }],
    categories: [{ id: 1, name: '' }],
    annotations: [
      { ...box, bbox: [1, 2, 3] },
      { ...box, bbox: [1, 2, 3, 'wide'] },
      { ...box, image_id: null },
      { ...box, iscrowd: 2 },
      { ...box, segmentation: [[1, 2, 3, 4]] },
      { ...box, segmentation: { size: [2, 2], counts: [9] } },
      { ...box, segmentation: { counts: 'x' } },
      { ...box, keypoints: [1, 2] },
    ],
  });
  expect(exitCode).toBe(3);
  expect(message).toContain('test.json');
  expect(problems.map((line) => line.split(': expected')[0])).toEqual([
    'images[0].id',
    'images[1].file_name',
    'images[2]',
    'images[3].width',
    'annotations[0].bbox',
    'annotations[1].bbox',
    'annotations[2].image_id',
    'annotations[3].iscrowd',
    'annotations[4].segmentation[0]',
    'annotations[5].segmentation.counts',
    'annotations[6].segmentation',
    'annotations[7].keypoints',
    'categories[0].name',
  ]);
  expect(problems[5]).toContain('received [1,2,3,"wide"]');
});

test('lists the first problems and counts the rest', () => {
  const { problems } = refused({ images: Array.from({ length: 100 }, () => ({})), annotations: [] });
  expect(problems).toHaveLength(21);
  expect(problems.at(-1)).toBe('… and 180 more');
});

test.each([
  ['{"images": [', 'coco_not_json'],
  ['', 'coco_not_json'],
  ['[{"image_id": 1}]', 'coco_invalid'],
  ['{}', 'coco_invalid'],
  ['null', 'coco_invalid'],
])('refuses %s', (text, code) => {
  expect(() => parseCoco(text, 'x.json')).toThrow(expect.objectContaining({ code, exitCode: 3 }));
});

test('refuses bytes that are no UTF-8', () => {
  expect(() => parseCoco(new Uint8Array([0x7b, 0xff, 0x7d]), 'x')).toThrow(
    expect.objectContaining({ code: 'coco_not_json' }),
  );
});

test('finds what does not fit together', () => {
  const file = parse({
    images: [image, { ...image }, { id: 2, file_name: 'b.jpg' }],
    categories: [category, { id: 3, name: 'dog' }, { id: 4, name: 'cat' }],
    annotations: [
      box,
      box,
      { ...box, id: 8, image_id: 99 },
      { ...box, id: 9, category_id: 5 },
      { ...box, id: 10, bbox: [1, 1, 0, 4] },
      { ...box, id: 11, bbox: [15, 5, 6.5, 5] },
      { ...box, id: 12, bbox: [15, 5, 6, 5.5] },
      { ...box, id: 13, segmentation: { size: [2, 2], counts: [0, 4] } },
    ],
  });
  const found = [...findCocoProblems(file)].map(({ code, path }) => `${code} ${path}`);
  expect(found).toEqual([
    'duplicate_image_id images[1]',
    'duplicate_file_name images[1]',
    'image_without_size images[2]',
    'duplicate_category_id categories[1]',
    'duplicate_category_name categories[2]',
    'duplicate_annotation_id annotations[1].id',
    'dangling_image_id annotations[2].image_id',
    'dangling_category_id annotations[3].category_id',
    'box_without_area annotations[4].bbox',
    'box_outside_image annotations[5].bbox',
    'mask_of_other_size annotations[7].segmentation.size',
  ]);
});

test('a wrong field hides nothing: the rest is judged at its place in the file', () => {
  const text = JSON.stringify({
    images: [{ id: 5 }, image, { id: 6, file_name: 'b.jpg', width: 'wide', height: 9 }],
    categories: [category, { id: 4 }],
    annotations: [
      { ...box, bbox: [1, 2, 3], area: 'large' },
      { ...box, image_id: null },
      { ...box, id: 8, bbox: [1, 1, 0, 4] },
      { ...box, id: 9, image_id: 5, category_id: 4 },
      { ...box, id: 9, image_id: 77 },
      { image_id: 6, category_id: 3 },
    ],
  });
  const reading = readCoco(text, 'test.json');
  const found = [...findReadingProblems(reading)].map(({ code, path }) => `${code} ${path}`);
  expect(found).toEqual([
    'coco_invalid images[0].file_name',
    'coco_invalid images[2].width',
    'coco_invalid annotations[0].bbox',
    'coco_invalid annotations[0].area',
    'coco_invalid annotations[1].image_id',
    'coco_invalid categories[1].name',
    // Not that annotations[0] has no box, annotations[3] no image and images[2] no size: told above.
    'box_without_area annotations[2].bbox',
    'duplicate_annotation_id annotations[4].id',
    'dangling_image_id annotations[4].image_id',
    'box_missing annotations[5]',
  ]);
  expect(reading.file.images.map(({ id, width }) => [id, width])).toEqual([
    [1, 20],
    [6, 0],
  ]);
  expect(reading.file.annotations.map(({ id }) => id)).toEqual([7, 8, 9, 9, 10]);
});

test('a negative area is told, once, where it is written', () => {
  const { area: _, ...without } = box;
  const file = parse({
    images: [image],
    categories: [category],
    annotations: [
      { ...box, area: -12 },
      { ...box, id: 8, area: 0 },
      { ...box, id: 9, area: -0.5, bbox: [1, 2, 0, 4] },
      { ...without, id: 10, bbox: [5, 2, -3, 4] },
      { ...without, id: 11 },
    ],
  });
  expect([...findCocoProblems(file)]).toMatchObject([
    { code: 'area_negative', severity: 'warning', path: 'annotations[0].area', message: /-12/ },
    { code: 'box_without_area', path: 'annotations[2].bbox' },
    { code: 'area_negative', path: 'annotations[2].area' },
    { code: 'box_without_area', path: 'annotations[3].bbox' },
  ]);
});

test('200,000 annotations take a few times as long as JSON.parse', () => {
  const annotations = Array.from({ length: 200_000 }, (_, i) => ({
    ...box,
    id: i,
    segmentation: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10.5]],
  }));
  const text = JSON.stringify({ images: [image], categories: [category], annotations });
  // Milliseconds of processor time: others on the same cores do not count.
  const time = (work: () => unknown): number => {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  const plain = time(() => JSON.parse(text));
  const whole = time(() => [...findCocoProblems(parseCoco(text, 'big.json'))]);
  expect(whole).toBeLessThan(plain * 6 + 1000);
});
