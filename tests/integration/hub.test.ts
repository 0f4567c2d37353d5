/** Downloads from a server with the hub's layout: cache, resume, rights, offline. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHub } from '../../src/storage/hub/index.ts';
import { type HubRepository, HubServer } from '../support/hub.ts';

const config = new TextEncoder().encode('{"model_type":"vit"}');
const weights = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 2654435761) >>> 13);
const repositories: Record<string, HubRepository> = {
  'org/model': {
    files: { 'config.json': config, 'model.safetensors': weights, 'onnx/model.onnx': weights.slice(0, 100) },
  },
  'org/private': { files: { 'config.json': config }, token: 'hf_s3cret' },
  'org/gated': { files: { 'config.json': config }, gated: true },
};
let hub: HubServer;
let cache: string;
let environment: (extra?: Record<string, string>) => (name: string) => string | undefined;

beforeEach(async () => {
  hub = await HubServer.start(repositories);
  cache = await mkdtemp(join(tmpdir(), 'ocelli-hub-'));
  environment =
    (extra = {}) =>
    (name) =>
      ({ HF_ENDPOINT: hub.endpoint, HF_HOME: cache, ...extra })[name];
});
afterEach(async () => {
  await hub.dispose();
  await rm(cache, { recursive: true, force: true });
});

/** `toEqual` looks at each of three million elements for seconds. */
const expectWeights = (bytes: Uint8Array): void => expect(Buffer.compare(bytes, weights)).toBe(0);

const contentRequests = (): number =>
  hub.requests.filter(({ path, range }) => path.startsWith('/cdn/') && range !== 'bytes=0-0').length;

describe('openHub', () => {
  it('fetches files once, where the Python library keeps them', async () => {
    const progress: number[] = [];
    const volume = await openHub('org/model', {
      environment: environment(),
      onProgress: (_, received) => progress.push(received),
    });
    expectWeights(await volume.open('model.safetensors').read());
    expect(await volume.open('model.safetensors').read({ start: 10, end: 20 })).toEqual(
      weights.subarray(10, 20),
    );
    expect(progress.at(-1)).toBe(weights.byteLength);
    const again = await openHub('org/model', { environment: environment() });
    expect(await again.open('model.safetensors').size()).toBe(weights.byteLength);
    expect(contentRequests()).toBe(1);
    const commit = HubServer.commitOf(repositories['org/model']!);
    const folder = join(cache, 'hub', 'models--org--model');
    expect(await readFile(join(folder, 'refs', 'main'), 'utf8')).toBe(commit);
    expectWeights(await readFile(join(folder, 'snapshots', commit, 'model.safetensors')));
    const listed: string[] = [];
    for await (const entry of again.list('')) listed.push(entry.path);
    expect(listed).toEqual(['config.json', 'model.safetensors', 'onnx/model.onnx']);
  });

  it('goes on where a broken download stopped, also in another process', async () => {
    hub.breaks = [1_000_000, 500_000];
    const volume = await openHub('org/model', { environment: environment() });
    expectWeights(await volume.open('model.safetensors').read());
    const ranges = hub.requests.filter(({ path }) => path.startsWith('/cdn/')).map(({ range }) => range);
    expect(ranges.filter((range) => range !== undefined && range !== 'bytes=0-0')).toHaveLength(2);
  });

  it('sends the token to the hub and not to the content server', async () => {
    await expect(openHub('org/private', { environment: environment() })).rejects.toMatchObject({
      code: 'hub_refused',
      exitCode: 5,
    });
    const volume = await openHub('org/private', { environment: environment({ HF_TOKEN: 'hf_s3cret' }) });
    expect(await volume.open('config.json').read()).toEqual(config);
  });

  it('tells apart a gated model, an unknown one, a missing revision and a missing file', async () => {
    await expect(openHub('org/gated', { environment: environment() })).rejects.toThrow(/accept its terms/);
    await expect(openHub('org/unknown', { environment: environment() })).rejects.toThrow(/status 401/);
    await expect(openHub('org/model', { environment: environment(), revision: 'v9' })).rejects.toThrow(
      /status 404/,
    );
    const volume = await openHub('org/model', { environment: environment() });
    await expect(volume.open('pytorch_model.bin').read()).rejects.toMatchObject({ code: 'hub_file_missing' });
    expect(() => volume.open('../../etc/passwd')).toThrowError(/inside the repository/);
    await expect(openHub('../x', { environment: environment() })).rejects.toMatchObject({ exitCode: 2 });
  });

  it('waits when it is asked to', async () => {
    hub.throttled = 1;
    const volume = await openHub('org/model', { environment: environment() });
    const begun = Date.now();
    expect(await volume.open('config.json').read()).toEqual(config);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1000);
  });

  it('works from the cache when the hub is away or HF_HUB_OFFLINE is set', async () => {
    const online = await openHub('org/model', { environment: environment() });
    await online.open('config.json').read();
    const before = hub.requests.length;
    const offline = await openHub('org/model', { environment: environment({ HF_HUB_OFFLINE: '1' }) });
    expect(await offline.open('config.json').read()).toEqual(config);
    await expect(offline.open('model.safetensors').read()).rejects.toThrow(/hub was not asked/);
    expect(hub.requests.length).toBe(before);
    const away = await openHub('org/model', {
      environment: environment({ HF_ENDPOINT: 'http://127.0.0.1:9' }),
    });
    expect(await away.open('config.json').read()).toEqual(config);
    await expect(
      openHub('org/other', { environment: environment({ HF_ENDPOINT: 'http://127.0.0.1:9' }) }),
    ).rejects.toMatchObject({ code: 'hub_unreachable', exitCode: 5 });
  });

  it('starts over when the file on the hub has changed', async () => {
    const volume = await openHub('org/model', { environment: environment() });
    const commit = HubServer.commitOf(repositories['org/model']!);
    const folder = join(cache, 'hub', 'models--org--model', 'snapshots', commit);
    await volume.open('config.json').read();
    await writeFile(join(folder, 'model.safetensors.oldetag.incomplete'), 'old bytes');
    expectWeights(await volume.open('model.safetensors').read());
  });
});
