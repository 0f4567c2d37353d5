/** The recipe's lists of names, held together with the rooms that carry them out. */
import { describe, expect, it } from 'vitest';
import { ClassMap } from '../core/index.ts';
import { classificationMetricNames } from '../tasks/classification/metrics.ts';
import { detectionMetricNames } from '../tasks/detection/metrics.ts';
import { createAlgorithm, optimizerNames, recipeLearningRates } from '../training/index.ts';
import { parseRecipe } from './index.ts';
import { optimizerOptions, schedulerOptions, taskMetrics } from './schema/index.ts';

const classes = new ClassMap(Array.from({ length: 9 }, (_, id) => ({ id, name: `class ${id}` })));
const resolved = (...overrides: string[]) =>
  parseRecipe('model: {model_name: a, task_type: detection}\ndata: {train_data_path: a, val_data_path: b}', {
    overrides,
  }).recipe.training;

describe('metric names', () => {
  it('of classification are those that its evaluator computes', () => {
    expect(classificationMetricNames(classes).toSorted()).toEqual(
      taskMetrics.classification.metrics.toSorted(),
    );
  });

  it('of detection are those that its evaluator computes', () => {
    const names = detectionMetricNames(classes).map((name) =>
      name.replace(/^map_class_\d+$/, 'map_class_<id>'),
    );
    expect([...new Set(names)].toSorted()).toEqual(taskMetrics.detection.metrics.toSorted());
  });
});

describe('optimisers and schedulers', () => {
  it('of optimisers are those that training knows', () => {
    expect(Object.keys(optimizerOptions).toSorted()).toEqual(optimizerNames().toSorted());
  });

  it.each(Object.keys(optimizerOptions))('%s takes the options that a resolved recipe gives it', (name) => {
    const { optimizer, optimizer_params } = resolved(`training.optimizer=${name}`);
    expect(Object.keys(optimizer_params).toSorted()).toEqual(optimizerOptions[name]!.toSorted());
    expect(createAlgorithm(optimizer, optimizer_params).name.toLowerCase()).toBe(name);
  });

  it.each(Object.keys(schedulerOptions))('%s takes the resolved parameters', (name) => {
    const training = resolved(`training.scheduler=${name}`, 'training.max_epochs=10');
    const rates = recipeLearningRates(training, { stepsPerEpoch: 5, totalSteps: 50 });
    expect(rates.at(0)).toBeCloseTo(1e-4, 12);
    expect(rates.at(49)).toBeGreaterThanOrEqual(0);
  });
});
