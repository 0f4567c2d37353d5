/** The generated data set: the same for the same seed, and not solvable without seeing shape. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { derive, permutation } from '../../core/index.ts';
import { areaOf, polygonsToRuns, rleToRuns } from '../../formats/rle/index.ts';
import { openDataset, openSplits } from '../index.ts';
import { generateSampleDataset } from './generate.ts';
import { namesOf, outlineOf } from './outlines.ts';
import { parseSamplePlace } from './place.ts';
import { drawShapes, placeShapes } from './shapes.ts';

const shapeNames = namesOf('shapes');
const options = { seed: 1, size: 64, classes: 4, objects: 1 };

/** Softmax regression by stochastic gradient descent: the best that sums over pixels can do. */
function softmaxRegression(
  train: readonly Float32Array[],
  labels: readonly number[],
  classes: number,
  epochs: number,
): (picture: Float32Array) => number {
  const length = train[0]!.length;
  const weights = new Float32Array((length + 1) * classes);
  const scores = new Float64Array(classes);
  const score = (picture: Float32Array): void => {
    for (let c = 0; c < classes; c++) {
      const offset = c * (length + 1);
      let sum = weights[offset + length]!;
      for (let i = 0; i < length; i++) sum += weights[offset + i]! * picture[i]!;
      scores[c] = sum;
    }
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const index of permutation(train.length, derive(7, epoch))) {
      const picture = train[index]!;
      score(picture);
      const highest = Math.max(...scores);
      const exponentials = Array.from(scores, (value) => Math.exp(value - highest));
      const total = exponentials.reduce((sum, value) => sum + value, 0);
      for (let c = 0; c < classes; c++) {
        const error = exponentials[c]! / total - (labels[index] === c ? 1 : 0);
        const offset = c * (length + 1);
        for (let i = 0; i <= length; i++) {
          weights[offset + i]! -= 0.01 * error * (i === length ? 1 : picture[i]!);
        }
      }
    }
  }
  return (picture) => {
    score(picture);
    return scores.indexOf(Math.max(...scores));
  };
}

/** Half the size and zero mean: the regression then converges in seconds. */
function pixels(index: number, seed: number): Float32Array {
  const { data, width } = drawShapes(index, { ...options, seed });
  const half = width / 2;
  const picture = new Float32Array(half * half * 3);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      for (let c = 0; c < 3; c++) {
        const at = (row: number, column: number): number => data[(row * width + column) * 3 + c]!;
        const sum = at(2 * y, 2 * x) + at(2 * y, 2 * x + 1) + at(2 * y + 1, 2 * x) + at(2 * y + 1, 2 * x + 1);
        picture[(y * half + x) * 3 + c] = sum / 4 / 127.5 - 1;
      }
    }
  }
  return picture;
}

test('logistic regression on raw pixels stays below 0.6', () => {
  const train = Array.from({ length: 1200 }, (_, i) => pixels(i, 1));
  const val = Array.from({ length: 300 }, (_, i) => pixels(i, 2));
  const label = (i: number): number => i % options.classes;
  const predict = softmaxRegression(
    train,
    train.map((_, i) => label(i)),
    options.classes,
    8,
  );
  const accuracy = (pictures: readonly Float32Array[]): number =>
    pictures.filter((picture, i) => predict(picture) === label(i)).length / pictures.length;
  // It fits the training pictures well above chance (0.25 ± 0.013), so it is not the regression that fails.
  expect(accuracy(train)).toBeGreaterThan(0.33);
  expect(accuracy(val)).toBeLessThan(0.6);
});

test('brightness, position and area tell nothing about the class', () => {
  const sums = shapeNames.slice(0, 4).map(() => ({ light: 0, x: 0, area: 0 }));
  const each = 100;
  for (let i = 0; i < each * sums.length; i++) {
    const of = sums[i % sums.length]!;
    const { data } = drawShapes(i, options);
    const { bbox, polygon } = placeShapes(i, options)[0]!;
    of.light += data.reduce((sum, value) => sum + value, 0) / data.length;
    of.x += bbox[0] + bbox[2] / 2;
    of.area += areaOf(polygonsToRuns([[...polygon]], { height: 64, width: 64 }));
  }
  for (const { light, x, area } of sums) {
    expect(Math.abs(light / each - 127.5)).toBeLessThan(20);
    expect(Math.abs(x / each - 32)).toBeLessThan(2);
    // The mean of (64 u)² for u from 0.36 to 0.52.
    expect(Math.abs(area / each - 802)).toBeLessThan(60);
  }
});

test('a picture is a function of seed and index', () => {
  expect(drawShapes(5, options)).toEqual(drawShapes(5, options));
  expect(drawShapes(5, options).data).not.toEqual(drawShapes(6, options).data);
  expect(drawShapes(5, options).data).not.toEqual(drawShapes(5, { ...options, seed: 2 }).data);
});

test('shapes lie inside the picture and do not hide each other', () => {
  for (let i = 0; i < 200; i++) {
    const shapes = placeShapes(i, { ...options, objects: 3, classes: 5 });
    expect(shapes.length).toBeGreaterThan(0);
    for (const { bbox, polygon } of shapes) {
      expect(Math.min(...polygon)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...polygon)).toBeLessThanOrEqual(64);
      expect(bbox[2]).toBeGreaterThan(4);
    }
  }
});

test('writes COCO with boxes, polygons and RLE, the same bytes for the same seed', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ocelli-sample-'));
  try {
    const images = { train: 12, val: 4, test: 2 };
    const made = await generateSampleDataset({ out: join(root, 'a'), images, objects: 3, seed: 5 });
    await generateSampleDataset({ out: join(root, 'b'), images, objects: 3, seed: 5 });
    expect(made.images).toBe(18);
    const file = 'train/annotations.json';
    expect(await readFile(join(root, 'a', file))).toEqual(await readFile(join(root, 'b', file)));
    expect(await readFile(join(root, 'a/val/000001.png'))).toEqual(
      await readFile(join(root, 'b/val/000001.png')),
    );
    const data = made.paths as unknown as { train_data_path: string; val_data_path: string };
    const { train, val, test } = await openSplits(
      { ...data, test_data_path: join(root, 'a/test') },
      { task: 'detection' },
    );
    expect([train.records.length, val.records.length, test?.records.length]).toEqual([12, 4, 2]);
    const objects = train.records.flatMap(({ annotations }) => annotations);
    const rle = objects.filter(({ segmentation }) => segmentation && 'size' in segmentation);
    expect(rle.length).toBeGreaterThan(0);
    expect(rle.length).toBeLessThan(objects.length);
    for (const { segmentation, area } of rle) {
      const { counts } = rleToRuns(segmentation as { size: [number, number]; counts: string });
      expect(counts.filter((_, i) => i % 2 === 1).reduce((sum, count) => sum + count, 0)).toBe(area);
    }
    // Splits have pictures of their own.
    expect(await readFile(join(root, 'a/val/000001.png'))).not.toEqual(
      await readFile(join(root, 'a/train/000001.png')),
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('writes class folders', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ocelli-sample-'));
  try {
    await generateSampleDataset({ out: root, images: { train: 8, val: 4 }, layout: 'folder', classes: 2 });
    expect(await readdir(join(root, 'train'))).toEqual(['circle', 'cross']);
    const data = { train_data_path: join(root, 'train'), val_data_path: join(root, 'val') };
    const { train } = await openSplits(data, { task: 'classification' });
    expect(train.classes.names).toEqual(['circle', 'cross']);
    expect(train.records.map(({ labels }) => labels[0])).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    await expect(openSplits(data, { task: 'detection' })).rejects.toMatchObject({ code: 'boxes_missing' });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('sample: places draw on reading', async () => {
  const data = { train_data_path: 'sample:shapes?images=10&seed=3&size=32', val_data_path: 'sample:shapes' };
  const train = await openDataset(data, 'train', { task: 'classification' });
  expect(train.records).toHaveLength(10);
  expect(train.records[1]).toMatchObject({ width: 32, height: 32, labels: [1] });
  const bytes = await train.open(train.records[0]!).read();
  expect(bytes.subarray(1, 4)).toEqual(new TextEncoder().encode('PNG'));
  const boxes = await openDataset(data, 'train', { task: 'detection' });
  expect(Math.max(...boxes.records.map(({ annotations }) => annotations.length))).toBeGreaterThan(1);
});

test('a million of them end when they are told to', async () => {
  const signal = AbortSignal.timeout(100);
  const opened = openSplits(
    { train_data_path: 'sample:shapes?images=1000000', val_data_path: 'sample:shapes?images=1' },
    { task: 'detection', signal },
  );
  await expect(opened).rejects.toMatchObject({ name: 'TimeoutError' });
  const images = { train: 1_000_000, val: 1 };
  const written = generateSampleDataset({ out: '/nowhere/at/all', images, signal });
  await expect(written).rejects.toMatchObject({ name: 'TimeoutError' });
}, 20_000);

test('names every option that is wrong', () => {
  expect(parseSamplePlace('sample:shapes?images=5')).toMatchObject({
    images: 5,
    seed: 1,
    size: 64,
    classes: 4,
  });
  expect(() => parseSamplePlace('sample:circles?image=5&size=4&classes=two&seed=')).toThrow(
    expect.objectContaining({
      exitCode: 2,
      problems: [
        expect.stringContaining('sample:shapes'),
        expect.stringContaining('image:'),
        expect.stringContaining('size=4'),
        expect.stringContaining('classes=two'),
        expect.stringContaining('seed='),
      ],
    }),
  );
});

/** Which cells of a grid over [-1.2, 1.2]² an outline covers. */
function cells(corners: readonly number[], angle = 0): Uint8Array {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const polygon = corners.map((_, i) => {
    const [x, y] = [corners[i - (i % 2)]!, corners[i - (i % 2) + 1]!];
    return i % 2 === 0 ? cos * x - sin * y : sin * x + cos * y;
  });
  const [across, grid] = [2.4, 48];
  return Uint8Array.from({ length: grid * grid }, (_, cell) => {
    const x = (((cell % grid) + 0.5) / grid - 0.5) * across;
    const y = ((Math.floor(cell / grid) + 0.5) / grid - 0.5) * across;
    let inside = 0;
    for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
      const [x0, y0, x1, y1] = [polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!];
      if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside ^= 1;
    }
    return inside;
  });
}

test('no figure is a shape, however it is turned', () => {
  const figures = namesOf('figures');
  expect(figures.filter((name) => shapeNames.includes(name))).toEqual([]);
  for (const [label, name] of shapeNames.entries()) {
    const shape = cells(outlineOf('shapes', label));
    for (const other of figures.keys()) {
      let best = 0;
      for (let turn = 0; turn < 72; turn++) {
        const figure = cells(outlineOf('figures', other), (turn * Math.PI) / 36);
        let [both, either] = [0, 0];
        for (let i = 0; i < shape.length; i++) {
          both += shape[i]! & figure[i]!;
          either += shape[i]! | figure[i]!;
        }
        best = Math.max(best, both / either);
      }
      expect(best, `${figures[other]} laid over ${name}`).toBeLessThan(0.85);
    }
  }
});

test('figures are a place of their own', async () => {
  const data = { train_data_path: 'sample:figures?images=48&seed=3&size=48', val_data_path: 'sample:shapes' };
  const train = await openDataset(data, 'train', { task: 'classification' });
  expect(train.classes.names).toEqual(namesOf('figures'));
  expect(train.open(train.records[0]!).elsewhere?.place).toContain('sample:figures?');
  expect(drawShapes(0, { ...options, set: 'figures', classes: 24 })).not.toEqual(drawShapes(0, options));
  expect(() => parseSamplePlace('sample:shapes?classes=6')).toThrow(/classes=6/);
});
