/** Metrics per class bear the class's name, and a name that looks like a metric changes nothing. */
import { expect, test } from 'vitest';
import { ClassMap } from '../core/index.ts';
import { isLoss, namedMetric } from './class-metrics.ts';
import { metricName, metricOf } from './format.ts';

const classes = (...names: string[]): ClassMap =>
  new ClassMap(names.map((name, at) => ({ id: at + 1, name })));

test('a metric of a class is named after it', () => {
  const known = classes('traffic_light', 'bag of chips');
  expect(namedMetric('val_map_class_1', known)).toBe('val_map of traffic_light');
  expect(metricName(namedMetric('val_map_class_2', known))).toBe('mAP of bag of chips');
  expect(metricName(namedMetric('val_map_class_1', known))).toBe('mAP of traffic_light');
  expect(namedMetric('val_map_50', known)).toBe('val_map_50');
});

test('without a name of its own a class keeps its number', () => {
  expect(namedMetric('val_map_class_3', classes('cat', 'dog'))).toBe('val_map_class_3');
  expect(namedMetric('val_map_class_1', undefined)).toBe('val_map_class_1');
  expect(namedMetric('val_map_class_1', classes('cat', 'cat'))).toBe('val_map_class_1');
  expect(metricName('val_map_class_1')).toBe('mAP class 1');
});

test('the score of a class that is called error is a score', () => {
  const metric = namedMetric('val_map_class_1', classes('print_error'));
  expect(isLoss(metric)).toBe(false);
  expect(metricOf(metric, 0.5)).toBe('50.0 %');
  expect(isLoss('val_cardinality_error')).toBe(true);
});
