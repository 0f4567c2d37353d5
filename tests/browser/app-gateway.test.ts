/**
 * The app as a gateway serves it: a volume is picked as data, and what came out goes to a real MLflow server and to a volume that
 * may be written, all by the buttons that a user has.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateSampleDataset } from '../../src/data/index.ts';
import { type Gateway, type LogEntry, startGateway } from '../../src/gateway/index.ts';
import { resolveEndpoint } from '../../src/storage/index.ts';
import { MlflowServer } from '../support/mlflow.ts';
import { openChromium } from './support/chromium.ts';
import { tinyRecipe } from './support/recipe.ts';
import { builtFolder } from './support/site.ts';
import { accessibilityProblems, openAppPage, patience, photograph, status } from './support/views.ts';

let folder: string;
let mlflow: MlflowServer;
let gateway: Gateway;
const log: LogEntry[] = [];
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-app-gateway-'));
  const settings = { size: 32, classes: 3, images: { train: 16, val: 8 } };
  await generateSampleDataset({ ...settings, out: join(folder, 'shapes'), layout: 'folder' });
  mlflow = await MlflowServer.start(500_000);
  gateway = await startGateway({
    volumes: [
      { place: join(folder, 'shapes'), write: false },
      { place: join(folder, 'results'), write: true },
    ],
    mlflow: await resolveEndpoint(mlflow.uri, () => undefined),
    log: (entry) => log.push(entry),
    page: builtFolder('app'),
    port: 0,
  });
  browser = await openChromium();
});

afterAll(async () => {
  await browser?.close();
  await gateway?.close();
  await mlflow?.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface MlflowRun {
  readonly info: { readonly status: string; readonly run_name: string };
  readonly data: { readonly metrics: readonly { readonly key: string; readonly value: number }[] };
  readonly outputs: { readonly model_outputs: readonly { readonly model_id: string }[] };
}

test('data of a volume; then the run goes to MLflow, once, and its model to a volume', async () => {
  const opened = await openAppPage(browser, { recipe: tinyRecipe({ epochs: 2 }), url: `${gateway.url}/` });
  const { page } = opened;
  const show = (view: string) => page.getByRole('link', { name: view, exact: true }).first().click();
  await show('Data');
  await page.getByRole('heading', { name: 'Volumes' }).waitFor(patience);
  await page.getByRole('button', { name: 'Use', exact: true }).click();
  await page.getByText('training and validation pictures were found').waitFor(patience);
  await show('Train');
  await page.locator('main').getByRole('button', { name: 'Train', exact: true }).click();
  await status(page, 'finished');

  await show('Export');
  await page.getByRole('button', { name: 'Send to MLflow' }).click();
  const link = page.getByRole('link', { name: 'The run in MLflow' });
  await link.waitFor(patience);
  const address = (await link.getAttribute('href'))!;
  expect(address.startsWith(mlflow.uri)).toBe(true);
  const id = /runs\/([0-9a-f]+)/.exec(address)![1]!;
  const { run } = await mlflow.get<{ run: MlflowRun }>(`runs/get?run_id=${id}`);
  expect(run.info).toMatchObject({ status: 'FINISHED', run_name: 'tiny' });
  expect(run.data.metrics.map(({ key }) => key)).toEqual(
    expect.arrayContaining(['train_loss', 'val_accuracy']),
  );
  const files = await mlflow.get<{ files: { path: string }[] }>(`artifacts/list?run_id=${id}`);
  expect(files.files.length).toBeGreaterThan(0);
  // Again: the same run.
  await page.getByRole('button', { name: 'Send to MLflow' }).click();
  await page.getByRole('button', { name: 'Send to MLflow', disabled: false }).waitFor(patience);
  expect(await link.getAttribute('href')).toBe(address);

  const model = run.outputs.model_outputs[0]!.model_id;
  await show('Model');
  const another = page.getByLabel('Another model');
  await another.fill('models:/shapes@champion');
  await page.locator('form').getByRole('button', { name: 'Choose', exact: true }).click();
  await page.locator('.notice.error', { hasText: 'models:/shapes@champion' }).waitFor(patience);
  await another.fill(`models:/${model}`);
  await page.locator('form').getByRole('button', { name: 'Choose', exact: true }).click();
  await page.getByText(`models:/${model} is the model now`).waitFor(patience);
  await show('Train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.locator('main').getByRole('button', { name: 'Train', exact: true }).click();
  await status(page, 'finished');
  const weights = `models/${model}/artifacts/model.safetensors`;
  const fetched = log.filter(({ method, path }) => method === 'GET' && String(path).endsWith(weights));
  expect(fetched).toMatchObject([{ status: 200 }]);
  await show('Export');

  const place = (await page.getByLabel('Folder in a volume').inputValue()).replace(/^gateway:/, '');
  expect(place.startsWith(join(folder, 'results'))).toBe(true);
  await page.getByRole('button', { name: 'Write the model' }).click();
  await page.getByText(/\d+ files, .*, written to/).waitFor(patience);
  expect(JSON.parse(await readFile(join(place, 'model/config.json'), 'utf8'))).toMatchObject({
    model_type: 'vit',
  });
  expect(await readdir(join(place, 'model/onnx'))).toContain('model.onnx');
  expect(await accessibilityProblems(opened)).toEqual([]);
  await photograph(opened, 'export-gateway');

  await mlflow.down('SIGKILL');
  await page.getByRole('button', { name: 'Send to MLflow' }).click();
  await page.locator('.notice.error').waitFor(patience);
  await opened.close();
});
