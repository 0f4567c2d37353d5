/**
 * Runs on a workspace's volume, directly and through a gateway: the same losses as from a local folder, whatever goes
 * wrong on the way, checkpoints that arrive in a volume, and no secret in what a run leaves behind.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { train } from '../../src/runs/index.ts';
import { answers, DatabricksDouble, storeAnswers } from '../support/databricks-double/index.ts';
import { filesBelow, lossesOf, smallPictures } from '../support/files-of-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';
import { S3Server } from '../support/seaweed.ts';

const place = '/Volumes/main/default/run';
const rotated = 'dapi-after-its-rotation';
let folder: string;
let s3: S3Server;
let workspace: DatabricksDouble;
let expected: number[];
let annotations: { readonly data: string; readonly file: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-databricks-run-'));
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
  const { paths } = await generateSampleDataset({ ...smallPictures, out: join(folder, 'data') });
  annotations = { data: below(paths.val_data_path!), file: below(paths.val_annotation_file!) };
  await generateSampleDataset({ ...smallPictures, out: join(folder, 'data/folders'), layout: 'folder' });
  for (const [name, bytes] of await filesBelow(join(folder, 'data'))) {
    await workspace.put(`${place}/${name}`, bytes);
  }
  expected = lossesOf(await run(join(folder, 'data')));
  expect(new Set(expected).size).toBe(4);
}, 180_000);
afterEach(() => {
  vi.unstubAllEnvs();
  workspace.reset();
});
afterAll(async () => {
  await workspace?.dispose();
  await s3?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const below = (path: string): string => path.slice(join(folder, 'data').length + 1);

let runs = 0;
async function run(
  data: string,
  training: Record<string, unknown> = {},
  onEvent: (event: RunEvent) => Promise<void> = async () => {},
): Promise<RunEvent[]> {
  const text = tinyRecipe({
    data: {
      train_data_path: `${data}/folders/train`,
      val_data_path: `${data}/${annotations.data}`,
      val_annotation_file: `${data}/${annotations.file}`,
    },
    training: { seed: 5, ...training },
  });
  const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
  const seen: RunEvent[] = [];
  const out = join(folder, `run-${++runs}`);
  for await (const event of train({ recipe, out, device: 'wasm' })) {
    seen.push(event);
    await onEvent(event);
  }
  expect(seen.at(-1)).toMatchObject({ type: 'finished' });
  return seen;
}

const stub = (values: Record<string, string>): void => {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
};

test('from a volume, with checkpoints in another: the same losses', async () => {
  stub(workspace.environment);
  expect(lossesOf(await run(place, { checkpoint_dir: `${place}-results/tiny` }))).toEqual(expected);
  const state = await s3.stored('workspace', 'main/default/run-results/tiny/last/state.json');
  expect(JSON.parse(new TextDecoder().decode(state))).toMatchObject({ progress: { epoch: 2 } });
  expect(await s3.stored('workspace', 'main/default/run-results/tiny/last/model.safetensors')).toBeDefined();
});

test('while addresses expire, tokens end, servers are busy and connections break', async () => {
  stub(workspace.robotEnvironment);
  workspace.tokens.life = 41;
  workspace.longestUrl = 1;
  workspace.faults.add(/create-download-url/, { answer: answers.tooManyRequests(1) }, 1);
  workspace.faults.add(/create-download-url/, { answer: answers.unavailable }, 2);
  workspace.faults.add(/create-download-url/, { answer: answers.html }, 1);
  workspace.faults.add(/^store GET$/, { answer: storeAnswers.expiredAws }, 2);
  workspace.faults.add(/^store GET$/, { answer: storeAnswers.expiredAzure }, 2);
  workspace.faults.add(/^store GET$/, { answer: storeAnswers.expiredGoogle }, 2);
  workspace.faults.add(/^store GET$/, { breakAfter: 50 }, 3);
  const seen = await run(place);
  expect(lossesOf(seen)).toEqual(expected);
  expect(seen.filter(({ type }) => type === 'warning')).toEqual([]);
});

test('while a personal token is rotated: the new one is read from the profile', async () => {
  const file = join(folder, 'data/databrickscfg');
  const profile = (token: string): Promise<void> =>
    writeFile(file, `[DEFAULT]\nhost = ${workspace.host}\ntoken = ${token}\n`);
  await profile(workspace.token);
  stub({ DATABRICKS_CONFIG_FILE: file });
  // Without addresses every picture needs the token.
  workspace.faults.add(/create-download-url/, { answer: answers.notEnabled }, 1000);
  let steps = 0;
  try {
    const seen = await run(place, {}, async ({ type }) => {
      if (type !== 'step' || ++steps > 1) return;
      await profile(rotated);
      workspace.tokens.revokeAll();
      workspace.tokens.add(rotated);
    });
    expect(lossesOf(seen)).toEqual(expected);
    expect(seen.filter(({ type }) => type === 'warning')).toEqual([]);
    const used = workspace.requests.filter(({ headers }) => headers.authorization === `Bearer ${rotated}`);
    expect(used.length).toBeGreaterThan(8);
  } finally {
    workspace.tokens.add(workspace.token);
  }
});

test('where the workspace makes no addresses', async () => {
  stub({ ...workspace.environment, DATABRICKS_AUTH_TYPE: 'pat' });
  workspace.faults.add(/create-download-url/, { answer: answers.networkZoneUnknown }, 1000);
  workspace.faults.add(/GET .*fs\/files/, { breakAfter: 40 }, 2);
  expect(lossesOf(await run(place))).toEqual(expected);
});

test('through a gateway that restarts in the middle', async () => {
  stub(workspace.environment);
  const volumes = [{ place, write: false }];
  const first = await startGateway({ volumes, port: 0 });
  const port = Number(new URL(first.url).port);
  // No addresses: every byte comes through the gateway.
  workspace.faults.add(/create-download-url/, { answer: answers.notEnabled }, 1000);
  stub({ OCELLI_GATEWAY: first.url });
  let second: ReturnType<typeof startGateway> | undefined;
  const seen = await run(place, {}, async (event) => {
    if (event.type !== 'step' || second) return;
    await first.close();
    second = new Promise((resolve) => setTimeout(resolve, 500)).then(() => startGateway({ volumes, port }));
  });
  await (await second)?.close();
  expect(second).toBeDefined();
  expect(lossesOf(seen)).toEqual(expected);
});

test('no run has left a token or an address', async () => {
  for (const [name, bytes] of await filesBelow(folder)) {
    if (name.startsWith('data/')) continue;
    const text = Buffer.from(bytes).toString('latin1');
    for (const secret of [
      workspace.token,
      rotated,
      workspace.tokens.clientSecret,
      'oauth-1',
      'X-Amz-',
      s3.secretAccessKey,
    ]) {
      expect(text.includes(secret) ? `${name} has ${secret}` : '').toBe('');
    }
  }
});
