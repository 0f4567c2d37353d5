/**
 * The gateway between a page's volume and what it stands for: a double of a Databricks workspace, a real S3 server.
 * The same contract as for every volume, by signed addresses and by bytes; one's rights are not another's; secrets
 * stay where they are.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Gateway, type GatewayOptions, type LogEntry, startGateway } from '../../src/gateway/index.ts';
import {
  GatewayClient,
  GatewayVolume,
  Http,
  openPlace,
  resolveEndpoint,
  type SignedUrl,
} from '../../src/storage/index.ts';
import { putArtifact } from '../../src/tracking/artifacts.ts';
import { MlflowClient } from '../../src/tracking/index.ts';
import { DatabricksDouble } from '../support/databricks-double/index.ts';
import { S3Server } from '../support/seaweed.ts';
import { type VolumeUnderTest, volumeContract } from '../support/volume-contract.ts';

const place = '/Volumes/main/default/images';
let s3: S3Server;
let workspace: DatabricksDouble;
let log: LogEntry[] = [];
const running: Gateway[] = [];

beforeAll(async () => {
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
  await s3.bucket('offered');
  for (const [name, value] of Object.entries({ ...s3.environment, ...workspace.environment })) {
    vi.stubEnv(name, value);
  }
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  for (const gateway of running.splice(0)) await gateway.close();
  await workspace?.dispose();
  await s3?.dispose();
});

async function start(options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const volumes = [
    { place, write: true },
    { place: 's3://offered/folder', write: true },
  ];
  const gateway = await startGateway({ volumes, port: 0, log: (entry) => log.push(entry), ...options });
  running.push(gateway);
  return gateway;
}

const routes = (): string[] =>
  log.filter(({ type }) => type === 'request').map(({ method, route }) => `${method} ${route}`);
const count = (route: string): number => routes().filter((each) => each === route).length;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** A store that no page gets into. */
const closed = new Http({
  attempts: 1,
  fetcher: () => Promise.reject(new TypeError('Failed to fetch')),
  conditional: false,
});

describe('a volume of a workspace, by signed addresses', () => {
  let under: VolumeUnderTest;
  beforeAll(async () => {
    const { url } = await start();
    under = {
      volume: new GatewayVolume(place, new GatewayClient(url)),
      stored: (path) => s3.stored('workspace', `main/default/images/${path}`),
      place: (path, bytes) => workspace.put(`${place}/${path}`, bytes),
    };
  });
  volumeContract(() => under);
});

describe('a folder of a bucket, by bytes', () => {
  let under: VolumeUnderTest;
  beforeAll(async () => {
    const { url } = await start();
    under = {
      volume: new GatewayVolume('s3://offered/folder', new GatewayClient(url), { store: closed }),
      stored: (path) => s3.stored('offered', `folder/${path}`),
      place: (path, bytes) => s3.put('offered', `folder/${path}`, bytes),
    };
  });
  volumeContract(() => under);
});

describe('how bytes travel', () => {
  const names = Array.from({ length: 20 }, (_, i) => `travel/${i}.txt`);
  beforeAll(() => Promise.all(names.map((name) => workspace.put(`${place}/${name}`, name))));
  beforeEach(() => {
    log = [];
    workspace.reset();
  });
  afterEach(() => workspace.reset());
  const readAll = (volume: GatewayVolume): Promise<string[]> =>
    Promise.all(names.map(async (name) => text(await volume.open(name).read())));

  test('straight from the store: a batch is signed at a time, and once', async () => {
    const { url } = await start();
    const volume = new GatewayVolume(place, new GatewayClient(url));
    expect(await readAll(volume)).toEqual(names);
    expect(await readAll(volume)).toEqual(names);
    // The first read finds out whether the store lets us in; the others go together.
    expect(count('POST /gw/sign')).toBe(2);
    expect(count('GET /gw/bytes')).toBe(0);
    expect(workspace.count(/create-download-url/)).toBe(20);
    // Another page: the gateway has them still.
    expect(await readAll(new GatewayVolume(place, new GatewayClient(url)))).toEqual(names);
    expect(workspace.count(/create-download-url/)).toBe(20);
  });

  test('through the gateway where the store lets nobody in, which is found out once', async () => {
    const { url } = await start();
    let tries = 0;
    const store = new Http({
      conditional: false,
      fetcher: () => {
        tries++;
        return Promise.reject(new TypeError('Failed to fetch'));
      },
    });
    const volume = new GatewayVolume(place, new GatewayClient(url), { store });
    expect(await readAll(volume)).toEqual(names);
    expect(tries).toBe(1);
    expect(count('GET /gw/bytes')).toBe(20);
  });

  test('an address does not outlive its end, and a page gets on', async () => {
    const [a, b] = ['travel/short-lived-a.txt', 'travel/short-lived-b.txt'];
    for (const name of [a, b]) await workspace.put(`${place}/${name}`, name);
    workspace.longestUrl = 4;
    const { url } = await start();
    const volume = new GatewayVolume(place, new GatewayClient(url));
    expect(text(await volume.open(a).read())).toBe(a);
    const [signed] = await new GatewayClient(url).sign(place, [b]);
    const { url: address } = signed as SignedUrl;
    expect((await fetch(address)).status).toBe(200);
    // Replayed until it is refused.
    const replay = await vi.waitUntil(
      async () => {
        const answer = await fetch(address);
        return answer.status === 200 ? undefined : answer;
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(replay.status).toBe(403);
    expect(await replay.text()).toMatch(/Request has expired/);
    for (const name of [a, b]) expect(text(await volume.open(name).read())).toBe(name);
    // The gateway has found out by itself that its addresses have ended.
    expect(text(await volume.open(a).read())).toBe(a);
  });

  test('a gateway that restarts interrupts nobody', async () => {
    const first = await start();
    const port = Number(new URL(first.url).port);
    const volume = new GatewayVolume(place, new GatewayClient(first.url), { store: closed });
    expect(text(await volume.open(names[0]!).read())).toBe(names[0]);
    await first.close();
    const reading = readAll(volume);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await start({ port });
    expect(await reading).toEqual(names);
  });

  test('places of a recipe are asked of the gateway', async () => {
    const { url } = await start();
    vi.stubEnv('OCELLI_GATEWAY', url);
    try {
      const { volume, path } = await openPlace(`${place}/travel/3.txt`);
      expect(volume).toBeInstanceOf(GatewayVolume);
      expect(text(await volume.open(path).read())).toBe('travel/3.txt');
      await expect(openPlace('/Volumes/main/other/images/x')).rejects.toMatchObject({
        code: 'volume_not_offered',
        exitCode: 2,
      });
      await expect(openPlace(`${place}-2/x`)).rejects.toMatchObject({ code: 'volume_not_offered' });
    } finally {
      vi.stubEnv('OCELLI_GATEWAY', undefined as unknown as string);
    }
  });
});

describe('users with their own tokens', () => {
  test('see by their own rights; what was signed for one is not given to another', async () => {
    workspace.reset();
    log = [];
    await workspace.put(`${place}/mine.txt`, 'mine');
    workspace.tokens.add('token-of-ann');
    const { url } = await start({
      volumes: [{ place, write: false }],
      userTokensFor: workspace.host,
      behindProxy: true,
    });
    const sign = async (token: string): Promise<{ signed: { url?: string; error?: { code: string } }[] }> => {
      const response = await fetch(`${url}/gw/sign`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'X-Forwarded-Access-Token': token,
          'X-Forwarded-Email': 'ann@example.com',
        },
        body: JSON.stringify({ volume: place, paths: ['mine.txt'] }),
      });
      return (await response.json()) as Awaited<ReturnType<typeof sign>>;
    };
    expect((await sign('token-of-ann')).signed[0]!.url).toMatch(/^http/);
    expect((await sign('token-of-ann')).signed[0]!.url).toMatch(/^http/);
    expect(workspace.count(/create-download-url/)).toBe(1);
    const stranger = await sign('token-of-bob');
    expect(stranger.signed[0]).toMatchObject({ error: { code: 'databricks_sign_in_refused' } });
    expect(JSON.stringify(stranger)).not.toMatch(/token-of|X-Amz/);
    expect(log.filter(({ type }) => type === 'request')[0]).toMatchObject({ client: 'ann@example.com' });
    expect(JSON.stringify(log)).not.toMatch(/token-of|X-Amz/);
  });
});

test('files of runs go to the store of a workspace, which lets no page in', async () => {
  const settings: Record<string, string> = workspace.environment;
  const mlflow = await resolveEndpoint('databricks', (name) => settings[name]);
  const { url } = await start({ mlflow });
  const put = (query: Record<string, string>): Promise<Response> =>
    fetch(`${url}/gw/mlflow/artifact?${new URLSearchParams(query)}`, { method: 'PUT', body: 'report' });
  expect((await put({ run_id: 'run1', path: 'report/a b+c.html' })).status).toBe(200);
  expect((await put({ model_id: 'm-1', path: 'onnx/model.onnx' })).status).toBe(200);
  for (const key of ['run1/artifacts/report/a b+c.html', 'm-1/artifacts/onnx/model.onnx']) {
    expect(text((await s3.stored('workspace', `mlflow/${key}`))!)).toBe('report');
  }
  for (const query of [
    { run_id: '../x', path: 'a' },
    { run_id: 'run1', path: '../../m-1/artifacts/a' },
    { run_id: 'run1', path: '%2e%2e/a' },
    { path: 'a' },
  ] as Record<string, string>[]) {
    expect((await put(query)).status).toBe(400);
  }
  // As a page's push does it.
  const page = await resolveEndpoint('databricks', (name) => (name === 'OCELLI_GATEWAY' ? url : undefined));
  const root = 'dbfs:/databricks/mlflow-tracking/0/run2/artifacts';
  const bytes = new TextEncoder().encode('by a page');
  await putArtifact(new MlflowClient(page), root, { kind: 'run', id: 'run2' }, 'a/b.txt', bytes);
  expect(text((await s3.stored('workspace', 'mlflow/run2/artifacts/a/b.txt'))!)).toBe('by a page');
  // Addresses that write are not for pages.
  const asked = await fetch(`${url}/gw/mlflow/api/2.0/mlflow/artifacts/credentials-for-write`, {
    method: 'POST',
    body: '{"run_id":"run1","path":["a"]}',
  });
  expect(asked.status).toBe(403);
});

test('no secret is in any log line of all that', () => {
  expect(log.length).toBeGreaterThan(0);
  const secrets = [workspace.token, s3.secretAccessKey, 'X-Amz-Signature', 'Bearer'];
  for (const secret of secrets) expect(JSON.stringify(log)).not.toContain(secret);
});
