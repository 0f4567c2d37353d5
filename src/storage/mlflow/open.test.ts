/**
 * Models of registries whose servers can't run here, or don't answer so: doubles on loopback that reproduce documented
 * answers. Unity Catalog as MLflow's databricks_uc_registry_service.proto and the Files API's reference say; the
 * workspace's own registry as databricks_models_artifact_repo.py asks it; refusals as MLflow 3.17 was seen to answer.
 * The real server is in tests/integration/mlflow-models.test.ts.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Http } from '../http/index.ts';
import type { Environment } from '../kind.ts';
import { resolveEndpoint } from './endpoint.ts';
import { openRegisteredModel, pinModelReference, type RegistryOptions } from './open.ts';
import { MlflowReader } from './reader.ts';
import { proxiedFiles } from './served.ts';

type Route = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

let folder: string;
let server: Server;
let routes: Record<string, Route>;
let asked: string[];
let host: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-registry-'));
  routes = {};
  asked = [];
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://double');
    const line = `${request.method} ${decodeURIComponent(pathname)}`;
    asked.push(line);
    const route = routes[line];
    if (route) route(request, response, searchParams);
    else
      json({ error_code: 'ENDPOINT_NOT_FOUND', message: `No API found for '${line}'` }, 404)(
        request,
        response,
        searchParams,
      );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

const json =
  (body: unknown, status = 200): Route =>
  (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  };

/** A file as every store serves it, by ranges. */
const file =
  (content: string): Route =>
  ({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined) {
      response.writeHead(200, { 'Content-Length': content.length });
      response.end(content);
      return;
    }
    const part = content.slice(Number(from), to === '' ? undefined : Number(to) + 1);
    response.writeHead(206, {
      'Content-Length': part.length,
      'Content-Range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}`,
    });
    response.end(part);
  };

const settings = (more: Record<string, string> = {}): Environment => {
  const values: Record<string, string> = {
    OCELLI_MODEL_CACHE: join(folder, 'cache'),
    MLFLOW_TRACKING_URI: host,
    DATABRICKS_HOST: host,
    DATABRICKS_TOKEN: 'dapi-secret',
    ...more,
  };
  return (name) => values[name];
};
const http = new Http({ firstWait: 1, longestWait: 2 });
const options = (more: Record<string, string> = {}): RegistryOptions => ({
  environment: settings(more),
  http,
});

async function read(place: string, path = 'config.json', more: Record<string, string> = {}): Promise<string> {
  const { volume } = await openRegisteredModel(place, options(more));
  return new TextDecoder().decode(await volume.open(path).read());
}

const api = '/api/2.0/mlflow';
const version = (more: object = {}): Route =>
  json({ model_version: { name: 'shapes', version: '3', status: 'READY', model_id: 'm-1', ...more } });

/** A server with one version, whose files are passed on. */
function proxied(files: object[], root = 'mlflow-artifacts:/1/models/m-1/artifacts'): void {
  routes[`GET ${api}/registered-models/alias`] = version();
  routes[`GET ${api}/model-versions/get`] = version();
  routes[`GET ${api}/model-versions/get-download-uri`] = json({ artifact_uri: root });
  routes['GET /api/2.0/mlflow-artifacts/artifacts'] = json({ files });
  routes['GET /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/config.json'] = file('{"a": 1}');
}
const config = { path: 'config.json', is_dir: false, file_size: 8 };

describe('Unity Catalog', () => {
  beforeEach(() => {
    routes[`GET ${api}/unity-catalog/registered-models/alias`] = ({ headers }, response, query) => {
      const right =
        headers.authorization === 'Bearer dapi-secret' && query.get('name') === 'main.vision.shapes';
      const answer = right ? version() : json({ error_code: 'PERMISSION_DENIED', message: 'no' }, 403);
      answer({ headers } as IncomingMessage, response, query);
    };
    const models = '/Models/main/vision/shapes/3';
    routes[`GET /api/2.0/fs/directories${models}`] = json({
      contents: [
        { path: `${models}/config.json`, name: 'config.json', is_directory: false, file_size: 8 },
        { path: `${models}/onnx`, name: 'onnx', is_directory: true },
      ],
    });
    routes[`GET /api/2.0/fs/directories${models}/onnx`] = json({
      contents: [{ path: `${models}/onnx/model.onnx`, is_directory: false, file_size: 4 }],
    });
    routes['POST /api/2.0/fs/create-download-url'] = (_, response, query) => {
      json({ url: `${host}/store${query.get('path')}`, headers: [] })(_, response, query);
    };
    routes[`GET /store${models}/config.json`] = file('{"a": 1}');
    routes[`HEAD /api/2.0/fs/files${models}/config.json`] = (_, response) => {
      response.writeHead(200, { 'Content-Length': 8 });
      response.end();
    };
  });

  it.each(['databricks-uc', 'databricks'])('reads names with three parts there (%s)', async (uri) => {
    const environment = { MLFLOW_REGISTRY_URI: uri, MLFLOW_TRACKING_URI: 'databricks' };
    const { volume, version: found } = await openRegisteredModel(
      'models:/main.vision.shapes@champion',
      options(environment),
    );
    expect(found).toBe('models:/main.vision.shapes/3');
    const paths: string[] = [];
    for await (const { path } of volume.list('')) paths.push(path);
    expect(paths).toEqual(['config.json', 'onnx/model.onnx']);
    expect(new TextDecoder().decode(await volume.open('config.json').read())).toBe('{"a": 1}');
  });

  it('has no latest, and no names with one part', async () => {
    const environment = { MLFLOW_REGISTRY_URI: 'databricks-uc' };
    await expect(read('models:/main.vision.shapes/latest', '', environment)).rejects.toMatchObject({
      code: 'model_latest_unsupported',
      exitCode: 2,
    });
    await expect(read('models:/shapes@champion', '', environment)).rejects.toMatchObject({
      code: 'model_reference_invalid',
      hint: expect.stringContaining('three names'),
    });
  });

  it('says which rights are missing, and never the token', async () => {
    const environment = { MLFLOW_REGISTRY_URI: 'databricks-uc' };
    const error = await read('models:/main.vision.other@x', '', environment).catch(
      (failure: Error) => failure,
    );
    expect(error).toMatchObject({ code: 'mlflow_sign_in_refused', exitCode: 5 });
    expect(`${(error as Error).stack}`).not.toContain('dapi-secret');
  });
});

it('reads a workspace’s own registry by the addresses that it signs', async () => {
  routes[`GET ${api}/model-versions/get`] = version();
  routes[`GET ${api}/model-versions/list-artifacts`] = (request, response, query) =>
    json(
      query.get('path') === ''
        ? { files: [config, { path: 'onnx', is_dir: true }] }
        : { files: [{ path: 'onnx/model.onnx', is_dir: false, file_size: '4' }] },
    )(request, response, query);
  routes[`GET ${api}/model-versions/get-signed-download-uri`] = (request, response, query) =>
    json({ signed_uri: `${host}/store/${query.get('path')}`, headers: [{ name: 'x-a', value: 'b' }] })(
      request,
      response,
      query,
    );
  routes['GET /store/onnx/model.onnx'] = (request, response, query) => {
    expect(request.headers['x-a']).toBe('b');
    expect(request.headers.authorization).toBeUndefined();
    file('onnx')(request, response, query);
  };
  expect(await read('models:/shapes/3', 'onnx/model.onnx', { MLFLOW_TRACKING_URI: 'databricks' })).toBe(
    'onnx',
  );
});

it('reads a logged model of a workspace by the addresses that it signs', async () => {
  const root = 'dbfs:/databricks/mlflow-tracking/1/logged_models/m-1/artifacts';
  routes[`GET ${api}/logged-models/m-1`] = json({
    model: { info: { model_id: 'm-1', artifact_uri: root, status: 'LOGGED_MODEL_READY' } },
  });
  routes[`GET ${api}/logged-models/m-1/artifacts/directories`] = json({ root_uri: root, files: [config] });
  routes[`POST ${api}/logged-models/m-1/artifacts/credentials-for-download`] = json({
    credentials: [
      {
        model_id: 'm-1',
        credential_info: { path: 'config.json', signed_uri: `${host}/store/a`, type: 'AWS_PRESIGNED_URL' },
      },
    ],
  });
  routes['GET /store/a'] = file('{"a": 1}');
  const environment = { MLFLOW_TRACKING_URI: 'databricks' };
  expect(await read('models:/m-1', 'config.json', environment)).toBe('{"a": 1}');
});

describe('what is kept', () => {
  it('is not asked for again, unless the name was given to another model', async () => {
    proxied([config]);
    expect(await read('models:/shapes/3')).toBe('{"a": 1}');
    const files = (): number => asked.filter((line) => line.includes('mlflow-artifacts')).length;
    const before = files();
    expect(await read('models:/shapes@champion')).toBe('{"a": 1}');
    expect(files()).toBe(before);
    routes[`GET ${api}/model-versions/get`] = version({ model_id: 'm-2' });
    routes['GET /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/config.json'] = file('{"b": 2}');
    expect(await read('models:/shapes/3')).toBe('{"b": 2}');
  });

  it('is whole or not at all: a size that the server does not keep is refused', async () => {
    proxied([{ ...config, file_size: 80 }]);
    await expect(read('models:/shapes/3')).rejects.toMatchObject({ code: 'model_file_size', exitCode: 5 });
    const kept = await readdir(join(folder, 'cache'), { recursive: true });
    expect(kept.filter((path) => path.includes('config.json'))).toEqual([]);
  });

  it('goes on where it was interrupted', async () => {
    proxied([config]);
    await read('models:/shapes/3');
    const [entry] = await readdir(join(folder, 'cache'));
    const path = join(folder, 'cache', entry!, 'files/config.json');
    await rm(path);
    await writeFile(`${path}.incomplete`, '{"a"');
    asked.length = 0;
    expect(await read('models:/shapes/3')).toBe('{"a": 1}');
    expect(await readFile(path, 'utf8')).toBe('{"a": 1}');
  });

  it('comes from servers without ranges at once', async () => {
    proxied([config]);
    routes['GET /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/config.json'] = (_, response) => {
      response.writeHead(200);
      response.end('{"a": 1}');
    };
    expect(await read('models:/shapes/3')).toBe('{"a": 1}');
  });

  it('has the processor that mlflow.transformers saves beside the model', async () => {
    const processor = 'components/image_processor/preprocessor_config.json';
    proxied([
      { path: 'model/config.json', is_dir: false, file_size: 2 },
      { path: processor, is_dir: false, file_size: 8 },
    ]);
    routes[`GET /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/${processor}`] = file('{"a": 1}');
    expect(await read('models:/shapes/3', 'model/preprocessor_config.json')).toBe('{"a": 1}');
    const { volume } = await openRegisteredModel('models:/shapes/3', options());
    const paths: string[] = [];
    for await (const { path, size } of volume.list('model/')) paths.push(`${path} ${size}`);
    expect(paths).toEqual(['model/config.json 2', 'model/preprocessor_config.json 8']);
  });

  it('is not written to, nor is what it was fetched from: nobody but a run makes a version', async () => {
    proxied([config]);
    const { volume } = await openRegisteredModel('models:/shapes/3', options());
    const reader = new MlflowReader(await resolveEndpoint(host, settings()), http);
    const served = proxiedFiles(reader, 'models:/shapes/3', '1/models/m-1/artifacts');
    asked.length = 0;
    for (const place of [volume, served]) {
      const refused = { code: 'place_read_only', exitCode: 2, received: 'models:/shapes/3' };
      await expect(place.write('config.json', new Uint8Array([1]))).rejects.toMatchObject(refused);
      await expect(place.remove('config.json')).rejects.toMatchObject(refused);
      expect(new TextDecoder().decode(await place.open('config.json').read())).toBe('{"a": 1}');
    }
    expect(asked.filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  it('stops when it is interrupted', async () => {
    proxied([config]);
    const controller = new AbortController();
    const { volume } = await openRegisteredModel('models:/shapes/3', {
      ...options(),
      signal: controller.signal,
    });
    routes['GET /api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/config.json'] = () =>
      controller.abort();
    await expect(volume.open('config.json').read(undefined, controller.signal)).rejects.toThrow(/abort/i);
  });
});

describe('a server that leads astray', () => {
  it.each(['../config.json', '/etc/passwd', 'a/../../b', '%2e%2e/x', 'a\\b', ''])(
    'is refused where it names a file %j',
    async (path) => {
      proxied([{ path, is_dir: false, file_size: 8 }]);
      await expect(read('models:/shapes/3')).rejects.toMatchObject({ code: 'answer_invalid' });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it.each([-1, 1.5, '1e400', 'many'])('is refused where a file has %j bytes', async (size) => {
    proxied([{ ...config, file_size: size }]);
    await expect(read('models:/shapes/3')).rejects.toMatchObject({ code: 'answer_invalid' });
  });

  it('is refused where folders never end', async () => {
    proxied([{ path: 'more', is_dir: true }]);
    await expect(read('models:/shapes/3')).rejects.toMatchObject({ code: 'answer_invalid' });
    expect(asked.length).toBeLessThan(30);
  });

  it.each([
    'mlflow-artifacts://elsewhere:5000/1/x',
    'gs://bucket/x',
    'hdfs://a/b',
    'dbfs:/databricks/mlflow/x',
  ])('gets no token for %s', async (root) => {
    proxied([config], root);
    await expect(read('models:/shapes/3')).rejects.toMatchObject({
      code: 'artifact_store_unreachable',
      exitCode: 5,
    });
  });

  it('gets no redirect', async () => {
    routes[`GET ${api}/model-versions/get`] = (_, response) => {
      response.writeHead(302, { Location: `${host}/elsewhere` });
      response.end();
    };
    await expect(read('models:/shapes/3')).rejects.toMatchObject({ exitCode: 5 });
    expect(asked).not.toContain('GET /elsewhere');
  });
});

describe('refusals', () => {
  it.each([401, 403])('%i: who asks may not read', async (status) => {
    routes[`GET ${api}/registered-models/alias`] = (_, response) => {
      response.writeHead(status, { 'Content-Type': 'text/html' });
      response.end('<html>me:s3cret</html>');
    };
    const uri = host.replace('//', '//me:s3cret@');
    const error = await read('models:/shapes@x', '', { MLFLOW_TRACKING_URI: uri }).catch((e: Error) => e);
    expect(error).toMatchObject({ code: 'mlflow_sign_in_refused', exitCode: 5, signInRefused: true });
    expect(String(error)).toMatch(/MLFLOW_TRACKING_TOKEN/);
    expect(String(error)).not.toMatch(/s3cret/);
  });

  it.each([
    [
      'no MLflow server at all',
      (_: unknown, r: ServerResponse) => r.writeHead(404).end('<html>'),
      'mlflow_answer_invalid',
    ],
    [
      'a page to sign in',
      (_: unknown, r: ServerResponse) => r.end('<html>Sign in</html>'),
      'mlflow_answer_invalid',
    ],
    [
      'one that is in trouble',
      (_: unknown, r: ServerResponse) => r.writeHead(503).end('{}'),
      'mlflow_unreachable',
    ],
    ['a version that is not ready', version({ status: 'PENDING_REGISTRATION' }), 'model_not_ready'],
  ])('%s', async (_, route, code) => {
    routes[`GET ${api}/model-versions/get`] = route as Route;
    await expect(read('models:/shapes/3')).rejects.toMatchObject({ code, exitCode: 5 });
  });

  it('a recipe without a server', async () => {
    await expect(
      pinModelReference('models:/shapes@x', options({ MLFLOW_TRACKING_URI: '' })),
    ).rejects.toMatchObject({ code: 'registry_uri_missing', exitCode: 2 });
  });
});
