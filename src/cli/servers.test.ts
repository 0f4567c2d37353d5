/** Whether configured places answer, told by one or two requests each. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileServer } from '../../tests/support/file-server.ts';
import { tinyRecipe } from '../../tests/support/recipes.ts';
import { parseRecipe } from '../config/index.ts';
import { checkServers } from './servers.ts';

let folder: string;
let web: FileServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-servers-'));
  web = await FileServer.start();
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await web.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('no user, password or signature of an address is shown', async () => {
  const { recipe } = parseRecipe(tinyRecipe(), {
    source: 'recipe.yaml',
    overrides: [
      'data.train_data_path=https://me:s3cret@127.0.0.1:9/set/',
      'data.val_data_path=https://127.0.0.1:9/set/?sig=s3cret',
      'training.checkpoint_dir=s3://key:s3cret@bucket/x',
      'mlflow.tracking_uri=http://me:s3cret@127.0.0.1:9',
    ],
  });
  const answers = await checkServers(recipe, new AbortController().signal);
  expect(answers.map(({ name }) => name)).toEqual(expect.arrayContaining(['MLflow', 'checkpoints']));
  expect(JSON.stringify(answers)).not.toContain('s3cret');
});

test('a model of a registry that does not answer', async () => {
  const { recipe } = parseRecipe(
    tinyRecipe().replace('model_name: tiny-resnet', 'model_name: models:/shapes@x'),
    {
      source: 'recipe.yaml',
      overrides: ['mlflow.tracking_uri=http://me:s3cret@127.0.0.1:9'],
    },
  );
  const answers = await checkServers(recipe, new AbortController().signal);
  const answer = answers.find(({ name }) => name === 'model');
  expect(answer).toMatchObject({ place: 'models:/shapes@x', ok: false });
  expect(answer?.answer).toMatch(/^is not there: no whole answer .*127\.0\.0\.1:9/);
  expect(JSON.stringify(answers)).not.toContain('s3cret');
});

test('places here and far away: files, folders, what is missing, what is silent', async () => {
  web.files.set('set/train/a.jpg', new Uint8Array(3));
  web.files.set('set/train.json', new Uint8Array(0));
  await writeFile(join(folder, 'val.json'), '{}');
  const text = tinyRecipe({
    data: {
      train_data_path: `${web.url}/set/train`,
      train_annotation_file: `${web.url}/set/train.json`,
      val_data_path: join(folder, 'nothing'),
      val_annotation_file: join(folder, 'val.json'),
      test_data_path: folder,
      test_annotation_file: `${web.url}/set/test.json`,
    },
    training: { checkpoint_dir: join(folder, 'checkpoints') },
  });
  const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
  const answers = await checkServers(recipe, new AbortController().signal);
  const of = (name: string) => answers.find((one) => one.name === name);
  expect(of('training images')).toMatchObject({ ok: true, answer: 'is there' });
  expect(of('training annotations')).toMatchObject({ ok: true, answer: 'is there' });
  expect(of('validation images')).toMatchObject({
    ok: false,
    answer: expect.stringMatching(/^is not there/),
  });
  expect(of('validation annotations')).toMatchObject({ ok: true });
  expect(of('test images')).toMatchObject({ ok: true });
  expect(of('test annotations')).toMatchObject({ ok: false });
  expect(of('checkpoints')).toMatchObject({ ok: true, answer: 'will be made' });
  expect(of('Hugging Face hub')).toMatchObject({ ok: false });
  web.delay = 60_000;
  const begun = Date.now();
  const silent = await checkServers(recipe, new AbortController().signal);
  expect(Date.now() - begun).toBeLessThan(15_000);
  expect(silent.find((one) => one.name === 'training images')).toMatchObject({
    ok: false,
    answer: 'is not there: no answer in 5 s',
  });
});
