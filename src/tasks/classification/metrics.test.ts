import { describe, expect, it } from 'vitest';
import { ClassMap } from '../../core/index.ts';
import type { ImageRecord } from '../../data/index.ts';
import { classificationEvaluator, classificationMetricNames } from './metrics.ts';

const classMap = (count: number) =>
  new ClassMap(Array.from({ length: count }, (_, id) => ({ id, name: `class ${id}` })));
const record = (id: number, ...labels: number[]): ImageRecord => ({
  id,
  fileName: `${id}.jpg`,
  width: 10,
  height: 10,
  annotations: [],
  labels,
});
const scores = (...values: number[]) => ({ scores: Float32Array.from(values) });

describe('classificationEvaluator', () => {
  it('computes every name that it promises, and no other', () => {
    const classes = classMap(6);
    const evaluator = classificationEvaluator(classes);
    for (let i = 0; i < 200; i++) {
      evaluator.update(
        record(i, i % 6),
        scores(...Array.from({ length: 6 }, (_, c) => (i % 6 === c ? 0.5 : 0.1))),
      );
    }
    const metrics = evaluator.compute();
    expect(Object.keys(metrics).sort()).toEqual(classificationMetricNames(classes).sort());
    for (const value of Object.values(metrics)) expect(value).toBe(1);
  });

  it.each([false, true])(
    'refuses a score that is no number, with the image (multi-label: %s)',
    (multiLabel) => {
      const evaluator = classificationEvaluator(classMap(3), { multiLabel });
      expect(() => evaluator.update(record(17, 2), scores(0.2, Number.NaN, 0.5))).toThrow(
        expect.objectContaining({ code: 'score_not_a_number', message: expect.stringContaining('image 17') }),
      );
    },
  );

  it('leaves out what does not exist: top 5 of three classes, AUC of one class', () => {
    const evaluator = classificationEvaluator(classMap(3));
    evaluator.update(record(1, 2), scores(0.2, 0.3, 0.5));
    expect(Object.keys(evaluator.compute())).not.toContain('auc');
    expect(classificationMetricNames(classMap(3))).not.toContain('accuracy_top5');
    expect(classificationEvaluator(classMap(3)).compute()).toEqual({});
  });

  it('asks for all labels with several labels per image', () => {
    const evaluator = classificationEvaluator(classMap(3), { multiLabel: true });
    evaluator.update(record(1, 0, 2), scores(0.9, 0.1, 0.8));
    evaluator.update(record(2, 1), scores(0.6, 0.7, 0.2));
    evaluator.update(record(3), scores(0.1, 0.1, 0.1));
    const metrics = evaluator.compute();
    expect(metrics.accuracy).toBeCloseTo(2 / 3, 12);
    expect(metrics.precision_micro).toBeCloseTo(3 / 4, 12);
    expect(metrics.recall_micro).toBe(1);
  });

  it('finds classes by name; a class that the model lacks is never predicted', () => {
    const model = new ClassMap([
      { id: 0, name: 'class 1' },
      { id: 1, name: 'other' },
    ]);
    const evaluator = classificationEvaluator(classMap(2), {}, model);
    evaluator.update(record(1, 1), scores(0.6, 0.4));
    evaluator.update(record(2, 0), scores(0.3, 0.7));
    expect(evaluator.compute().accuracy).toBe(0.5);
  });

  it('refuses an image with two labels unless several are allowed', () => {
    expect(() => classificationEvaluator(classMap(3)).update(record(7, 0, 1), scores(1, 0, 0))).toThrow(
      /one label from 0 to 2 for image 7.*multi_label: true/s,
    );
  });
});
