/** What the form offers to choose from is what a resolved recipe says: no second spelling of the same thing. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseRecipe, resolvedYaml } from '../../config/index.ts';
import { changeRecipe } from './change.ts';
import { formSections } from './fields.ts';

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
  expect(offered).toContain('keypoint_detection');
  expect(offered).toContain('fp16');
});
