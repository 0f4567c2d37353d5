import { describe, expect, it } from 'vitest';
import { ClassMap } from '../../core/index.ts';
import type { ImageRecord } from '../../data/index.ts';
import { evaluateCoco } from '../../metrics/index.ts';
import { cocoResults, detectionEvaluator, detectionMetricNames } from './metrics.ts';

const classes = new ClassMap([
  { id: 3, name: 'cat' },
  { id: 8, name: 'dog' },
]);

const record = (
  id: number,
  boxes: readonly [number, number, number, number][],
  categoryId = 3,
): ImageRecord => ({
  id,
  fileName: `${id}.jpg`,
  width: 200,
  height: 200,
  labels: [],
  annotations: boxes.map((bbox, i) => ({
    id: 10 * id + i,
    categoryId,
    bbox,
    area: bbox[2] * bbox[3],
    iscrowd: false,
  })),
});

const prediction = (boxes: readonly number[], labels: readonly number[], scores: readonly number[]) => ({
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  scores: Float32Array.from(scores),
});

describe('detectionEvaluator', () => {
  it('names its numbers, leaves out what has no ground truth, and promises no other names', () => {
    const evaluator = detectionEvaluator(classes);
    evaluator.update(record(1, [[10, 10, 20, 20]]), prediction([10, 10, 30, 30], [0], [0.9]));
    const metrics = evaluator.compute();
    expect(metrics.map).toBeCloseTo(1, 12);
    expect(metrics.map_class_3).toBeCloseTo(1, 12);
    expect(metrics.mar_100).toBe(1);
    expect(Object.keys(metrics)).not.toContain('map_class_8');
    expect(Object.keys(metrics)).not.toContain('map_large');
    for (const name of Object.keys(metrics)) expect(detectionMetricNames(classes)).toContain(name);
  });

  it('finds the classes of another model by name', () => {
    const model = new ClassMap([
      { id: 0, name: 'bird' },
      { id: 1, name: 'cat' },
    ]);
    const evaluator = detectionEvaluator(classes, model);
    evaluator.update(
      record(1, [[10, 10, 20, 20]]),
      prediction([10, 10, 30, 30, 9, 9, 30, 30], [1, 0], [0.5, 0.9]),
    );
    expect(evaluator.compute().map).toBeCloseTo(1, 12);
  });

  it('gives what pycocotools gives on the results file', () => {
    const records = [record(1, [[10, 10, 21.3, 20]]), record(2, [[5, 5, 90, 90.7]], 8)];
    const predictions = [
      prediction([11.3, 10.1, 30.2, 31.7, 50, 50, 70, 70], [0, 0], [0.7, 0.8]),
      prediction([4.4, 7.7, 99.1, 90], [1], [0.3]),
    ];
    const evaluator = detectionEvaluator(classes);
    records.forEach((item, i) => {
      evaluator.update(item, predictions[i]!);
    });
    const truth = {
      images: records,
      categories: classes.categories,
      annotations: records.flatMap((item) =>
        item.annotations.map(({ id, categoryId, bbox, area }) => ({
          id,
          image_id: item.id,
          category_id: categoryId,
          bbox,
          area,
        })),
      ),
    };
    const results = records.flatMap((item, i) => cocoResults(item.id, predictions[i]!, classes));
    const written = JSON.parse(JSON.stringify(results)) as typeof results;
    expect(evaluator.evaluation().stats).toEqual(evaluateCoco(truth, written).stats);
  });
});
