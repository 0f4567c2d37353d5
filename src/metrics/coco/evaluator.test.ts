import { describe, expect, it } from 'vitest';
import { DataError, derive, permutation } from '../../core/index.ts';
import { encodeMask } from '../../formats/rle/index.ts';
import { CocoEvaluator, type CocoEvaluatorOptions } from './evaluator.ts';
import { linspace } from './parameters.ts';
import type { CocoEvaluation, DetectionColumns, TruthColumns } from './types.ts';

interface Image {
  readonly id: number;
  readonly truth: TruthColumns;
  readonly detections: DetectionColumns;
}

/** Random images: truths, jittered copies of most of them, and false detections. All scores differ. */
function images(seed: number, count = 12, categories = 3): Image[] {
  const random = derive(seed, 'coco-test');
  return Array.from({ length: count }, (_, i) => {
    const truths = random.integer(6);
    const truth = {
      count: truths,
      categoryIds: Array.from({ length: truths }, () => 1 + random.integer(categories)),
      boxes: Array.from({ length: truths }, () => {
        const side = [20, 60, 150][random.integer(3)]!;
        return [random.uniform(0, 300), random.uniform(0, 300), side, side * random.uniform(0.5, 1.5)];
      }).flat(),
      areas: [] as number[],
      crowd: Array.from({ length: truths }, () => (random.next() < 0.1 ? 1 : 0)),
    };
    truth.areas = truth.categoryIds.map((_, g) => truth.boxes[4 * g + 2]! * truth.boxes[4 * g + 3]!);
    const boxes: number[] = [];
    const categoryIds: number[] = [];
    for (let d = 0; d < 8; d++) {
      const g = random.integer(truths + 2);
      const source = g < truths ? truth.boxes.slice(4 * g, 4 * g + 4) : [random.uniform(0, 300), 10, 30, 30];
      boxes.push(...source.map((value, side) => value + (side < 2 ? random.uniform(-6, 6) : 0)));
      categoryIds.push(
        g < truths && random.next() < 0.85 ? truth.categoryIds[g]! : 1 + random.integer(categories),
      );
    }
    const detections = { count: 8, categoryIds, boxes, scores: categoryIds.map(() => random.next()) };
    return { id: 10 + i, truth, detections };
  });
}

function evaluate(all: readonly Image[], options: CocoEvaluatorOptions = {}): CocoEvaluation {
  const evaluator = new CocoEvaluator([1, 2, 3], options);
  for (const { id, truth, detections } of all) evaluator.update(id, truth, detections);
  return evaluator.compute();
}

/** The truth itself as detections. */
const perfect = (image: Image): Image => ({
  ...image,
  detections: {
    count: image.truth.count,
    categoryIds: image.truth.categoryIds,
    boxes: image.truth.boxes!,
    scores: Array.from({ length: image.truth.count }, (_, i) => 1 - i / 100),
  },
});

describe('CocoEvaluator', () => {
  it.each([1, 2, 3, 4])('gives 1 for perfect detections (seed %i)', (seed) => {
    const { statNames, stats } = evaluate(images(seed).map(perfect));
    statNames.forEach((name, i) => {
      if (!['AR1', 'AR10'].includes(name)) expect([name, stats[i]]).toEqual([name, 1]);
    });
  });

  it.each([1, 2, 3, 4, 5])('does not depend on the order of images (seed %i)', (seed) => {
    const all = images(seed);
    const shuffled = [...permutation(all.length, derive(seed, 'order'))].map((i) => all[i]!);
    const a = evaluate(all);
    const b = evaluate(shuffled);
    expect(b.stats).toEqual(a.stats);
    expect(b.precision).toEqual(a.precision);
    expect(b.scores).toEqual(a.scores);
    expect(b.recall).toEqual(a.recall);
  });

  it('keeps equal scores in ascending image order, whatever order images come in', () => {
    const all = images(7).map((image) => ({
      ...image,
      detections: {
        ...image.detections,
        scores: Array.from(image.detections.scores, (s) => Math.round(s * 3)),
      },
    }));
    expect(evaluate(all.toReversed()).precision).toEqual(evaluate(all).precision);
  });

  it.each([1, 2, 3])('only looks at the order of scores, not at their values (seed %i)', (seed) => {
    const all = images(seed);
    const squashed = all.map((image) => ({
      ...image,
      detections: { ...image.detections, scores: Array.from(image.detections.scores, (s) => s ** 3 / 2) },
    }));
    expect(evaluate(squashed).stats).toEqual(evaluate(all).stats);
  });

  it.each([1, 2, 3])('never gains from a false detection (seed %i)', (seed) => {
    const all = images(seed);
    const worse = all.map((image) => {
      const { count, categoryIds, boxes, scores } = image.detections;
      return {
        ...image,
        detections: {
          count: count + 1,
          categoryIds: [...Array.from(categoryIds), 1],
          boxes: [...Array.from(boxes!), 900, 900, 5, 5],
          scores: [...Array.from(scores), 0.5],
        },
      };
    });
    expect(evaluate(worse).stats[0]!).toBeLessThanOrEqual(evaluate(all).stats[0]!);
  });

  it('measures more than 32 thresholds as it measures each alone', () => {
    const all = images(11, 20);
    const thresholds = linspace(0.3, 0.98, 40);
    const together = evaluate(all, { iouThresholds: thresholds });
    const slice = together.precision.length / thresholds.length;
    for (const t of [0, 31, 32, 39]) {
      const alone = evaluate(all, { iouThresholds: [thresholds[t]!] });
      expect(together.precision.slice(t * slice, (t + 1) * slice)).toEqual(alone.precision);
    }
  });

  it('is 0 without detections and −1 without ground truth', () => {
    const nothing = { count: 0, categoryIds: [], boxes: [], scores: [] };
    const all = images(3).map((image) => ({ ...image, detections: nothing }));
    expect(evaluate(all).stats[0]).toBe(0);
    const noTruth = { count: 0, categoryIds: [], boxes: [], areas: [], crowd: [] };
    const empty = images(3).map((image) => ({ ...image, truth: noTruth }));
    expect(evaluate(empty).stats).toEqual(new Array(12).fill(-1));
    expect(evaluate([]).stats).toEqual(new Array(12).fill(-1));
  });

  it('drops detections of unknown categories and ignores what matches a crowd', () => {
    const evaluator = new CocoEvaluator([1]);
    evaluator.update(
      1,
      {
        count: 2,
        categoryIds: [1, 1],
        boxes: [0, 0, 10, 10, 50, 50, 100, 100],
        areas: [100, 10000],
        crowd: [0, 1],
      },
      {
        count: 4,
        categoryIds: [1, 7, 1, 1],
        boxes: [0, 0, 10, 10, 0, 0, 10, 10, 60, 60, 20, 20, 90, 90, 30, 30],
        scores: [0.5, 0.9, 0.8, 0.7],
      },
    );
    expect(evaluator.compute().stats[0]).toBeCloseTo(1, 12);
  });

  it('measures masks', () => {
    const mask = (pixels: number) =>
      encodeMask(
        Array.from({ length: 100 }, (_, i) => (i < pixels ? 1 : 0)),
        { height: 10, width: 10 },
      );
    const evaluator = new CocoEvaluator([1], { iouType: 'segm' });
    evaluator.update(
      1,
      { count: 1, categoryIds: [1], areas: [100], crowd: [0], masks: [mask(100)] },
      { count: 1, categoryIds: [1], scores: [1], masks: [mask(72)] },
    );
    // IoU 0.72 passes the thresholds 0.50 … 0.70.
    expect(evaluator.compute().stats[0]).toBeCloseTo(0.5, 12);
  });

  it('says what is wrong with its input', () => {
    const [image] = images(5);
    const evaluator = new CocoEvaluator([1, 2, 3]);
    evaluator.update(image!.id, image!.truth, image!.detections);
    expect(() => evaluator.update(image!.id, image!.truth, image!.detections)).toThrow(/image 10 again/);
    const broken = {
      ...image!.detections,
      scores: [Number.NaN, ...Array.from(image!.detections.scores).slice(1)],
    };
    expect(() => evaluator.update(99, image!.truth, broken)).toThrow(DataError);
    const { boxes: _, ...boxless } = image!.detections;
    expect(() => evaluator.update(98, image!.truth, boxless)).toThrow(/boxes of 8 detections of image 98/);
    expect(() => new CocoEvaluator([1], { maxDetections: [] })).toThrow(/maxDetections/);
  });
});
