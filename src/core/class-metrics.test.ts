/** From category ids in metric names to names of classes, and never to another class's. */
import { expect, test } from 'vitest';
import { ClassMap } from './class-map.ts';
import { classesOfData, classMetric, withClassName } from './class-metrics.ts';

const classes = new ClassMap([
  { id: 13, name: 'stop sign' },
  { id: 1, name: 'traffic_light' },
]);

test('the id of a metric is a category id, not a label', () => {
  expect(classMetric('val_map_class_13', classes)).toEqual({ measure: 'val_map', className: 'stop sign' });
  expect(classMetric('val_map_class_0', classes)).toBeUndefined();
  expect(withClassName('test_map_class_1', classes)).toBe('test_map_class_1 (traffic_light)');
});

test('other metrics, unknown ids and unknown classes stay as they are', () => {
  const names = ['val_map', 'val_accuracy_top5', 'val_map_class_7', 'class_13'];
  expect(names.map((name) => withClassName(name, classes))).toEqual(names);
  expect(withClassName('val_map_class_13', undefined)).toBe('val_map_class_13');
});

test('a run tells its classes with their ids; a log without ids says nothing about them', () => {
  const told = classesOfData({ classes: ['cat', 'dog'], categoryIds: [17, 18] });
  expect(classMetric('val_map_class_18', told)?.className).toBe('dog');
  expect(classesOfData({ classes: ['cat', 'dog'] })).toBeUndefined();
});
