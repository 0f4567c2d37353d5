/** `fromPretrained` with a hub id, against a server with the hub's layout. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CheckpointError, RemoteError } from '../../src/core/index.ts';
import { type Device, openDevice } from '../../src/engine/index.ts';
import { fromPretrained } from '../../src/models/index.ts';
import { HubServer } from '../support/hub.ts';

const shelf = '../shared/reference/models/vit-p8';
let device: Device;
let hub: HubServer;
let cache: string;

beforeAll(async () => {
  const read = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(shelf, name)));
  const config = await read('config.json');
  const weights = await read('model.safetensors');
  hub = await HubServer.start({
    'org/small-vit': { files: { 'config.json': config, 'model.safetensors': weights } },
    'org/without-weights': { files: { 'config.json': config } },
    'org/private': { files: { 'config.json': config, 'model.safetensors': weights }, token: 'hf_secret' },
  });
  cache = await mkdtemp(join(tmpdir(), 'ocelli-hub-models-'));
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_HOME', cache);
  device = await openDevice('cpu');
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await device.dispose();
  await hub.dispose();
  await rm(cache, { recursive: true, force: true });
});

test('a model comes from the hub, with progress, and then from the cache', async () => {
  const files = new Set<string>();
  const onProgress = (file: string): void => void files.add(file);
  const first = await fromPretrained('org/small-vit', { onProgress });
  expect(first.report).toMatchObject({ missing: [], unexpected: [], classesKept: 7 });
  expect(files).toContain('org/small-vit/model.safetensors');
  first.model.dispose();
  const fetched = hub.requests.filter(({ path }) => path.includes('/cdn/')).length;
  const second = await fromPretrained('org/small-vit');
  second.model.dispose();
  expect(hub.requests.filter(({ path }) => path.includes('/cdn/')).length).toBe(fetched);
});

test('a repository without safetensors says so', async () => {
  await expect(fromPretrained('org/without-weights')).rejects.toBeInstanceOf(CheckpointError);
});

test('an unknown or private repository is a remote error', async () => {
  await expect(fromPretrained('org/nobody-knows')).rejects.toBeInstanceOf(RemoteError);
  await expect(fromPretrained('org/private')).rejects.toBeInstanceOf(RemoteError);
});
