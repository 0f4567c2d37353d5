/** Changes of a recipe's text keep everything that was not changed. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { changeRecipe } from './change.ts';
import { formSections } from './fields.ts';

const text = `# head
model:
  model_name: a/b          # which one
  task_type: classification

data:
  train_data_path: x
  val_data_path: y
  augmentations: { horizontal_flip: true, rotation: 15 }

# how long
training:
  max_epochs: 3            # three
  freeze: [a, b]
  note:
output: {}
`;

const change = (path: string, value: unknown): string =>
  changeRecipe(text, [{ path: path.split('.'), value }]);

test('a value is replaced where it stands', () => {
  expect(change('training.max_epochs', 12)).toBe(
    text.replace('max_epochs: 3            # three', 'max_epochs: 12            # three'),
  );
  expect(change('model.model_name', 'a: b # c')).toBe(
    text.replace('a/b          #', '"a: b # c"          #'),
  );
  expect(change('training.freeze', ['c'])).toBe(text.replace('[a, b]', '[ c ]'));
  expect(change('training.note', 1)).toBe(text.replace('note:\n', 'note: 1\n'));
  expect(change('training.max_epochs', 3)).toBe(text);
});

test('a new key gets a line at the end of its section, and a new section comes last', () => {
  expect(change('data.batch_size', 8)).toBe(
    text.replace('rotation: 15 }\n', 'rotation: 15 }\n  batch_size: 8\n'),
  );
  expect(change('mlflow.run_name', 'one')).toBe(`${text.trimEnd()}\n\nmlflow:\n  run_name: one\n`);
  expect(change('training.optimizer_params.betas', [0.9, 0.99])).toBe(
    text.replace('note:\n', 'note:\n  optimizer_params:\n    betas: [ 0.9, 0.99 ]\n'),
  );
});

test('a key that goes takes its lines along, and comments elsewhere stay', () => {
  expect(change('training.max_epochs', undefined)).toBe(
    text.replace('  max_epochs: 3            # three\n', ''),
  );
  const inBraces = change('data.augmentations.rotation', undefined);
  expect(parse(inBraces)).toMatchObject({ data: { augmentations: { horizontal_flip: true } } });
  expect(inBraces).toContain('# three');
  expect(change('data.nothing', undefined)).toBe(text);
});

test('text that is no YAML is left to its author', () => {
  expect(changeRecipe('model: [', [{ path: ['model', 'x'], value: 1 }])).toBe('model: [');
});

const valueAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], tree);

test('every field of the form can be changed in every recipe of ours, and read back', () => {
  const fields = formSections().flatMap(({ common, groups }) => [
    ...common,
    ...groups.flatMap((group) => group.fields),
  ]);
  expect(fields.length).toBeGreaterThan(80);
  for (const name of ['quickstart', 'detection_yolos']) {
    const recipe = readFileSync(`configs/${name}.yaml`, 'utf8');
    for (const { path } of fields) {
      for (const value of name === 'quickstart' ? [[1, 2], undefined] : ['some text']) {
        const changed = changeRecipe(recipe, [{ path, value }]);
        expect(valueAt(parse(changed), path), `${name} ${path.join('.')}`).toEqual(value);
      }
    }
  }
});
