/** What goes wrong between here and a store, on real servers: keys, clocks, expiry, changes, broken connections. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AzureVolume, openAzurePlace } from '../../src/storage/azure/index.ts';
import { ServerClock } from '../../src/storage/clock.ts';
import { Renewable } from '../../src/storage/grant.ts';
import { Http } from '../../src/storage/index.ts';
import { openS3Place, S3Volume, type S3VolumeOptions, s3Endpoint } from '../../src/storage/s3/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { S3Server } from '../support/seaweed.ts';
import { optionalProgram } from '../support/servers.ts';
import { Toxiproxy } from '../support/toxiproxy.ts';
import { listAll } from '../support/volume-contract.ts';

/** A write that is stopped while a request to such an address is on its way: the write fails for that reason. */
async function stopAt(address: RegExp, write: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const listen = (message: unknown): void => {
    const { path } = (message as { request: { path: string } }).request;
    if (address.test(path)) setImmediate(() => stop.abort(new Error('enough')));
  };
  subscribe('undici:request:create', listen);
  try {
    await expect(write(stop.signal)).rejects.toThrow('enough');
  } finally {
    unsubscribe('undici:request:create', listen);
  }
}

describe('S3, when things go wrong', () => {
  let server: S3Server;
  const http = new Http({ firstWait: 5, longestWait: 50 });
  const open = (changes: Record<string, string> = {}, place = 's3://trouble/') =>
    openS3Place(place, (name) => ({ ...server.environment, ...changes })[name], http).volume;
  const custom = (changes: Partial<S3VolumeOptions>) =>
    new S3Volume({
      location: 's3://trouble',
      bucket: 'trouble',
      at: s3Endpoint((name) => server.environment[name]),
      access: Renewable.fixed(server),
      http,
      ...changes,
    });
  beforeAll(async () => {
    server = await S3Server.start();
    await server.bucket('trouble');
    await server.put('trouble', 'a.txt', '0123456789');
  });
  afterAll(() => server?.dispose());

  test.each([
    [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, 'SignatureDoesNotMatch'],
    [{ AWS_ACCESS_KEY_ID: 'unknown' }, 'InvalidAccessKeyId'],
    [{ AWS_SESSION_TOKEN: 'false' }, ''],
  ])('refuses %j', async (changes, reason) => {
    for (const attempt of [
      () => open(changes).open('a.txt').read(),
      () => open(changes).write('b.txt', 'x'),
      () => listAll(open(changes), ''),
    ]) {
      const error = await attempt().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'access_denied', exitCode: 5 });
      expect(String(error)).toContain(reason);
      expect(String(error)).not.toMatch(/X-Amz|Signature=|test-secret/);
    }
  });

  test('a bucket that is not there is a DataError', async () => {
    const volume = open({}, 's3://nowhere/');
    await expect(listAll(volume, '')).rejects.toMatchObject({
      code: 'file_missing',
      exitCode: 3,
    });
  });

  test('keys that end are a RemoteError that says so', async () => {
    const keys = await server.temporaryKeys({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::trouble/*'] }],
    });
    const temporary = {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    };
    expect(await open(temporary).open('a.txt').read()).toHaveLength(10);
    await expect(open(temporary).write('b.txt', 'x')).rejects.toMatchObject({ code: 'access_denied' });
  });

  test('a clock that is 20 minutes off, either way, is set by the server', async () => {
    for (const minutes of [-20, 20, -3 * 24 * 60]) {
      const local = (): number => Date.now() + minutes * 60_000;
      const volume = custom({ expiresIn: 60, clock: new ServerClock(local) });
      expect(await volume.open('a.txt').read()).toHaveLength(10);
      await volume.write('clock.txt', 'x');
      expect(await listAll(volume, 'a')).toHaveLength(1);
    }
  });

  test('addresses that expire while a file is read are exchanged', async () => {
    const volume = custom({ expiresIn: 1 });
    const source = volume.open('a.txt');
    for (let i = 0; i < 3; i++) {
      expect(await source.read({ start: i, end: i + 2 })).toHaveLength(2);
      await new Promise((resolve) => setTimeout(resolve, 900));
    }
    const { url } = await volume.sign('a.txt');
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const late = await fetch(url);
    expect(late.status).toBe(403);
    expect(await late.text()).toContain('Request has expired');
  });

  test('a file that is replaced between two ranges is an error, not a mixture', async () => {
    await server.put('trouble', 'changing.txt', 'aaaaaaaaaa');
    const source = open().open('changing.txt');
    await source.read({ start: 0, end: 5 });
    await server.put('trouble', 'changing.txt', 'bbbbbbbbbb');
    await expect(source.read({ start: 5, end: 10 })).rejects.toMatchObject({
      code: 'file_changed',
      exitCode: 3,
    });
  });

  test('an upload in parts arrives whole or not at all, and leaves nothing behind', async () => {
    const volume = custom({ parts: { from: 6 * 2 ** 20, size: 5 * 2 ** 20 } });
    const bytes = new Uint8Array(12 * 2 ** 20).fill(7);
    await volume.write('large.bin', bytes);
    expect((await server.stored('trouble', 'large.bin'))?.byteLength).toBe(bytes.byteLength);
    const [entry] = await listAll(volume, 'large.bin');
    // S3 marks what came in parts.
    expect(entry?.version).toMatch(/-3$/);
    await stopAt(/[?&]partNumber=2&/, (signal) => volume.write('never.bin', bytes, { signal }));
    // Also when it is stopped before anybody knows the upload's id.
    const early = new AbortController();
    const fetcher: typeof fetch = (input, init) => {
      const answer = fetch(input, init);
      if (/[?&]uploads=/.test(String(input))) early.abort(new Error('early'));
      return answer;
    };
    const impatient = custom({
      parts: { from: 6 * 2 ** 20, size: 5 * 2 ** 20 },
      http: new Http({ fetcher }),
    });
    const begun = impatient.write('never.bin', bytes, { signal: early.signal });
    await expect(begun).rejects.toThrow('early');
    expect(await server.stored('trouble', 'never.bin')).toBeUndefined();
    const uploads = await (await server.request('/trouble?uploads')).text();
    expect(uploads).not.toContain('<UploadId>');
  });

  test('survives a server that restarts', async () => {
    const patient = new Http({ firstWait: 200 });
    const volume = openS3Place('s3://trouble/', (name) => server.environment[name], patient).volume;
    await volume.open('a.txt').read();
    await server.down();
    const [bytes] = await Promise.all([
      volume.open('a.txt').read(),
      new Promise((resolve) => setTimeout(resolve, 300)).then(() => server.up()),
    ]);
    expect(bytes).toHaveLength(10);
  });
});

describe('Azure, when things go wrong', () => {
  let server: AzuriteServer;
  const open = (sas: string) =>
    openAzurePlace(
      `abfss://trouble@${server.account}.dfs.core.windows.net/`,
      (name) => ({ AZURE_STORAGE_SAS_TOKEN: sas, AZURE_STORAGE_ENDPOINT: server.endpoint })[name],
      new Http({ firstWait: 5, longestWait: 50 }),
    ).volume;
  beforeAll(async () => {
    server = await AzuriteServer.start();
    await server.container('trouble');
    await server.put('trouble', 'a.txt', '0123456789');
  }, 180_000);
  afterAll(() => server?.dispose());

  test('a SAS that only reads may not write, and the error says which rights are missing', async () => {
    const volume = open(server.sas('rl'));
    expect(await volume.open('a.txt').read()).toHaveLength(10);
    const error = await volume.write('b.txt', 'x').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'access_denied', exitCode: 5 });
    expect(String(error)).toContain('sp=racwdl');
    expect(String(error)).not.toMatch(/sig=/);
  });

  test.each([
    ['that has ended', () => server.sas('rl', -1)],
    ['that was changed', () => server.sas('rl').replace(/sp=rl/, 'sp=rwl')],
    ['with a false signature', () => server.sas('rl').replace(/sig=[^&]{4}/, 'sig=AAAA')],
  ])('a SAS %s opens nothing', async (_, sas) => {
    for (const attempt of [() => open(sas()).open('a.txt').read(), () => listAll(open(sas()), '')]) {
      const error = await attempt().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ exitCode: 5, code: expect.stringMatching(/^access_/) });
      expect(String(error)).not.toMatch(/sig=|AAAA/);
    }
  });

  test('an upload in blocks arrives whole or not at all', async () => {
    const volume = new AzureVolume({
      location: 'abfss://trouble',
      endpoint: server.endpoint,
      container: 'trouble',
      access: Renewable.fixed({ sas: server.sas() }),
      http: new Http(),
      parts: { from: 2 ** 20, size: 2 ** 20 },
    });
    const bytes = new Uint8Array(3 * 2 ** 20 + 5).fill(7);
    await volume.write('large.bin', bytes);
    expect((await server.stored('trouble', 'large.bin'))?.byteLength).toBe(bytes.byteLength);
    await stopAt(/[?&]comp=block&/, (signal) => volume.write('never.bin', bytes, { signal }));
    expect(await server.stored('trouble', 'never.bin')).toBeUndefined();
  });
});

const program = await optionalProgram('toxiproxy');
describe.skipIf(program === undefined)('a connection that breaks (toxiproxy before the S3 server)', () => {
  let server: S3Server;
  let proxy: Toxiproxy;
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);
  const http = new Http({ firstWait: 50, longestWait: 500, inactivity: 1500 });
  const open = () =>
    openS3Place(
      's3://broken/',
      (name) => ({ ...server.environment, AWS_ENDPOINT_URL_S3: proxy.endpoint })[name],
      http,
    ).volume;
  beforeAll(async () => {
    server = await S3Server.start();
    await server.bucket('broken');
    await server.put('broken', 'a.bin', bytes);
    proxy = await Toxiproxy.start(server.port);
  }, 180_000);
  afterAll(async () => {
    await Promise.all([proxy?.dispose(), server?.dispose()]);
  });

  test.each([
    ['cut after 100 kB', { type: 'limit_data', attributes: { bytes: 100_000 } }],
    ['reset', { type: 'reset_peer', attributes: { timeout: 3 } }],
    ['silent', { type: 'timeout', attributes: { timeout: 0 } }],
    ['in crumbs', { type: 'slicer', attributes: { average_size: 5000, size_variation: 2000, delay: 100 } }],
    ['slow to begin', { type: 'latency', attributes: { latency: 300, jitter: 100 } }],
  ])('%s', async (_, toxic) => {
    await proxy.clear();
    const remove = await proxy.add(toxic);
    // Faults end, as they do: what was begun under them is finished after.
    const relief = setTimeout(() => void remove(), 600);
    const whole = await open().open('a.bin').read();
    expect(Buffer.compare(whole, bytes)).toBe(0);
    const range = await open().open('a.bin').read({ start: 1000, end: 250_000 });
    expect(Buffer.compare(range, bytes.subarray(1000, 250_000))).toBe(0);
    clearTimeout(relief);
    await proxy.clear();
  });

  test('uploads get through too', async () => {
    const remove = await proxy.add({
      type: 'limit_data',
      stream: 'upstream',
      attributes: { bytes: 200_000 },
    });
    const relief = setTimeout(() => void remove(), 300);
    await open().write('b.bin', bytes);
    clearTimeout(relief);
    await proxy.clear();
    expect(Buffer.compare((await server.stored('broken', 'b.bin'))!, bytes)).toBe(0);
  });

  test('a server that stays away is a RemoteError, soon where it never answered', async () => {
    await proxy.enable(false);
    const fresh = new Http({ firstWait: 20 });
    const volume = openS3Place(
      's3://broken/',
      (name) => ({ ...server.environment, AWS_ENDPOINT_URL_S3: proxy.endpoint })[name],
      fresh,
    ).volume;
    const error = await volume
      .open('a.bin')
      .read()
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'remote_unreachable', exitCode: 5 });
    expect(String(error)).not.toMatch(/X-Amz/);
    await proxy.enable(true);
    expect(await open().open('a.bin').read()).toHaveLength(bytes.byteLength);
  });
});
