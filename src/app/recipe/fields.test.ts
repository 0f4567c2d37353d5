/** What the form offers to choose from is what a resolved recipe says: no second spelling of the same thing. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseRecipe, resolvedYaml } from '../../config/index.ts';
import { taskNames } from '../../core/index.ts';
import { knownTasks } from '../../tasks/registry.ts';
import { changeRecipe } from './change.ts';
import { formSections } from './fields.ts';
import { readRecipe } from './read.ts';
import { trainableTasks } from './tasks.ts';

const text = `model: { model_name: a/b, task_type: classification }
data: { train_data_path: x, val_data_path: y }
`;

test('every option of a choice stands for itself, once', () => {
  const fields = formSections().flatMap(({ common, groups }) => [
    ...common,
    ...groups.flatMap((group) => group.fields),
  ]);
  const offered: string[] = [];
  for (const { path, control } of fields) {
    if (control.kind !== 'select') continue;
    expect(new Set(control.options).size, path.join('.')).toBe(control.options.length);
    for (const option of control.options) {
      offered.push(option);
      const changed = changeRecipe(text, [{ path, value: option }]);
      let recipe: ReturnType<typeof parseRecipe>['recipe'];
      try {
        ({ recipe } = parseRecipe(changed, { source: 'recipe.yaml' }));
      } catch {
        // Some need other keys beside them.
        continue;
      }
      const resolved = path.reduce<unknown>(
        (at, key) => (at as Record<string, unknown>)[key],
        parse(resolvedYaml(recipe)),
      );
      // Options of a scheduler count with it alone.
      if (resolved !== undefined) expect({ path, resolved }).toEqual({ path, resolved: option });
    }
  }
  for (const name of [...trainableTasks, 'fp16']) expect(offered).toContain(name);
  for (const name of taskNames.filter((name) => !trainableTasks.includes(name)))
    expect(offered).not.toContain(name);
});

test('tasks that can be trained are those that there are; another one is a problem at its place', () => {
  expect([...trainableTasks].toSorted()).toEqual([...knownTasks()].toSorted());
  expect(readRecipe(text)).toMatchObject({
    problems: [],
    recipe: { model: { task_type: 'classification' } },
  });
  const later = readRecipe(
    `model:\n  model_name: a/b\n  task_type: semantic_segmentation\n${text.split('\n')[1]}\n`,
  );
  expect(later.recipe).toBeUndefined();
  expect(later.problems).toEqual([
    {
      path: ['model', 'task_type'],
      line: 3,
      column: 14,
      text: 'model.task_type: expected one of classification, detection. Received: semantic_segmentation, which can not be trained yet',
    },
  ]);
});
