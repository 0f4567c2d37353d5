/**
 * Volumes of Unity Catalog: one suite for every server. It runs against the double of the official server always
 * (files and S3), against the real `uc-server` where it is built (files and Azure), and against any server that
 * `UC_URL` names (`UC_TOKEN`; S3 and Azure where `UC_S3_ENDPOINT` and `UC_AZURE_ENDPOINT` name their storage,
 * `UC_S3_LOCATION` the bucket and folder that the server has keys for; left out, the bucket of a volume that it has).
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { files } from '#platform';
import { Http } from '../../src/storage/index.ts';
import { openUnityPlace } from '../../src/storage/unity/index.ts';
import { AzuriteServer } from '../support/azurite.ts';
import { S3Server } from '../support/seaweed.ts';
import { optionalProgram } from '../support/servers.ts';
import { bucketOf, Catalog, UnityServer } from '../support/unity.ts';
import { UnityDouble } from '../support/unity-double.ts';
import { type VolumeUnderTest, volumeContract } from '../support/volume-contract.ts';

type Storage = 'files' | 'S3' | 'Azure';

/** A server with what its volumes can lie on. */
interface Setup {
  readonly url: string;
  readonly token?: string | undefined;
  /** A folder that both the server and this process see. */
  readonly folder: string;
  readonly s3?: {
    readonly endpoint: string;
    /** A folder in a bucket that the server has keys for. */
    readonly location: string;
    readonly server?: S3Server;
  };
  readonly azurite?: AzuriteServer;
  dispose(): Promise<void>;
}

const container = 'lake';

async function doubled(): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-unity-'));
  const server = await S3Server.start();
  await server.bucket(container);
  const double = await UnityDouble.start({ s3: server });
  return {
    url: double.url,
    folder,
    s3: { endpoint: server.endpoint, location: `s3://${container}/volumes`, server },
    dispose: async () => {
      await Promise.all([double.dispose(), server.dispose()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function built(program: string): Promise<Setup> {
  const [server, azurite] = await Promise.all([UnityServer.start(program), AzuriteServer.start()]);
  return {
    url: server.url,
    folder: server.data,
    azurite,
    dispose: async () => {
      await Promise.all([server.dispose(), azurite.dispose()]);
    },
  };
}

async function named(url: string): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-unity-'));
  const { UC_TOKEN, UC_S3_ENDPOINT, UC_S3_LOCATION, UC_AZURE_ENDPOINT } = process.env;
  const known = UC_S3_ENDPOINT && !UC_S3_LOCATION ? await bucketOf(url, UC_TOKEN) : undefined;
  const location = UC_S3_LOCATION ?? `s3://${known ?? container}/ocelli-tests`;
  return {
    url,
    token: UC_TOKEN,
    folder,
    ...(UC_S3_ENDPOINT ? { s3: { endpoint: UC_S3_ENDPOINT, location } } : {}),
    ...(UC_AZURE_ENDPOINT ? { azurite: AzuriteServer.at(UC_AZURE_ENDPOINT) } : {}),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

function unitySuite(name: string, storages: readonly Storage[], start: () => Promise<Setup>): void {
  describe(name, () => {
    let setup: Setup;
    let catalog: Catalog;
    let environment: Record<string, string | undefined>;
    const open = (place: string) => openUnityPlace(place, (variable) => environment[variable]);

    beforeAll(async () => {
      setup = await start();
      catalog = await Catalog.create(setup.url, { token: setup.token, root: setup.folder });
      environment = {
        UC_URL: setup.url,
        UC_TOKEN: setup.token,
        AWS_ENDPOINT_URL_S3: setup.s3?.endpoint,
        AZURE_STORAGE_ENDPOINT: setup.azurite?.endpoint,
      };
    }, 180_000);
    afterAll(() => setup?.dispose());

    describe.each(storages)('volumes on %s', (storage) => {
      let under: VolumeUnderTest;
      beforeAll(async () => {
        under = await makers[storage]();
      });
      volumeContract(() => under);
    });

    const makers: Record<Storage, () => Promise<VolumeUnderTest>> = {
      async files() {
        const folder = join(setup.folder, catalog.name, 'on-files');
        await mkdir(folder, { recursive: true });
        const place = await catalog.volume('on_files', `file://${folder}`);
        return {
          volume: (await open(place)).volume,
          stored: (path) =>
            readFile(join(folder, path)).then(
              (bytes) => new Uint8Array(bytes),
              () => undefined,
            ),
          place: (path, bytes) => files.write(join(folder, path), bytes),
        };
      },
      async S3() {
        const { location, server } = setup.s3!;
        const folder = `${location}/${catalog.name}`;
        const place = await catalog.volume('on_s3', folder);
        const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.+)$/.exec(folder)!;
        // Without the storage's own keys, another instance looks behind this one's back.
        const { volume: other } = await open(place);
        return {
          volume: (await open(place)).volume,
          stored: (path) =>
            server
              ? server.stored(bucket!, `${prefix}/${path}`)
              : other
                  .open(path)
                  .read()
                  .catch(() => undefined),
          place: (path, bytes) =>
            server ? server.put(bucket!, `${prefix}/${path}`, bytes) : other.write(path, bytes),
        };
      },
      async Azure() {
        const azurite = setup.azurite!;
        await azurite.container(container);
        await catalog.allowAzurite(azurite, container);
        const place = await catalog.volume('on_azure', `azurite://${container}/${catalog.name}`);
        return {
          volume: (await open(place)).volume,
          stored: (path) => azurite.stored(container, `${catalog.name}/${path}`),
          place: (path, bytes) => azurite.put(container, `${catalog.name}/${path}`, bytes),
        };
      },
    };

    test('a volume that nobody knows is a DataError that names it', async () => {
      const error = await open(`${catalog.place('nobody')}/x`).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'volume_missing', exitCode: 3 });
      expect((error as Error).message).toContain(`${catalog.name}.pictures.nobody`);
    });

    test('a server that is not there is a RemoteError', async () => {
      environment = { ...environment, UC_URL: 'http://127.0.0.1:9' };
      const http = new Http({ firstWait: 1 });
      const opening = openUnityPlace('uc://a/b/c/d', (variable) => environment[variable], http);
      await expect(opening).rejects.toMatchObject({ code: 'remote_unreachable', exitCode: 5 });
      environment = { ...environment, UC_URL: setup.url };
    });
  });
}

unitySuite('the double of the official server', ['files', 'S3'], doubled);

// Twelve minutes to build: the test line does not ask for that.
const program = await optionalProgram('uc-server');
if (program !== undefined) unitySuite('uc-server', ['files', 'Azure'], () => built(program));
else
  describe.skip('uc-server (not built: bash scripts/servers.sh uc-server)', () =>
    test('its suite', () => {}));

const { UC_URL, UC_S3_ENDPOINT, UC_AZURE_ENDPOINT } = process.env;
if (UC_URL) {
  const storages: Storage[] = ['files'];
  if (UC_S3_ENDPOINT) storages.push('S3');
  if (UC_AZURE_ENDPOINT) storages.push('Azure');
  unitySuite(`the server at UC_URL`, storages, () => named(UC_URL));
}

describe('rights and keys', () => {
  let server: S3Server;
  let double: UnityDouble;
  let catalog: Catalog;
  let place: string;
  let token: string;
  const open = () =>
    openUnityPlace(
      place,
      (name) => ({ UC_URL: double.url, UC_TOKEN: token, AWS_ENDPOINT_URL_S3: server.endpoint })[name],
    );

  beforeAll(async () => {
    server = await S3Server.start();
    await server.bucket(container);
    double = await UnityDouble.start({
      s3: server,
      tokens: { 'token-owner': 'owner', 'token-reader': 'reader', 'token-guest': 'nothing' },
    });
    catalog = await Catalog.create(double.url, { token: 'token-owner', root: '/nowhere' });
    place = await catalog.volume('imgs', `s3://${container}/imgs`);
    await server.put(container, 'imgs/a.txt', 'inside');
    await server.put(container, 'secret.txt', 'outside');
  });
  afterAll(async () => {
    await Promise.all([double?.dispose(), server?.dispose()]);
  });

  test('a reader reads and may not write', async () => {
    token = 'token-reader';
    const { volume } = await open();
    expect(new TextDecoder().decode(await volume.open('a.txt').read())).toBe('inside');
    const refused = await volume.write('b.txt', 'x').catch((caught: unknown) => caught);
    expect(refused).toMatchObject({ code: 'access_denied', exitCode: 5 });
    expect((refused as Error).message).toContain('Access denied.');
  });

  test.each(['token-guest', 'token-unknown', ''])('the token %j opens nothing', async (wrong) => {
    token = wrong;
    const refused = await open().catch((caught: unknown) => caught);
    expect(refused).toMatchObject({ code: 'access_denied', exitCode: 5 });
    if (wrong) expect((refused as Error).message).not.toContain(wrong);
  });

  test('keys that the storage refuses are exchanged', async () => {
    token = 'token-reader';
    const { volume } = await open();
    double.staleKeys = [{ accessKeyId: 'ASIAGONE', secretAccessKey: 'gone', sessionToken: 'gone' }];
    const asked = (): number =>
      double.requests.filter(({ path }) => path.endsWith('/temporary-volume-credentials')).length;
    const before = asked();
    // Refused at once after they came: that counts as a missing right for some seconds.
    await expect(volume.open('a.txt').read()).rejects.toMatchObject({ code: 'access_denied' });
    await new Promise((resolve) => setTimeout(resolve, 5100));
    expect(new TextDecoder().decode(await volume.open('a.txt').read())).toBe('inside');
    expect(asked()).toBe(before + 2);
  });

  test('a token that was exchanged meanwhile is taken up', async () => {
    token = 'token-reader';
    const { volume } = await open();
    double.tokens = { 'token-next': 'owner' };
    token = 'token-next';
    await volume.write('rotated.txt', 'x');
    expect(await server.stored(container, 'imgs/rotated.txt')).toBeDefined();
    double.tokens = { 'token-owner': 'owner', 'token-reader': 'reader', 'token-guest': 'nothing' };
  });

  test('an address that was handed out serves its file and no other', async () => {
    token = 'token-reader';
    const { volume } = await open();
    const { url } = await volume.sign!('a.txt');
    expect(await (await fetch(url, { headers: { Range: 'bytes=0-1' } })).text()).toBe('in');
    expect((await fetch(url.replace('/imgs/a.txt', '/secret.txt'))).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
  });
});
