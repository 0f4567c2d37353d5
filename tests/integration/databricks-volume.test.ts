/**
 * Databricks volumes against the protocol double (tests/support/databricks-double), whose bytes are in a real S3
 * server: the contract of volumes, the ladder of ways to read, uploads on the three clouds, and what goes wrong.
 */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DatabricksVolume, databricksAccess, Http } from '../../src/storage/index.ts';
import { answers, DatabricksDouble, storeAnswers } from '../support/databricks-double/index.ts';
import { S3Server } from '../support/seaweed.ts';
import { volumeContract } from '../support/volume-contract.ts';

const location = '/Volumes/main/default/images';
let s3: S3Server;
let workspace: DatabricksDouble;
beforeAll(async () => {
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
}, 120_000);
afterAll(async () => {
  await workspace?.dispose();
  await s3?.dispose();
});
afterEach(() => workspace.reset());

const mebibyte = 2 ** 20;
/** The S3 server takes no smaller parts. */
const small = { limit: 4 * mebibyte, part: () => 5 * mebibyte };
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) % 256);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const stored = (path: string): Promise<Uint8Array | undefined> =>
  s3.stored('workspace', `main/default/images/${path}`);

async function open(
  options: { environment?: Record<string, string>; now?: () => number } = {},
): Promise<DatabricksVolume> {
  const variables: Record<string, string> = options.environment ?? workspace.environment;
  const environment = (name: string): string | undefined => variables[name];
  const access = await databricksAccess({ environment, home: '/nowhere' });
  const http = new Http({ firstWait: 10 });
  return new DatabricksVolume(location, access, { http, environment, now: options.now, sizes: small });
}

describe('the contract of volumes', () => {
  let volume: DatabricksVolume;
  beforeAll(async () => {
    const access = await databricksAccess({
      environment: (name) => workspace.environment[name],
      home: '/nowhere',
    });
    volume = new DatabricksVolume(`${location}-contract`, access);
  });
  const key = (path: string): string => `main/default/images-contract/${path}`;
  volumeContract(() => ({
    volume,
    stored: (path) => s3.stored('workspace', key(path)),
    place: (path, bytes) => s3.put('workspace', key(path), bytes),
  }));
});

test('lists page by page what one answer does not hold', async () => {
  const names = Array.from({ length: 25 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
  await Promise.all(names.map((name) => workspace.put(`${location}/${name}`, 'x')));
  workspace.pageLimit = 10;
  const found: string[] = [];
  for await (const { path } of (await open()).list('many/')) found.push(path);
  expect(found).toEqual(names);
  expect(workspace.count(/page_token=/)).toBe(2);
});

test('a folder that is missing is told', async () => {
  const volume = await open();
  const list = async (): Promise<void> => {
    for await (const _ of volume.list('no/such/folder/'));
  };
  await expect(list()).rejects.toMatchObject({ code: 'file_missing', exitCode: 3 });
});

describe('reading', () => {
  const path = 'read/a b+c.bin';
  const content = bytesOf(50_000);
  beforeEach(async () => {
    await workspace.put(`${location}/${path}`, content);
    workspace.requests.length = 0;
  });

  test('one signed URL for all ranges; no token goes to the store', async () => {
    const source = (await open()).open(path);
    expect(await source.read({ start: 10, end: 20 })).toEqual(content.subarray(10, 20));
    expect(hash(await source.read())).toBe(hash(content));
    expect(
      workspace.count(
        /create-download-url\?path=%2FVolumes%2Fmain%2Fdefault%2Fimages%2Fread%2Fa\+b%2Bc\.bin&expire_time=/,
      ),
    ).toBe(1);
    expect(workspace.count(/GET .*fs\/files/)).toBe(0);
  });

  test.each(['expiredAws', 'expiredAzure', 'expiredGoogle'] as const)(
    '%s: asks for another URL',
    async (name) => {
      workspace.faults.add(/^store GET$/, { answer: storeAnswers[name] }, 2);
      expect(hash(await (await open()).open(path).read())).toBe(hash(content));
      expect(workspace.count(/create-download-url/)).toBe(3);
      expect(workspace.count(/GET .*fs\/files/)).toBe(0);
    },
  );

  test('a URL that has really expired at the store', async () => {
    // The workspace signs for three seconds, and we think for an hour.
    workspace.longestUrl = 3;
    const source = (await open()).open(path);
    expect(await source.read({ start: 0, end: 5 })).toEqual(content.subarray(0, 5));
    const before = workspace.count(/create-download-url/);
    await new Promise((resolve) => setTimeout(resolve, 4100));
    expect(await source.read({ start: 5, end: 9 })).toEqual(content.subarray(5, 9));
    expect(workspace.count(/create-download-url/)).toBeGreaterThan(before);
    expect(workspace.count(/GET .*fs\/files/)).toBe(0);
  });

  test('URLs that expire again and again: three more, then the Files API', async () => {
    workspace.faults.add(/^store GET$/, { answer: storeAnswers.expiredAws }, 100);
    expect(hash(await (await open()).open(path).read())).toBe(hash(content));
    expect(workspace.count(/create-download-url/)).toBe(4);
    expect(workspace.count(/GET .*fs\/files/)).toBe(1);
  });

  test.each(['notEnabled', 'networkZoneUnknown'] as const)(
    '%s: the Files API, and no more questions',
    async (name) => {
      workspace.faults.add(/create-download-url/, { answer: answers[name] }, 100);
      const volume = await open();
      expect(hash(await volume.open(path).read())).toBe(hash(content));
      expect(await volume.open(path).read({ start: 5, end: 9 })).toEqual(content.subarray(5, 9));
      expect(workspace.count(/create-download-url/)).toBe(1);
      expect(workspace.count(/GET .*fs\/files/)).toBe(2);
      await expect(volume.sign(path)).rejects.toMatchObject({ exitCode: 5 });
    },
  );

  test('a store behind a firewall: the Files API, for some minutes', async () => {
    let now = Date.now();
    workspace.faults.add(/^store GET$/, { answer: storeAnswers.forbidden }, 1);
    const volume = await open({ now: () => now });
    for (let i = 0; i < 3; i++) expect(hash(await volume.open(path).read())).toBe(hash(content));
    expect(workspace.count(/GET .*fs\/files/)).toBe(3);
    now += 301_000;
    expect(hash(await volume.open(path).read())).toBe(hash(content));
    expect(workspace.count(/GET .*fs\/files/)).toBe(3);
  });

  test('switched off by the variable of Databricks SDKs', async () => {
    const volume = await open({
      environment: { ...workspace.environment, DATABRICKS_DISABLE_EXPERIMENTAL_FILES_API_CLIENT: 'true' },
    });
    expect(hash(await volume.open(path).read())).toBe(hash(content));
    await volume.write('read/large', bytesOf(5 * mebibyte));
    expect(workspace.count(/create-|initiate/)).toBe(0);
  });

  test('busy, in trouble, HTML of a proxy: tried again', async () => {
    workspace.faults.add(/create-download-url/, { answer: answers.tooManyRequests(1) });
    workspace.faults.add(/create-download-url/, { answer: answers.html });
    workspace.faults.add(/^store GET$/, { answer: storeAnswers.busy });
    const before = Date.now();
    expect(hash(await (await open()).open(path).read())).toBe(hash(content));
    expect(Date.now() - before).toBeGreaterThan(1000);
  });

  test('a connection that breaks is taken up where it stopped, at the store and at the Files API', async () => {
    workspace.faults.add(/^store GET$/, { breakAfter: 20_000 });
    workspace.faults.add(/^store GET$/, { breakAfter: 10_000 });
    expect(hash(await (await open()).open(path).read())).toBe(hash(content));
    const ranges = workspace.requests.filter(({ line }) => line.startsWith('GET /store/'));
    expect(ranges.map(({ headers }) => headers.range)).toEqual(
      [
        undefined,
        expect.stringMatching(/^bytes=\d+-49999$/),
        expect.stringMatching(/^bytes=\d+-49999$/),
      ].slice(0, ranges.length),
    );
    expect(ranges.length).toBeGreaterThanOrEqual(2);

    workspace.reset();
    workspace.faults.add(/create-download-url/, { answer: answers.notEnabled });
    workspace.faults.add(/GET .*fs\/files/, { breakAfter: 20_000 });
    expect(hash(await (await open()).open(path).read())).toBe(hash(content));
    const plain = workspace.requests.filter(({ line }) => /GET .*fs\/files/.test(line));
    expect(plain.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=20000-49999']);
    expect(plain[1]!.headers['if-unmodified-since']).toMatch(/GMT$/);
  });

  test('no right, and what is missing', async () => {
    workspace.faults.add(/fs\//, { answer: answers.noRight }, 100);
    const error = await (await open())
      .open(path)
      .read()
      .catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'access_denied', exitCode: 5 });
    expect((error as Error).message).toMatch(/READ VOLUME/);
    workspace.reset();
    await expect((await open()).open('none').read()).rejects.toMatchObject({ code: 'file_missing' });
    await expect((await open()).open('none').size()).rejects.toMatchObject({ code: 'file_missing' });
  });
});

describe('tokens', () => {
  test('of a service principal are replaced before they end, and when they are refused', async () => {
    await workspace.put(`${location}/t.txt`, 'tokens');
    workspace.tokens.life = 41;
    const volume = await open({ environment: workspace.robotEnvironment });
    expect(text(await volume.open('t.txt').read())).toBe('tokens');
    const before = workspace.tokens.issued;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await volume.open('t.txt').size()).toBe(6);
    expect(workspace.tokens.issued).toBe(before + 1);
    workspace.tokens.life = 3600;
    workspace.tokens.revokeAll();
    workspace.tokens.add(workspace.token);
    expect(await volume.open('t.txt').size()).toBe(6);
    expect(workspace.tokens.issued).toBe(before + 2);
  });

  test('that nobody knows are told without showing them', async () => {
    const token = 'dapi-very-secret';
    const volume = await open({ environment: { ...workspace.environment, DATABRICKS_TOKEN: token } });
    for (const work of [
      () => volume.open('t.txt').read(),
      () => volume.open('t.txt').size(),
      () => volume.write('t.txt', 'x'),
      () => volume.sign('t.txt'),
    ]) {
      const error = await work().catch((caught: Error) => caught);
      expect(error).toMatchObject({ code: 'databricks_sign_in_refused', exitCode: 5 });
      expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain(token);
    }
  });
});

describe('writing', () => {
  const large = bytesOf(11 * mebibyte);

  test.each(['aws', 'azure', 'gcp'] as const)('in parts on %s', async (cloud) => {
    workspace.cloud = cloud;
    await (await open()).write(`write/${cloud}.bin`, large);
    expect(hash((await stored(`write/${cloud}.bin`))!)).toBe(hash(large));
    expect(workspace.count(/initiate-upload/)).toBe(1);
    expect(workspace.count(/complete-upload/)).toBe(cloud === 'gcp' ? 0 : 1);
    // Three parts in batches of two.
    expect(workspace.count(/create-upload-part-urls/)).toBe(cloud === 'gcp' ? 0 : 2);
    expect(workspace.count(/PUT .*fs\/files/)).toBe(0);
  });

  test('a small file in one request, its folder made where the workspace does not', async () => {
    workspace.makesFolders = false;
    await (await open()).write('fresh/folder/small.txt', 'small');
    expect(text(await stored('fresh/folder/small.txt'))).toBe('small');
    expect(workspace.count(/PUT .*fs\/directories/)).toBe(1);
  });

  test('a part whose URL has expired gets another', async () => {
    workspace.faults.add(/^store PUT$/, { answer: storeAnswers.expiredAws }, 3);
    await (await open()).write('write/expired.bin', large);
    expect(hash((await stored('write/expired.bin'))!)).toBe(hash(large));
  });

  test.each([
    ['a firewall', /^store PUT$/, storeAnswers.forbidden, 1],
    ['no URLs for parts', /create-upload-part-urls/, answers.notEnabled, 1],
    ['no upload session', /initiate-upload|POST .*fs\/files/, answers.notEnabled, 1],
  ] as const)(
    '%s: in one request through the Files API, the upload aborted',
    async (_, on, answer, times) => {
      workspace.faults.add(on, { answer }, times);
      const before = await workspace.store.openUploads();
      await (await open()).write('write/plain.bin', large);
      expect(hash((await stored('write/plain.bin'))!)).toBe(hash(large));
      expect(workspace.count(/PUT .*fs\/files/)).toBe(1);
      expect(await workspace.store.openUploads()).toBe(before);
    },
  );

  test('what fails later is told, and aborts the upload', async () => {
    const volume = await open();
    const before = await workspace.store.openUploads();
    workspace.faults.add(/complete-upload/, { answer: answers.noRight });
    await expect(volume.write('write/later', large)).rejects.toMatchObject({ code: 'access_denied' });
    expect(await stored('write/later')).toBeUndefined();
    expect(workspace.count(/create-abort-upload-url/)).toBe(1);
    expect(await workspace.store.openUploads()).toBe(before);
  });

  test.each([
    ['its first part', 'aws', /^store PUT$/],
    ['a resumable upload', 'gcp', /PUT \/resumable/],
    ['the session', 'aws', /POST .*fs\/files/],
  ] as const)(
    'no room for %s: told at once, not sent another way, nothing half-written',
    async (_, cloud, on) => {
      workspace.cloud = cloud;
      const volume = await open();
      const before = await workspace.store.openUploads();
      workspace.faults.add(on, { answer: { status: 507 } }, 100);
      await expect(volume.write('write/full', large)).rejects.toMatchObject({
        code: 'volume_full',
        exitCode: 5,
      });
      expect(await stored('write/full')).toBeUndefined();
      expect(workspace.count(/PUT .*fs\/files/)).toBe(0);
      expect(await workspace.store.openUploads()).toBe(before);
    },
  );

  test('a resumable upload goes on where the store is', async () => {
    workspace.cloud = 'gcp';
    workspace.faults.add(/PUT \/resumable/, { answer: { status: 503 } }, 2);
    await (await open()).write('write/resumed.bin', large);
    expect(hash((await stored('write/resumed.bin'))!)).toBe(hash(large));
    const ranges = workspace.requests
      .filter(({ line }) => line.startsWith('PUT /resumable'))
      .map(({ headers }) => headers['content-range']);
    expect(ranges).toContain('bytes */*');
    expect(ranges.at(-1)).toBe(`bytes ${10 * mebibyte}-${11 * mebibyte - 1}/${11 * mebibyte}`);
  });
});
