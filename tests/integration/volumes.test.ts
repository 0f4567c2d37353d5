/** One contract for all kinds of volumes, against real servers: a local folder, S3 (SeaweedFS), Azure (Azurite), HTTPS. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { files } from '#platform';
import { openAzurePlace } from '../../src/storage/azure/index.ts';
import { LocalVolume } from '../../src/storage/index.ts';
import { openS3Place } from '../../src/storage/s3/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { S3Server } from '../support/seaweed.ts';
import { type VolumeUnderTest, volumeContract } from '../support/volume-contract.ts';

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
