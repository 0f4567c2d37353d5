/** One recipe trains from every kind of place, with the same seed and the same losses. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { parseRecipe, type Recipe } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { train } from '../../src/runs/index.ts';
import { openPlace } from '../../src/storage/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { DatabricksDouble } from '../support/databricks-double/index.ts';
import { type Fault, FileServer } from '../support/file-server.ts';
import { filesBelow, lossesOf, smallPictures } from '../support/files-of-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';
import { S3Server } from '../support/seaweed.ts';
import { optionalProgram } from '../support/servers.ts';
import { Catalog, UnityServer } from '../support/unity.ts';
import { UnityDouble } from '../support/unity-double.ts';
import { listAll } from '../support/volume-contract.ts';

let folder: string;
let s3: S3Server;
let azurite: AzuriteServer;
let web: FileServer;
let double: UnityDouble;
let catalog: Catalog;
let expected: number[];
/** Paths of the COCO splits, relative to the data set. */
const below: Record<string, string> = {};
let files: [path: string, bytes: Uint8Array][];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-places-'));
  [s3, azurite, web] = await Promise.all([S3Server.start(), AzuriteServer.start(), FileServer.start()]);
  await s3.bucket('data');
  await azurite.container('data');
  double = await UnityDouble.start({ s3 });
  catalog = await Catalog.create(double.url, { root: folder });
  // Class folders have to be listed, COCO files name their pictures.
  await generateSampleDataset({ ...smallPictures, out: join(folder, 'local/folders'), layout: 'folder' });
  const coco = await generateSampleDataset({ ...smallPictures, out: join(folder, 'local/coco') });
  for (const [key, path] of Object.entries(coco.paths)) below[key] = path.slice(`${folder}/local/`.length);
  files = await filesBelow(join(folder, 'local'));
  expected = await losses(join(folder, 'local'));
  expect(expected).toHaveLength(4);
  expect(new Set(expected).size).toBe(4);
}, 300_000);
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await Promise.all([s3?.dispose(), azurite?.dispose(), web?.dispose(), double?.dispose()]);
  await rm(folder, { recursive: true, force: true });
});

/** Copies the data set to a place that can be written. */
async function copyTo(place: string): Promise<void> {
  const { volume, path } = await openPlace(place, { as: 'folder' });
  for (const [name, bytes] of files) await volume.write([path, name].filter(Boolean).join('/'), bytes);
}

function recipeFor(
  place: string,
  training: Record<string, unknown> = {},
  data: Record<string, unknown> = {},
): Recipe {
  const text = tinyRecipe({
    data: {
      train_data_path: `${place}/folders/train`,
      val_data_path: `${place}/${below.val_data_path}`,
      val_annotation_file: `${place}/${below.val_annotation_file}`,
      ...data,
    },
    training: { seed: 5, ...training },
  });
  return parseRecipe(text, { source: 'recipe.yaml' }).recipe;
}

async function events(place: string, training: Record<string, unknown> = {}): Promise<RunEvent[]> {
  const recipe = recipeFor(place, training);
  const out = await mkdtemp(join(folder, 'run-'));
  const seen: RunEvent[] = [];
  for await (const event of train({ recipe, out, device: 'wasm' })) seen.push(event);
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  return seen;
}

/** Of each step. */
async function losses(place: string): Promise<number[]> {
  return lossesOf(await events(place));
}

function environment(values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
}

test('S3, which also takes the checkpoints', async () => {
  environment(s3.environment);
  await copyTo('s3://data/set');
  const seen = await events('s3://data/set', { checkpoint_dir: 's3://data/checkpoints/tiny' });
  expect(seen.flatMap((event) => (event.type === 'step' ? [event.loss] : []))).toEqual(expected);
  const { volume, path } = await openPlace('s3://data/checkpoints/tiny');
  const names = (await listAll(volume, `${path}/`)).map((entry) => entry.path.slice(path.length + 1));
  expect(names).toContain('last/state.json');
  expect(names).toContain('last/model.safetensors');
});

test('Azure', async () => {
  environment({ AZURE_STORAGE_SAS_TOKEN: azurite.sas(), AZURE_STORAGE_ENDPOINT: azurite.endpoint });
  const place = `abfss://data@${azurite.account}.dfs.core.windows.net/set`;
  await copyTo(place);
  expect(await losses(place)).toEqual(expected);
});

test('Unity Catalog on S3', async () => {
  environment({ UC_URL: double.url, AWS_ENDPOINT_URL_S3: s3.endpoint });
  const place = `${await catalog.volume('on_s3', 's3://data/unity')}/set`;
  await copyTo(place);
  expect(await losses(place)).toEqual(expected);
});

test('Unity Catalog on files', async () => {
  environment({ UC_URL: double.url });
  await mkdir(join(folder, 'volume'));
  const place = `${await catalog.volume('on_files', `file://${folder}/volume`)}/set`;
  await copyTo(place);
  expect(await losses(place)).toEqual(expected);
});

const program = await optionalProgram('uc-server');
test.skipIf(program === undefined)('Unity Catalog on Azure (uc-server)', async () => {
  const server = await UnityServer.start(program!);
  try {
    const own = await Catalog.create(server.url, { root: server.data });
    await own.allowAzurite(azurite, 'data');
    environment({ UC_URL: server.url, AZURE_STORAGE_ENDPOINT: azurite.endpoint });
    const place = `${await own.volume('on_azure', 'azurite://data/unity')}/set`;
    await copyTo(place);
    expect(await losses(place)).toEqual(expected);
  } finally {
    await server.dispose();
  }
});

test('Databricks', async () => {
  const workspace = await DatabricksDouble.start(s3);
  try {
    environment(workspace.environment);
    const place = '/Volumes/main/default/data/set';
    await copyTo(place);
    expect(await losses(place)).toEqual(expected);
  } finally {
    await workspace.dispose();
  }
});

test('S3 by way of a gateway, without its keys', async () => {
  vi.stubEnv('OCELLI_GATEWAY', '');
  environment(s3.environment);
  await copyTo('s3://data/behind');
  const gateway = await startGateway({ volumes: [{ place: 's3://data', write: true }], port: 0 });
  try {
    vi.stubEnv('OCELLI_GATEWAY', gateway.url);
    expect(await losses('s3://data/behind')).toEqual(expected);
  } finally {
    await gateway.close();
  }
});

test('results go to a place, and a run goes on from there on another machine', async () => {
  environment(s3.environment);
  const before = process.cwd();
  const [here, there] = [join(folder, 'here'), join(folder, 'there')];
  await Promise.all([mkdir(here), mkdir(there)]);
  const place = 's3://data/results/first';
  const recipe = recipeFor(join(folder, 'local'));
  const seen: RunEvent[] = [];
  const run = async (resume: boolean, signal?: AbortSignal, until?: () => void): Promise<void> => {
    for await (const event of train({ recipe, out: place, resume, device: 'wasm' }, signal)) {
      seen.push(event);
      if (event.type === 'checkpoint') until?.();
    }
  };
  try {
    process.chdir(here);
    const stop = new AbortController();
    await expect(run(false, stop.signal, () => stop.abort())).rejects.toMatchObject({ exitCode: 130 });
    const { volume } = await openPlace(place);
    const copied = async (): Promise<string[]> =>
      (await listAll(volume, 'results/first/')).map(({ path }) => path.slice('results/first/'.length));
    expect(await copied()).toEqual(
      expect.arrayContaining(['checkpoints/last/state.json', 'events.jsonl', 'recipe.yaml']),
    );
    await expect(run(false)).rejects.toMatchObject({ code: 'run_folder_taken' });
    process.chdir(there);
    await run(true);
    expect(seen.at(-1)).toMatchObject({ type: 'finished', run: 'runs/first', place });
    expect(seen.flatMap((event) => (event.type === 'step' ? [event.loss] : []))).toEqual(expected);
    expect(await copied()).toEqual(
      expect.arrayContaining(['model/model.safetensors', 'model/onnx/model.onnx', 'report/index.html']),
    );
    const lines = new TextDecoder().decode(await volume.open('results/first/events.jsonl').read()).trim();
    expect(JSON.parse(lines.split('\n').at(-1)!)).toMatchObject({ type: 'finished' });
  } finally {
    process.chdir(before);
  }
});

test('HTTPS', async () => {
  for (const [name, bytes] of files) web.files.set(`set/${name}`, bytes);
  expect(await losses(`${web.url}/set`)).toEqual(expected);
});

test('a web server in trouble: the same losses, no picture lost', async () => {
  for (const [name, bytes] of files) web.files.set(`troubled/${name}`, bytes);
  const none: Fault[] = [{ kind: 'none' }, { kind: 'none' }];
  web.faults = [
    { kind: 'answer', status: 503, body: '<html>busy</html>' },
    ...none,
    { kind: 'cut', after: 40 },
    { kind: 'answer', status: 429, headers: { 'Retry-After': '1' } },
    ...none,
    { kind: 'cut', after: 100, reset: true },
    { kind: 'answer', status: 500 },
    ...none,
    { kind: 'cut', after: 1 },
    { kind: 'ignore-range' },
  ];
  const seen = await events(`${web.url}/troubled`);
  expect(web.faults).toEqual([]);
  expect(seen.flatMap((event) => (event.type === 'step' ? [event.loss] : []))).toEqual(expected);
  expect(seen.filter((event) => event.type === 'warning' && event.code === 'image_set_aside')).toEqual([]);
});

test('a server that knows the reader no more ends a run at once as such, and the run goes on when it does', async () => {
  for (const [name, bytes] of files) web.files.set(`ended/${name}`, bytes);
  const recipe = recipeFor(`${web.url}/ended`, {}, { cache: false, max_bad_fraction: 1 });
  const out = await mkdtemp(join(folder, 'run-'));
  const seen: RunEvent[] = [];
  const run = async (resume: boolean): Promise<void> => {
    for await (const event of train({ recipe, out, device: 'wasm', resume })) {
      seen.push(event);
      if (resume || event.type !== 'checkpoint') continue;
      web.faults = Array.from({ length: 500 }, () => ({ kind: 'answer', status: 401 }));
    }
  };
  await expect(run(false)).rejects.toMatchObject({ code: 'access_denied', signInRefused: true, exitCode: 5 });
  // Not one picture is blamed for it, and the server was not asked for each of them.
  expect(seen.filter((event) => event.type === 'warning' && event.code === 'image_set_aside')).toEqual([]);
  expect(web.faults.length).toBeGreaterThan(450);
  web.faults = [];
  await run(true);
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  const losses = new Map(seen.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss]] : [])));
  expect([...losses.values()]).toEqual(expected);
});

test('an S3 server that restarts during a run', async () => {
  environment(s3.environment);
  await copyTo('s3://data/restart');
  // Without the cache the second epoch reads from the server again.
  const recipe = recipeFor('s3://data/restart', {}, { cache: false });
  const seen: RunEvent[] = [];
  let restart: Promise<void> | undefined;
  const out = await mkdtemp(join(folder, 'run-'));
  for await (const event of train({ recipe, out, device: 'wasm' })) {
    seen.push(event);
    restart ??= event.type === 'step' ? s3.down().then(() => s3.up()) : undefined;
  }
  await restart;
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  expect(seen.flatMap((event) => (event.type === 'step' ? [event.loss] : []))).toEqual(expected);
});

test('a volume that refuses everything ends a run before its first step, with exit code 5', async () => {
  environment({ ...s3.environment, AWS_SECRET_ACCESS_KEY: 'another' });
  const error = await events('s3://data/set').catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'access_denied', exitCode: 5 });
  const out = `s3://data/results/refused`;
  const before = process.cwd();
  try {
    process.chdir(folder);
    const running = train({ recipe: recipeFor(join(folder, 'local')), out, device: 'wasm' });
    await expect(running.next()).rejects.toMatchObject({ code: 'access_denied', exitCode: 5 });
  } finally {
    process.chdir(before);
  }
});

test('no key, token or signature is left in a run folder', async () => {
  const secrets = [s3.secretAccessKey, 'X-Amz-Signature', 'X-Amz-Credential', 'sig='];
  let count = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/run-|here|there|runs/.test(entry.parentPath)) continue;
    const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
    for (const secret of secrets) expect(text.includes(secret), `${entry.name}: ${secret}`).toBe(false);
    count++;
  }
  expect(count).toBeGreaterThan(50);
});
