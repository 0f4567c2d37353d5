/** Tasks by name. */
import { expect, test } from 'vitest';
import { ClassMap, ConfigError, taskNames } from '../core/index.ts';
import { createTask, knownTasks, requireTask } from './registry.ts';

const classes = new ClassMap([{ id: 1, name: 'one' }]);

test('every task that is known can be made, under its name', () => {
  for (const name of knownTasks()) expect(createTask(name as 'detection', { classes }).name).toBe(name);
});

test('a task that a recipe may name but that is not built is refused by name', () => {
  const missing = taskNames.filter((name) => !knownTasks().includes(name));
  expect(missing).toContain('keypoint_detection');
  for (const name of missing) {
    expect(() => requireTask(name)).toThrow(ConfigError);
    expect(() => createTask(name, { classes })).toThrow(
      `Expected a task_type that is one of ${knownTasks().join(', ')}. Received: ${name}, which is not built yet.`,
    );
  }
});
