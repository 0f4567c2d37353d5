/**
 * Training pictures from a real S3 server (SeaweedFS) behind a proxy that breaks connections (toxiproxy): the batches
 * are those of local files whatever happens on the way, and what was fetched once needs no network again.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import {
  type Batch,
  type DataSettings,
  type Dataset,
  generateSampleDataset,
  Loader,
  type LoaderOptions,
  openDataset,
  shardDataset,
} from '../../src/data/index.ts';
import { train } from '../../src/runs/index.ts';
import { tinyRecipe } from '../support/recipes.ts';
import { S3Server } from '../support/seaweed.ts';
import { optionalProgram } from '../support/servers.ts';
import { type Toxic, Toxiproxy } from '../support/toxiproxy.ts';

/** Without Go it can't be built; what ran is said by name. */
const program = await optionalProgram('toxiproxy');

let folder: string;
let s3: S3Server;
let proxy: Toxiproxy;
let local: DataSettings;
let far: DataSettings;
let expected: Batch[];

describe.skipIf(program === undefined)('through toxiproxy', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ocelli-streaming-'));
    s3 = await S3Server.start();
    proxy = await Toxiproxy.start(s3.port);
    await s3.bucket('data');
    const made = await generateSampleDataset({
      out: join(folder, 'set'),
      images: { train: 30, val: 4 },
      size: 32,
    });
    local = made.paths as unknown as DataSettings;
    await upload('set');
    far = Object.fromEntries(
      Object.entries(made.paths).map(([key, path]) => [key, path.replace(folder, 's3://data')]),
    ) as unknown as DataSettings;
    expected = await epoch(loaderOf(await open(local)));
  }, 120_000);
  beforeEach(() => {
    for (const [name, value] of Object.entries(s3.environment)) vi.stubEnv(name, value);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', proxy.endpoint);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await proxy.enable(true);
    await proxy.clear();
  });
  afterAll(async () => {
    await proxy?.dispose();
    await s3?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  async function upload(name: string): Promise<void> {
    for (const entry of await readdir(join(folder, name), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      await s3.put('data', path.slice(folder.length + 1), await readFile(path));
    }
  }

  const open = (data: DataSettings): Promise<Dataset> =>
    openDataset(data, 'train', { task: 'classification' });

  function loaderOf(dataset: Dataset, more: Partial<LoaderOptions> = {}): Loader {
    return new Loader({
      dataset,
      task: 'classification',
      processorConfig: { image_processor_type: 'ViTImageProcessor', size: { height: 32, width: 32 } },
      batchSize: 6,
      sampler: 'shuffle',
      seed: 3,
      // Breaks between, in which something can happen.
      readAheadBytes: 4000,
      ...more,
    });
  }

  async function epoch(
    loader: Loader,
    number = 0,
    each?: (position: number) => Promise<void>,
  ): Promise<Batch[]> {
    const batches: Batch[] = [];
    for await (const batch of loader.epoch(number)) {
      batches.push(batch);
      await each?.(batch.position);
    }
    return batches;
  }

  const faults: readonly [what: string, toxic: Toxic][] = [
    ['connections that are reset', { type: 'reset_peer', toxicity: 0.3, attributes: { timeout: 0 } }],
    ['answers that are cut off', { type: 'limit_data', toxicity: 0.3, attributes: { bytes: 700 } }],
    ['a slow and thin line', { type: 'bandwidth', attributes: { rate: 60 } }],
  ];

  test.each(faults)('%s in the middle of an epoch change nothing', async (_, toxic) => {
    const loader = loaderOf(await open(far));
    const batches = await epoch(loader, 0, async (position) => {
      if (position === 1) await proxy.add(toxic);
      if (position === 3) await proxy.clear();
    });
    expect(batches).toEqual(expected);
    expect(loader.setAside).toEqual([]);
  });

  test('a server that restarts in the middle of an epoch', async () => {
    const loader = loaderOf(await open(far));
    let restarted: Promise<void> | undefined;
    const batches = await epoch(loader, 0, async (position) => {
      if (position !== 1) return;
      await s3.down();
      restarted = new Promise<void>((resolve) => setTimeout(resolve, 500)).then(() => s3.up());
    });
    await restarted;
    expect(batches).toEqual(expected);
    expect(loader.setAside).toEqual([]);
  }, 120_000);

  test('a picture that is not there, and one that may not be read, are set aside', async () => {
    const dataset = await open(far);
    await s3.request('/data/set/train/000003.png', { method: 'DELETE' });
    try {
      const loader = loaderOf(dataset);
      const batches = await epoch(loader);
      expect(batches).toHaveLength(expected.length);
      expect(loader.setAside).toMatchObject([{ fileName: '000003.png', code: 'file_missing' }]);
    } finally {
      await s3.put('data', 'set/train/000003.png', await readFile(join(folder, 'set/train/000003.png')));
    }
  });

  test('a folder of pictures that may not be read costs these alone, with a cache too', async () => {
    const objects = 'arn:aws:s3:::data/set/train/00001*';
    const keys = await s3.temporaryKeys({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: ['s3:GetObject', 's3:ListBucket'],
          Resource: ['arn:aws:s3:::data', 'arn:aws:s3:::data/*'],
        },
        { Effect: 'Deny', Action: ['s3:GetObject'], Resource: [objects] },
      ],
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', keys.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', keys.secretAccessKey);
    vi.stubEnv('AWS_SESSION_TOKEN', keys.sessionToken);
    vi.stubEnv('OCELLI_CACHE', await mkdtemp(join(folder, 'cache-')));
    for (const cache of [false, true]) {
      const dataset = await open({ ...far, cache });
      const loader = loaderOf(dataset, { sampler: 'sequential', maxBadFraction: 0.5 });
      const batches = await epoch(loader);
      expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(20);
      expect(loader.setAside.map(({ fileName, code }) => `${fileName} ${code}`)).toEqual(
        Array.from({ length: 10 }, (_, i) => `00001${i}.png access_denied`),
      );
    }
  });

  test('a second epoch, and the next run, read no network; the cache holds no address', async () => {
    const cache = await mkdtemp(join(folder, 'cache-'));
    vi.stubEnv('OCELLI_CACHE', cache);
    const loader = loaderOf(await open({ ...far, cache: true }));
    expect(await epoch(loader)).toEqual(expected);
    await proxy.enable(false);
    expect(await epoch(loader, 1)).toEqual(await epoch(loaderOf(await open(local)), 1));
    await proxy.enable(true);
    // A listing of the folder tells what is fresh; the pictures come from the cache.
    const requests: string[] = [];
    const listen = (message: unknown): void => {
      requests.push((message as { request: { path: string } }).request.path);
    };
    subscribe('undici:request:create', listen);
    try {
      const dataset = await open({ ...far, cache: true });
      expect(await epoch(loaderOf(dataset))).toEqual(expected);
    } finally {
      unsubscribe('undici:request:create', listen);
    }
    expect(requests.some((path) => /list-type/.test(path))).toBe(true);
    expect(requests.filter((path) => /\.png/.test(path) && !/list-type/.test(path))).toEqual([]);
    const kept = await readdir(cache, { recursive: true, withFileTypes: true });
    const files = kept.filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(30);
    for (const { parentPath, name } of files) {
      const text = (await readFile(join(parentPath, name))).toString('latin1');
      expect(text).not.toMatch(/X-Amz|test-secret|Signature/);
    }
    // What is spoiled is fetched again.
    for (const { parentPath, name } of files.slice(0, 20)) await writeFile(join(parentPath, name), 'spoiled');
    expect(await epoch(loaderOf(await open({ ...far, cache: true })))).toEqual(expected);
  });

  test('shards: the batches of the files by a few requests, from the cache too', async () => {
    const [train] = await shardDataset(local, {
      out: join(folder, 'shards'),
      needsBoxes: true,
      shardBytes: 10_000,
    });
    await upload('shards');
    vi.stubEnv('OCELLI_CACHE', await mkdtemp(join(folder, 'cache-')));
    const data = { train_data_path: 's3://data/shards/train', val_data_path: '' };
    for (const cache of [false, true]) {
      const loader = loaderOf(await open({ ...data, cache }));
      expect(await epoch(loader)).toEqual(expected);
      expect(loader.statistics.reads).toBeLessThanOrEqual(train!.shards);
      if (!cache) continue;
      await proxy.enable(false);
      expect(await epoch(loader)).toEqual(expected);
    }
  });

  test('a recipe that names shards trains with the losses of the files', async () => {
    const losses = async (data: DataSettings): Promise<number[]> => {
      const text = tinyRecipe({ data: { ...data }, training: { seed: 5 } });
      const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
      const out = await mkdtemp(join(folder, 'run-'));
      const found: number[] = [];
      for await (const event of train({ recipe, out, device: 'wasm' })) {
        if (event.type === 'step') found.push(event.loss);
      }
      return found;
    };
    const splits = await shardDataset(local, { out: join(folder, 'train-shards'), needsBoxes: true });
    await upload('train-shards');
    const data = Object.fromEntries(
      splits.map(({ split, path }) => [`${split}_data_path`, path.replace(folder, 's3://data')]),
    ) as unknown as DataSettings;
    const found = await losses(data);
    expect(found.length).toBeGreaterThan(4);
    expect(found).toEqual(await losses(local));
  });
});
