/** Orders, weights and batch shapes: pure functions of seed, epoch and sizes. */
import { expect, test } from 'vitest';
import { ClassMap } from '../core/index.ts';
import { createProcessor } from '../vision/index.ts';
import { batchShapes, planBatches, shapeNumbers, smallestShape } from './batch-plan.ts';
import { classWeights, createSampler, imageWeights } from './index.ts';
import type { ImageRecord } from './types.ts';

const classes = new ClassMap([
  { id: 1, name: 'a' },
  { id: 2, name: 'b' },
  { id: 3, name: 'c' },
]);
const record = (labels: number[], categoryIds: number[] = []): ImageRecord => ({
  id: 1,
  fileName: 'x',
  width: 640,
  height: 480,
  labels,
  annotations: categoryIds.map((categoryId, id) => ({
    id,
    categoryId,
    bbox: [0, 0, 1, 1],
    area: 1,
    iscrowd: false,
  })),
});

test('shuffle is a permutation that seed and epoch decide', () => {
  const dataset = { classes, records: Array.from({ length: 100 }, () => record([0])) };
  const order = createSampler('shuffle', dataset, 1);
  expect([...order(0)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(order(0)).toEqual(createSampler('shuffle', dataset, 1)(0));
  expect(order(0)).not.toEqual(order(1));
  expect(order(0)).not.toEqual(createSampler('shuffle', dataset, 2)(0));
});

test('image weights: 1 / frequency for one class, its root for several, the least for none', () => {
  const single = { classes, records: [record([0]), record([0]), record([0]), record([1])] };
  expect([...imageWeights(single)]).toEqual([1 / 3, 1 / 3, 1 / 3, 1]);
  const several = { classes, records: [record([], [1, 1, 2]), record([], [1]), record([], [])] };
  expect([...imageWeights(several)]).toEqual([1, Math.sqrt(1 / 2), Math.sqrt(1 / 2)]);
  expect([...imageWeights({ classes, records: [record([]), record([])] })]).toEqual([1, 1]);
});

test('weighted always draws existing records', () => {
  const dataset = { classes, records: [record([0]), record([1]), record([1])] };
  const order = createSampler('weighted', dataset, 4);
  for (let epoch = 0; epoch < 50; epoch++) {
    expect(order(epoch)).toHaveLength(3);
    expect(Math.max(...order(epoch))).toBeLessThan(3);
  }
});

test('balanced class weights are 1 on average over the samples', () => {
  const dataset = { classes, records: [record([0]), record([0]), record([0]), record([1])] };
  const weights = classWeights(dataset, 'balanced');
  expect([...weights].map((weight) => Math.round(weight * 1e6) / 1e6)).toEqual([0.666667, 2, 1]);
  expect(classWeights(dataset, [1, 2, 3])).toEqual(Float32Array.from([1, 2, 3]));
  expect(() => classWeights(dataset, [1, 2])).toThrow(expect.objectContaining({ exitCode: 2 }));
  expect(() => classWeights(dataset, [1, 2, -1])).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test('fixed-size processors have one batch shape', () => {
  const vit = createProcessor({
    image_processor_type: 'ViTImageProcessor',
    size: { height: 224, width: 224 },
  });
  expect(batchShapes(vit)).toEqual([{ height: 224, width: 224 }]);
});

test("DETR's shapes hold every picture, and few of them do", () => {
  const detr = createProcessor({
    image_processor_type: 'DetrImageProcessor',
    size: { shortest_edge: 800, longest_edge: 1333 },
  });
  const shapes = batchShapes(detr);
  expect(shapes.length).toBeLessThan(10);
  for (const [height, width] of [
    [480, 640],
    [640, 480],
    [100, 1000],
    [1000, 100],
    [500, 500],
    [333, 500],
    [1, 1000],
  ]) {
    const size = detr.outputSize({ height: height!, width: width! });
    const shape = smallestShape(shapes, [size])!;
    expect(shape.height).toBeGreaterThanOrEqual(size.height);
    expect(shape.width).toBeGreaterThanOrEqual(size.width);
  }
  expect(smallestShape(shapes, [detr.outputSize({ height: 480, width: 640 })])).toEqual({
    height: 800,
    width: 1072,
  });
});

test('batches hold one shape as long as they can, and there are always as many', () => {
  const detr = createProcessor({
    image_processor_type: 'DetrImageProcessor',
    size: { shortest_edge: 800, longest_edge: 1333 },
  });
  const shapes = batchShapes(detr);
  const records = Array.from({ length: 23 }, (_, i) => ({
    ...record([]),
    ...(i % 3 === 0 ? { width: 480, height: 640 } : {}),
  }));
  const numbers = shapeNumbers(records, shapes, detr);
  expect(new Set(numbers).size).toBe(2);
  const order = createSampler('shuffle', { classes, records }, 3)(0);
  const batches = planBatches(order, numbers, 4);
  expect(batches.length).toBe(6);
  const mixed = batches.filter((batch) => new Set(batch.map(({ index }) => numbers[index])).size > 1);
  expect(mixed.length).toBeLessThanOrEqual(1);
  const places = batches.flat().map(({ place }) => place);
  expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: 23 }, (_, i) => i));
  for (const { place, index } of batches.flat()) expect(order[place]).toBe(index);
});
