/** One contract for all kinds of volumes, against real servers: a local folder, S3 (SeaweedFS), Azure (Azurite), HTTPS. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { files } from '#platform';
import { openAzurePlace } from '../../src/storage/azure/index.ts';
import { openHttpsPlace } from '../../src/storage/https/index.ts';
import { LocalVolume, openPlace } from '../../src/storage/index.ts';
import { openS3Place } from '../../src/storage/s3/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { FileServer } from '../support/file-server.ts';
import { S3Server } from '../support/seaweed.ts';
import { listAll, type VolumeUnderTest, volumeContract } from '../support/volume-contract.ts';

describe('a local folder', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'ocelli-volume-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  volumeContract(() => ({
    volume: new LocalVolume(join(root, 'volume')),
    stored: (path) =>
      readFile(join(root, 'volume', path)).then(
        (bytes) => new Uint8Array(bytes),
        () => undefined,
      ),
    place: (path, bytes) => files.write(join(root, 'volume', path), bytes),
  }));
});

describe('S3', () => {
  let server: S3Server;
  let under: VolumeUnderTest;
  beforeAll(async () => {
    server = await S3Server.start();
    await server.bucket('contract');
    const { volume } = openS3Place('s3://contract/', (name) => server.environment[name]);
    under = {
      volume,
      stored: (path) => server.stored('contract', path),
      place: (path, bytes) => server.put('contract', path, bytes),
    };
  });
  afterAll(() => server?.dispose());
  volumeContract(() => under);
});

describe('Azure', () => {
  let server: AzuriteServer;
  let under: VolumeUnderTest;
  beforeAll(async () => {
    server = await AzuriteServer.start();
    await server.container('contract');
    const environment: Record<string, string> = {
      AZURE_STORAGE_SAS_TOKEN: `?${server.sas()}`,
      AZURE_STORAGE_ENDPOINT: server.endpoint,
    };
    const place = `abfss://contract@${server.account}.dfs.core.windows.net/`;
    under = {
      volume: openAzurePlace(place, (name) => environment[name]).volume,
      stored: (path) => server.stored('contract', path),
      place: (path, bytes) => server.put('contract', path, bytes),
    };
  }, 180_000);
  afterAll(() => server?.dispose());
  volumeContract(() => under);
});

describe('HTTPS', () => {
  let server: FileServer;
  let under: VolumeUnderTest;
  beforeAll(async () => {
    server = await FileServer.start();
    under = {
      volume: openHttpsPlace(`${server.url}/pictures/`).volume,
      stored: async (path) => server.files.get(`pictures/${path}`),
      place: async (path, bytes) => void server.files.set(`pictures/${path}`, bytes),
    };
  });
  afterAll(() => server?.dispose());
  volumeContract(() => under, { readOnly: true });

  test('the nearest index counts; without one, nothing can be listed', async () => {
    const own = await FileServer.start();
    try {
      own.files.set('data/train/a.jpg', new Uint8Array(3));
      own.files.set('data/train.json', new Uint8Array(2));
      const { volume, path } = await openPlace(`${own.url}/data/train`);
      expect(path).toBe('train');
      const entries = await listAll(volume, 'train/');
      expect(entries.map((entry) => entry.path)).toEqual(['train/a.jpg']);
      own.faults = [
        { kind: 'answer', status: 404 },
        { kind: 'answer', status: 404 },
      ];
      await expect(listAll(volume, 'train/')).rejects.toMatchObject({
        code: 'folder_missing',
        exitCode: 3,
      });
      for (const text of ['{', '{}', '[{"path":"x"}]', '[{"path":"x","size":-1}]', '[1]']) {
        own.faults = [{ kind: 'answer', status: 200, body: text }];
        await expect(listAll(volume, 'train/')).rejects.toMatchObject({ code: 'index_invalid' });
      }
      own.faults = [{ kind: 'answer', status: 200, body: '[{"path":"../x","size":1}]' }];
      await expect(listAll(volume, 'train/')).rejects.toMatchObject({
        code: 'path_outside_root',
      });
    } finally {
      await own.dispose();
    }
  });
});

test('web folders may redirect to other hosts, but not on behalf of others', async () => {
  const [one, other] = await Promise.all([FileServer.start(), FileServer.start()]);
  try {
    other.files.set('a.txt', new Uint8Array(3));
    const there = { kind: 'answer', status: 302, headers: { Location: `${other.url}/a.txt` } } as const;
    one.faults = [there, there];
    expect(await openHttpsPlace(`${one.url}/x/`).volume.open('a.txt').read()).toHaveLength(3);
    const strict = openHttpsPlace(`${one.url}/x/`, undefined, 'same-host').volume;
    await expect(strict.open('a.txt').read()).rejects.toMatchObject({ code: 'redirect_refused' });
  } finally {
    await Promise.all([one.dispose(), other.dispose()]);
  }
});

test.each([
  'https://host/x?sig=s3cret',
  'https://user:s3cret@host/x',
  'https://host/x#s3cret',
  'http://example.org/x',
  's3://',
  's3://s3cret@bucket/x',
  'abfss://container/x',
  'abfss://c@evil.example.org/x',
  'uc://catalog/schema',
])('%s is refused, and nothing secret is repeated', async (place) => {
  process.env.AZURE_STORAGE_SAS_TOKEN = 'sig=s3cret';
  const error = await openPlace(place).catch((caught: unknown) => caught);
  delete process.env.AZURE_STORAGE_SAS_TOKEN;
  expect(error).toMatchObject({ code: 'place_invalid', exitCode: 2 });
  if (!place.startsWith('s3:')) expect(String(error)).not.toContain('s3cret');
});

test.each([
  ['s3://bucket/x', 'credentials_missing'],
  ['abfss://c@account.dfs.core.windows.net/x', 'credentials_missing'],
  ['uc://a/b/c/x', 'endpoint_invalid'],
])('%s without its variables says which are missing', async (place, code) => {
  await expect(openPlace(place)).rejects.toMatchObject({ code, exitCode: 2 });
});
