/**
 * What the reference cases don't show: batches that are filled up, images without objects, class weights,
 * targets of one shape whatever the images hold, and numbers that stay finite.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClassMap, ShapeError } from '../../core/index.ts';
import type { Batch } from '../../data/index.ts';
import { type Device, openDevice, Tape, tf } from '../../engine/index.ts';
import { createTask } from '../registry.ts';
import type { HostArrays, HostOutputs } from '../types.ts';
import { assign } from './assignment.ts';
import { detectionLoss } from './loss.ts';
import { type DetectionLabels, matchingCosts } from './matching.ts';
import { detectionOptions } from './options.ts';
import { detectionTargets } from './targets.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

const queries = 6;
const columns = 4;
const { matching, loss: weights } = detectionOptions({});

function outputsFor(images: number): HostOutputs {
  const wave = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.sin(i * step));
  return {
    logits: { shape: [images, queries, columns], data: wave(images * queries * columns, 1.7) },
    pred_boxes: {
      shape: [images, queries, 4],
      data: wave(images * queries * 4, 2.3).map((value) => 0.5 + 0.3 * value),
    },
  };
}

const objects: DetectionLabels[] = [
  { classLabels: [1, 0], boxes: [0.3, 0.4, 0.2, 0.2, 0.7, 0.6, 0.3, 0.5] },
  { classLabels: [2], boxes: [0.5, 0.5, 0.9, 0.4] },
];

async function lossOf(outputs: HostOutputs, targets: HostArrays): Promise<Record<string, number>> {
  const upload = (arrays: HostArrays): Record<string, tf.Tensor> =>
    Object.fromEntries(
      Object.entries(arrays).map(([name, { shape, data }]) => [
        name,
        tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
      ]),
    );
  const { total, parts } = detectionLoss(upload(outputs), upload(targets), weights);
  const numbers: Record<string, number> = { total: (await total.data())[0]! };
  for (const [name, part] of Object.entries(parts)) numbers[name] = (await part.data())[0]!;
  return numbers;
}

const shapesOf = (arrays: HostArrays): unknown =>
  Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]));

/** The first `count` images of outputs. */
function firstImages(outputs: HostOutputs, count: number): HostOutputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { shape, data }]) => {
      const length = (data.length / shape[0]!) * count;
      return [name, { shape: [count, ...shape.slice(1)], data: data.slice(0, length) }];
    }),
  );
}

describe('targets', () => {
  test('have one shape, however many objects there are', () => {
    const outputs = outputsFor(2);
    const none = [
      { classLabels: [], boxes: [] },
      { classLabels: [], boxes: [] },
    ];
    expect(shapesOf(detectionTargets(outputs, none, matching))).toEqual(
      shapesOf(detectionTargets(outputs, objects, matching)),
    );
  });

  test('give each object one query', () => {
    const targets = detectionTargets(outputsFor(2), objects, matching);
    const classes = [...targets.target_classes!.data];
    expect(classes.filter((label) => label !== 3).sort()).toEqual([0, 1, 2]);
    expect([...targets.matched!.data].filter((value) => value === 1)).toHaveLength(3);
    expect([...targets.num_boxes!.data]).toEqual([3]);
  });

  test('refuse a label that the model has no class for', () => {
    const broken = [{ classLabels: [3], boxes: [0.5, 0.5, 0.1, 0.1] }];
    expect(() => detectionTargets(outputsFor(1), broken, matching)).toThrow(ShapeError);
  });

  test('of every auxiliary layer have its suffix', () => {
    const { logits, pred_boxes } = outputsFor(2);
    const outputs = {
      logits: logits!,
      pred_boxes: pred_boxes!,
      'auxiliary_outputs.0.logits': logits!,
      'auxiliary_outputs.0.pred_boxes': pred_boxes!,
    };
    const targets = detectionTargets(outputs, objects, matching);
    expect(targets.target_classes_0).toEqual(targets.target_classes);
  });

  test('come from a batch in pixels, relative to the image without its padding', () => {
    const task = createTask('detection', {
      classes: new ClassMap([{ id: 1, name: 'a' }]),
      config: undefined,
    });
    const size = { height: 50, width: 100 };
    const sample = { index: 0, imageId: 1, size, originalSize: size, labels: [] };
    const batch = {
      count: 1,
      shape: [1, 3, 80, 120],
      samples: [{ ...sample, boxes: [[10, 5, 30, 45]], boxLabels: [0] }],
    } as unknown as Batch;
    const outputs = { logits: { shape: [1, 1, 2], data: Float32Array.of(0, 0) } };
    const boxes = { shape: [1, 1, 4], data: Float32Array.of(0.5, 0.5, 0.5, 0.5) };
    const targets = task.targets(batch, { ...outputs, pred_boxes: boxes });
    expect([...targets.target_boxes!.data]).toEqual([...Float32Array.of(0.2, 0.5, 0.2, 0.8)]);
  });
});

describe('loss', () => {
  test('of a batch that is filled up is that of its real images', async () => {
    const three = outputsFor(3);
    const two = firstImages(three, 2);
    const filled = await lossOf(three, detectionTargets(three, objects, matching));
    const real = await lossOf(two, detectionTargets(two, objects, matching));
    for (const [name, value] of Object.entries(real)) expect(filled[name], name).toBeCloseTo(value, 6);
  });

  test('without any object is a class loss alone', async () => {
    const outputs = outputsFor(1);
    const numbers = await lossOf(
      outputs,
      detectionTargets(outputs, [{ classLabels: [], boxes: [] }], matching),
    );
    expect(numbers.loss_bbox).toBe(0);
    expect(numbers.loss_giou).toBe(0);
    expect(numbers.total).toBeCloseTo(numbers.loss_ce!, 6);
    expect(numbers.loss_ce).toBeGreaterThan(0);
  });

  test('weighs classes as it is told', async () => {
    const outputs = outputsFor(2);
    const plain = await lossOf(outputs, detectionTargets(outputs, objects, matching));
    const same = { ...matching, classWeights: [1, 1, 1] };
    const other = { ...matching, classWeights: [1, 5, 1] };
    expect(await lossOf(outputs, detectionTargets(outputs, objects, same))).toEqual(plain);
    const heavy = await lossOf(outputs, detectionTargets(outputs, objects, other));
    expect(heavy.loss_ce).not.toBeCloseTo(plain.loss_ce!, 3);
    expect(heavy.loss_giou).toBeCloseTo(plain.loss_giou!, 6);
  });

  test('stays finite, with its gradient, for boxes without area', async () => {
    const outputs = outputsFor(1);
    const flat = { ...outputs, pred_boxes: { shape: [1, queries, 4], data: new Float32Array(queries * 4) } };
    const targets = detectionTargets(flat, [objects[1]!], matching);
    const boxes = tf.variable(tf.zeros([1, queries, 4]));
    const tape = new Tape();
    const uploaded = Object.fromEntries(
      Object.entries(targets).map(([name, { shape, data }]) => [
        name,
        tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
      ]),
    );
    const logits = tf.tensor(outputs.logits!.data, [1, queries, columns]);
    const { total } = detectionLoss({ logits, pred_boxes: boxes }, uploaded, weights);
    const [gradient] = tape.gradients(total, [boxes]);
    expect(Number.isFinite((await total.data())[0])).toBe(true);
    expect([...(await gradient!.data())].every(Number.isFinite)).toBe(true);
    tape.dispose();
  });
});

describe('assignment', () => {
  test('of no rows or no columns is empty', () => {
    expect(assign([], 0, 4)).toEqual({ rows: [], columns: [], cost: 0 });
    expect(assign([], 4, 0)).toEqual({ rows: [], columns: [], cost: 0 });
  });

  test('is the best of all, for many small matrices', () => {
    const best = (
      costs: readonly number[],
      rows: number,
      columns: number,
      used: ReadonlySet<number>,
    ): number => {
      const row = used.size;
      if (row === rows) return 0;
      let least = Number.POSITIVE_INFINITY;
      for (let column = 0; column < columns; column++) {
        if (used.has(column)) continue;
        const rest = best(costs, rows, columns, new Set([...used, column]));
        least = Math.min(least, costs[row * columns + column]! + rest);
      }
      return least;
    };
    for (let trial = 0; trial < 200; trial++) {
      const [rows, columns] = [1 + (trial % 4), 4 + (trial % 2)];
      const costs = Array.from({ length: rows * columns }, (_, i) =>
        Math.round(20 * Math.sin(trial * 37 + i * 11)),
      );
      expect(assign(costs, rows, columns).cost).toBeCloseTo(best(costs, rows, columns, new Set()), 9);
    }
  });

  test('says when a cost is no number, as after a step that diverged', () => {
    expect(() => assign([1, Number.NaN], 1, 2)).toThrow(/diverged/);
    const outputs = { logits: [Number.NaN, 0], boxes: [0.5, 0.5, 1, 1], queries: 1 };
    const labels = { classLabels: [0], boxes: [0.5, 0.5, 1, 1] };
    expect(() => assign(matchingCosts(outputs, labels, matching), 1, 1)).toThrow(/diverged/);
  });
});
