/** What `push` says of run folders that somebody has spoiled; real servers are in tests/integration/mlflow.test.ts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { push } from './index.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'ocelli-push-'));
  await writeFile(join(run, 'recipe.yaml'), 'model: { model_name: a, task_type: classification }\n');
});
afterEach(() => rm(run, { recursive: true, force: true }));

// Nobody listens there: what is wrong with the folder is known before anyone is asked.
const pushed = (folder = run): Promise<unknown> =>
  push(folder, { trackingUri: 'http://127.0.0.1:9', environment: () => undefined, attempts: 1 }).catch(
    (error: unknown) => error,
  );

it.each([
  ['', 'run_recipe_broken'],
  ['- a list\n', 'run_recipe_broken'],
  ['model: [1, 2\n', 'run_recipe_broken'],
])('a recipe.yaml of %j', async (text, code) => {
  await writeFile(join(run, 'recipe.yaml'), text);
  expect(await pushed()).toMatchObject({ code, exitCode: 3 });
});

it.each(['', '{', 'null', '[]', '{"uri":"http://127.0.0.1:9"}'])('a tracking.json of %j', async (text) => {
  await writeFile(join(run, 'tracking.json'), text);
  expect(await pushed()).toMatchObject({ code: 'tracking_state_broken', exitCode: 3 });
});

it('an events.jsonl with a broken line, by its number; one that was cut off is left out', async () => {
  await writeFile(join(run, 'events.jsonl'), '{"type":"epoch"}\n{"type":\n{"type":"epoch"}\n');
  expect(await pushed()).toMatchObject({ code: 'events_broken', expected: expect.stringMatching(/line 2/) });
  await writeFile(join(run, 'events.jsonl'), '{"type":"epoch"}\n{"type":');
  expect(await pushed()).toMatchObject({ code: 'mlflow_unavailable', exitCode: 5 });
});

it('a file, a folder that is no run, and a folder where the recipe should be', async () => {
  expect(await pushed(join(run, 'recipe.yaml'))).toMatchObject({ code: 'not_a_run' });
  expect(await pushed(join(run, 'nothing'))).toMatchObject({ code: 'not_a_run' });
  await rm(join(run, 'recipe.yaml'));
  await mkdir(join(run, 'recipe.yaml'));
  expect(await pushed()).toMatchObject({ code: 'file_inaccessible', exitCode: 3 });
});
