/**
 * Faults in the middle of a run, of those that other tests of runs don't have (places-run, databricks-run, streaming):
 * pictures that a server refuses for good, silence, wrong lengths, a clock that jumps, a cache that is spoiled, a
 * disk that is full. Each run takes the steps that it takes without faults, with the same losses.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { files as platformFiles } from '#platform';
import { parseRecipe } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { train } from '../../src/runs/index.ts';
import { defaults } from '../../src/storage/http/patience.ts';
import { FileServer } from '../support/file-server.ts';
import { filesBelow, lossesOf, smallPictures } from '../support/files-of-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';
import { S3Server } from '../support/seaweed.ts';

let folder: string;
let web: FileServer;
/** As the servers have them. */
const pictures = new Map<string, Uint8Array>();
let expected: number[];

beforeAll(async () => {
  // Silence of half a minute is waited for in real life.
  Object.assign(defaults, { inactivity: 1000 });
  folder = await mkdtemp(join(tmpdir(), 'ocelli-faults-'));
  web = await FileServer.start();
  await generateSampleDataset({ ...smallPictures, out: join(folder, 'set'), layout: 'folder' });
  for (const [name, bytes] of await filesBelow(join(folder, 'set'))) pictures.set(`set/${name}`, bytes);
  for (const [name, bytes] of pictures) web.files.set(name, bytes);
  expected = lossesOf(await run(join(folder, 'set')));
  expect(new Set(expected).size).toBe(4);
}, 120_000);
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  web.refused.clear();
});
afterAll(async () => {
  Object.assign(defaults, { inactivity: 30_000 });
  await web?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const warnings = (events: readonly RunEvent[], code: string): RunEvent[] =>
  events.filter((event) => event.type === 'warning' && event.code === code);

async function run(
  place: string,
  data: Record<string, unknown> = {},
  atStep: (step: number) => Promise<void> | void = () => {},
): Promise<RunEvent[]> {
  const text = tinyRecipe({
    data: { train_data_path: `${place}/train`, val_data_path: `${place}/val`, ...data },
    training: { seed: 5 },
  });
  const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
  const out = await mkdtemp(join(folder, 'run-'));
  const seen: RunEvent[] = [];
  let step = 0;
  for await (const event of train({ recipe, out, device: 'wasm' })) {
    seen.push(event);
    if (event.type === 'step') await atStep(++step);
  }
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  return seen;
}

test.each([403, 404, 416])(
  'a picture that is answered by %d is set aside, and nothing else',
  async (status) => {
    const refused = [...pictures.keys()].find((name) => name.startsWith('set/train/'))!;
    web.refused.set(refused, status);
    const seen = await run(`${web.url}/set`, { max_bad_fraction: 0.2 });
    expect(lossesOf(seen)).toHaveLength(expected.length);
    const told = warnings(seen, 'image_set_aside');
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).toContain(refused.split('/').at(-1));
  },
);

test('silence, bodies that are cut and lengths that are wrong', async () => {
  // The first request is for the index.
  web.faults = [
    { kind: 'none' },
    { kind: 'none' },
    { kind: 'stall', after: 0 },
    { kind: 'stall', after: 50 },
    { kind: 'cut', after: 60 },
    { kind: 'cut', after: 0, reset: true },
    { kind: 'ignore-range' },
    { kind: 'longer', by: 7 },
  ];
  const seen = await run(`${web.url}/set`);
  expect(web.faults).toEqual([]);
  expect(lossesOf(seen)).toEqual(expected);
  expect(warnings(seen, 'image_set_aside')).toEqual([]);
});

test('a cache that is spoiled between two epochs', async () => {
  const cache = await mkdtemp(join(folder, 'cache-'));
  vi.stubEnv('OCELLI_CACHE', cache);
  const spoiled = new Set<string>();
  const seen = await run(`${web.url}/set`, { cache: true }, async (step) => {
    if (step !== 1) return;
    // Entries are written while the run goes on.
    await vi.waitFor(
      async () => {
        for (const entry of await readdir(cache, { recursive: true, withFileTypes: true })) {
          if (!entry.isFile() || entry.name === 'used') continue;
          const path = join(entry.parentPath, entry.name);
          await writeFile(path, 'spoiled');
          spoiled.add(path);
        }
        expect(spoiled.size).toBeGreaterThan(8);
      },
      { timeout: 30_000 },
    );
  });
  expect(lossesOf(seen)).toEqual(expected);
  expect(warnings(seen, 'image_set_aside')).toEqual([]);
});

test('a disk that is full: nothing more is kept, which is said once', async () => {
  const cache = await mkdtemp(join(folder, 'cache-'));
  vi.stubEnv('OCELLI_CACHE', cache);
  const write = platformFiles.write.bind(platformFiles);
  let kept = 0;
  vi.spyOn(platformFiles, 'write').mockImplementation((path, ...rest) =>
    path.startsWith(cache) && ++kept > 10
      ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
      : write(path, ...rest),
  );
  const seen = await run(`${web.url}/set`, { cache: true });
  expect(kept).toBeGreaterThan(10);
  expect(lossesOf(seen)).toEqual(expected);
  const told = seen.filter((event) => event.type === 'warning' && /no space left/.test(event.message));
  expect(told).toHaveLength(1);
});

test('a clock that jumps by twenty minutes in the middle', async () => {
  const s3 = await S3Server.start();
  try {
    await s3.bucket('data');
    for (const [name, bytes] of pictures) await s3.put('data', name, bytes);
    for (const [name, value] of Object.entries(s3.environment)) vi.stubEnv(name, value);
    const now = Date.now.bind(Date);
    let jump = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + jump);
    const seen = await run('s3://data/set', {}, (step) => {
      jump = step % 2 === 1 ? -20 * 60_000 : 20 * 60_000;
    });
    expect(lossesOf(seen)).toEqual(expected);
    expect(warnings(seen, 'image_set_aside')).toEqual([]);
  } finally {
    await s3.dispose();
  }
}, 60_000);
