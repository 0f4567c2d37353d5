/**
 * A volume that has no room any more, in the middle of a run that sends its results there. The run goes on, because its
 * folder here has everything; at the end it is told with exit code 5; what lay at the place before is still whole; and
 * `--resume` brings the rest as soon as there is room.
 *
 * Azurite with a limit to its memory is really full. MinIO can't run here: a front before the S3 server answers as MinIO is
 * documented to. Databricks and Unity Catalog document no answer of their own; the double of the workspace says what HTTP
 * has for it (507), and behind Unity Catalog the store speaks.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { train } from '../../src/runs/index.ts';
import { openPlace, type Volume } from '../../src/storage/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { DatabricksDouble } from '../support/databricks-double/index.ts';
import { lossesOf, smallPictures } from '../support/files-of-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';
import { S3Server } from '../support/seaweed.ts';
import { Catalog } from '../support/unity.ts';
import { UnityDouble } from '../support/unity-double.ts';
import { listAll } from '../support/volume-contract.ts';

let folder: string;
let s3: S3Server;
let front: Front;
let expected: number[];
const home = process.cwd();

/** Passes everything on to the S3 server, but for what is written while it counts as full. */
class Front {
  full = false;
  /** Writes that were refused. */
  refused = 0;
  private constructor(private readonly server: Server) {}

  static async start(port: number): Promise<Front> {
    const server = createServer((incoming, answer) => {
      if (front.full && incoming.method !== 'GET' && incoming.method !== 'DELETE') {
        front.refused++;
        incoming.resume();
        answer.writeHead(507, { 'Content-Type': 'application/xml' });
        answer.end(
          '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold. Please delete a few objects to proceed.</Message></Error>',
        );
        return;
      }
      const { method, headers, url: path } = incoming;
      const passed = request({ host: '127.0.0.1', port, method, headers, path }, (found) => {
        answer.writeHead(found.statusCode!, found.headers);
        found.pipe(answer);
      });
      passed.on('error', () => answer.destroy());
      incoming.pipe(passed);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Front(server);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async dispose(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-full-'));
  s3 = await S3Server.start();
  front = await Front.start(s3.port);
  await s3.bucket('results');
  await generateSampleDataset({ ...smallPictures, out: join(folder, 'set'), layout: 'folder' });
  const seen: RunEvent[] = [];
  for await (const event of train({ recipe: recipe(), out: join(folder, 'usual'), device: 'wasm' })) {
    seen.push(event);
  }
  expected = lossesOf(seen);
  expect(new Set(expected).size).toBe(4);
}, 180_000);
afterEach(() => {
  vi.unstubAllEnvs();
  process.chdir(home);
  front.full = false;
  front.refused = 0;
});
afterAll(async () => {
  await Promise.all([front?.dispose(), s3?.dispose()]);
  await rm(folder, { recursive: true, force: true });
});

const recipe = () => {
  const data = { train_data_path: join(folder, 'set/train'), val_data_path: join(folder, 'set/val') };
  return parseRecipe(tinyRecipe({ data, training: { seed: 5 } }), { source: 'recipe.yaml' }).recipe;
};
const stub = (values: Record<string, string>): void => {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
};

/** Names of the checkpoints that are whole: every file of as many bytes as `state.json` says. */
async function wholeCheckpoints(volume: Volume, root: string): Promise<string[]> {
  const sizes = new Map(
    (await listAll(volume, `${root}/checkpoints/`)).map(({ path, size }) => [path, size]),
  );
  const whole: string[] = [];
  for (const path of sizes.keys()) {
    const [, checkpoint, name] = /^(.*\/([^/]+))\/state\.json$/.exec(path) ?? [];
    if (checkpoint === undefined) continue;
    const text = new TextDecoder().decode(await volume.open(path).read());
    const { files } = JSON.parse(text) as { files: Record<string, number> };
    for (const [file, size] of Object.entries(files)) expect(sizes.get(`${checkpoint}/${file}`)).toBe(size);
    whole.push(name!);
  }
  return whole;
}

interface Place {
  readonly place: string;
  readonly fill: () => Promise<void> | void;
  readonly makeRoom: () => Promise<void> | void;
}

/** A run whose place fills up after its first checkpoint, and then has room again. */
async function fillsUp({ place, fill, makeRoom }: Place): Promise<void> {
  const here = await mkdtemp(join(folder, 'here-'));
  process.chdir(here);
  const seen: RunEvent[] = [];
  let steps = 0;
  const running = async (): Promise<void> => {
    for await (const event of train({ recipe: recipe(), out: place, device: 'wasm' })) {
      seen.push(event);
      // The checkpoint of the first epoch has arrived.
      if (event.type === 'step' && ++steps === 3) await fill();
    }
  };
  await expect(running()).rejects.toMatchObject({ code: 'volume_full', exitCode: 5 });
  expect(lossesOf(seen)).toEqual(expected);
  const told = seen.filter((event) => event.type === 'warning' && event.code === 'results_not_copied');
  expect(told.length).toBeGreaterThan(0);
  expect(JSON.stringify(told[0])).toMatch(/make room there/);
  expect(seen.find(({ type }) => type === 'failed')).toMatchObject({ code: 'volume_full' });

  const { volume, path } = await openPlace(place, { as: 'folder' });
  expect((await wholeCheckpoints(volume, path)).length).toBeGreaterThan(0);
  const name = place.slice(place.lastIndexOf('/') + 1);
  const state = await readFile(join(here, `runs/${name}/checkpoints/last/state.json`), 'utf8');
  expect(JSON.parse(state)).toMatchObject({ progress: { epoch: 2 } });

  process.chdir(home);
  await makeRoom();
  process.chdir(here);
  const later: RunEvent[] = [];
  for await (const event of train({ out: `runs/${name}`, resume: true, device: 'wasm' })) later.push(event);
  expect(later.at(-1)).toMatchObject({ type: 'finished', place });
  expect(lossesOf(later)).toEqual([]);
  const entries = await readdir(join(here, 'runs', name), { recursive: true, withFileTypes: true });
  let count = 0;
  for (const entry of entries) {
    const below = join(entry.parentPath, entry.name).slice(join(here, 'runs', name).length + 1);
    if (!entry.isFile() || below === 'place.txt') continue;
    const arrived = await volume.open(`${path}/${below}`).read();
    const own = await readFile(join(entry.parentPath, entry.name));
    expect([below, Buffer.compare(arrived, own)]).toEqual([below, 0]);
    count++;
  }
  expect(count).toBeGreaterThan(15);
}

const setFull = (full: boolean) => (): void => {
  front.full = full;
};
const fillFront = { fill: setFull(true), makeRoom: setFull(false) };

describe('a run whose results fill their volume', () => {
  test('on S3', async () => {
    stub({ ...s3.environment, AWS_ENDPOINT_URL_S3: front.endpoint });
    await fillsUp({ place: 's3://results/first', ...fillFront });
    // Said once a file, not asked for again and again.
    expect(front.refused).toBeLessThan(20);
  });

  test('on Unity Catalog', async () => {
    const unity = await UnityDouble.start({ s3 });
    try {
      const catalog = await Catalog.create(unity.url, { root: folder });
      stub({ UC_URL: unity.url, AWS_ENDPOINT_URL_S3: front.endpoint });
      const place = await catalog.volume('full', 's3://results/unity');
      await fillsUp({ place: `${place}/first`, ...fillFront });
    } finally {
      await unity.dispose();
    }
  });

  test('on Azure', async () => {
    const megabytes = 4;
    let azurite = await AzuriteServer.start({ megabytes });
    try {
      await azurite.container('results');
      stub({ AZURE_STORAGE_SAS_TOKEN: azurite.sas(), AZURE_STORAGE_ENDPOINT: azurite.endpoint });
      await fillsUp({
        place: `abfss://results@${azurite.account}.dfs.core.windows.net/first`,
        fill: async () => {
          const piece = new Uint8Array(50_000);
          for (let i = 0; i < 200; i++) {
            const full = await azurite.put('results', `filler/${i}`, piece).then(
              () => false,
              () => true,
            );
            if (full) return;
          }
          throw new Error('Azurite took more than its limit');
        },
        // Its memory is its disk: a larger one is an empty one.
        makeRoom: async () => {
          const { port } = azurite;
          await azurite.dispose();
          azurite = await AzuriteServer.start({ port });
          await azurite.container('results');
        },
      });
    } finally {
      await azurite.dispose();
    }
  });

  test('on Databricks', async () => {
    const workspace = await DatabricksDouble.start(s3);
    try {
      stub(workspace.environment);
      await fillsUp({
        place: '/Volumes/main/default/results/first',
        fill: () => workspace.faults.add(/^PUT .*\/fs\/files\//, { answer: { status: 507 } }, 1000),
        makeRoom: () => workspace.reset(),
      });
    } finally {
      await workspace.dispose();
    }
  });

  test('through a gateway', async () => {
    stub({ ...s3.environment, AWS_ENDPOINT_URL_S3: front.endpoint, OCELLI_GATEWAY: '' });
    const gateway = await startGateway({ volumes: [{ place: 's3://results', write: true }], port: 0 });
    try {
      stub({ OCELLI_GATEWAY: gateway.url });
      await fillsUp({ place: 's3://results/behind', ...fillFront });
    } finally {
      await gateway.close();
    }
  });
});

test('a copy of the checkpoints that does not fit is told, and what lay there stays whole', async () => {
  stub({ ...s3.environment, AWS_ENDPOINT_URL_S3: front.endpoint });
  const data = { train_data_path: join(folder, 'set/train'), val_data_path: join(folder, 'set/val') };
  const text = tinyRecipe({ data, training: { seed: 5, checkpoint_dir: 's3://results/copies/checkpoints' } });
  const copying = parseRecipe(text, { source: 'recipe.yaml' }).recipe;
  const out = join(folder, 'copied');
  await mkdir(out);
  const seen: RunEvent[] = [];
  let steps = 0;
  for await (const event of train({ recipe: copying, out, device: 'wasm' })) {
    seen.push(event);
    if (event.type === 'step' && ++steps === 3) front.full = true;
  }
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  expect(lossesOf(seen)).toEqual(expected);
  const told = seen.filter((event) => event.type === 'warning' && event.code === 'checkpoint_copy_failed');
  expect(told.length).toBeGreaterThan(0);
  front.full = false;
  const { volume } = await openPlace('s3://results', { as: 'folder' });
  expect((await wholeCheckpoints(volume, 'copies')).length).toBeGreaterThan(0);
});
