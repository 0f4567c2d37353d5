/** A key in an address of a recipe is refused before the recipe is copied anywhere. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import { train } from '../../src/runs/index.ts';
import { tinyRecipe } from '../support/recipes.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-secrets-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['a signed address', 'data.train_data_path=https://h.example/set/?sig=test-secret'],
  ['a signed model', 'model.model_name=https://h.example/model/?sig=test-secret'],
  ['a SAS', 'data.val_data_path=abfss://c@a.dfs.core.windows.net/x?sig=test-secret'],
  ['a password', 'data.train_data_path=https://me:test-secret@h.example/set/'],
  ['a key before a bucket', 'training.checkpoint_dir=s3://key:test-secret@bucket/x'],
])('%s', async (_, override) => {
  const { recipe } = parseRecipe(tinyRecipe(), { source: 'recipe.yaml', overrides: [override] });
  const running = train({ recipe, out: join(folder, 'run'), device: 'cpu' });
  const error = await running.next().catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'place_invalid', exitCode: 2 });
  expect(String(error)).not.toContain('test-secret');
  expect(await readdir(folder)).toEqual([]);
});

test('places that carry none are left alone', async () => {
  const data = {
    train_data_path: 'abfss://c@a.dfs.core.windows.net/x',
    val_data_path: join(folder, 'what? @ a#b'),
  };
  const { recipe } = parseRecipe(tinyRecipe({ data }), { source: 'recipe.yaml' });
  const running = train({ recipe, out: join(folder, 'run'), device: 'cpu' });
  const error = await running
    .next()
    .then(() => running.next())
    .catch((caught: unknown) => caught);
  expect(error).not.toMatchObject({ code: 'place_invalid' });
  await running.return(undefined as never).catch(() => undefined);
});
