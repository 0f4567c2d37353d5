/**
 * Models of a registry, `models:/…`, beside a real MLflow server: a run registers its model, others begin from it by
 * alias, version and id, evaluate it and predict with it; what the server does not have ends with the words and the
 * exit code that the contract promises. Workspaces of Databricks are in src/storage/mlflow.
 *
 * Needs `bash scripts/python.sh mlflow`.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe, type Recipe } from '../../src/config/index.ts';
import type { OcelliError, RunEvent, RunEventOf } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { createPredictor, predictFiles, resultRows } from '../../src/inference/index.ts';
import { ModelFiles } from '../../src/models/index.ts';
import { train } from '../../src/runs/index.ts';
import { openRegisteredModel, type RegistryOptions, resolveEndpoint } from '../../src/storage/index.ts';
import { builtCli, eventsOf, ocelli } from '../support/cli.ts';
import { MlflowServer } from '../support/mlflow.ts';
import { tinyRecipe } from '../support/recipes.ts';

let server: MlflowServer;
let folder: string;
/** In the address, where it must not get any further. */
let address: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-registry-'));
  environment = { XDG_CACHE_HOME: join(folder, 'cache') };
  process.env.OCELLI_MODEL_CACHE = join(folder, 'cache/ocelli/models');
  [server] = await Promise.all([MlflowServer.start(), builtCli()]);
  address = server.uri.replace('//', '//me:hunter2@');
  const registers = { registered_model_name: 'shapes', experiment_name: 'registry' };
  for (const seed of [1, 2]) {
    await run(
      tinyRecipe({ training: { seed }, mlflow: { tracking_uri: address, ...registers } }),
      `first-${seed}`,
    );
  }
  await call('registered-models/alias', { name: 'shapes', alias: 'champion', version: '1' });
}, 480_000);
afterAll(async () => {
  delete process.env.OCELLI_MODEL_CACHE;
  await server?.dispose();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function call<Answer>(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${server.uri}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

const recipeOf = (text: string): Recipe => parseRecipe(text, { source: 'test' }).recipe;

async function run(
  text: string,
  out: string,
  more: Partial<Parameters<typeof train>[0]> = {},
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const request = { recipe: recipeOf(text), out: join(folder, out), device: 'wasm' as const, ...more };
  for await (const event of train(request)) events.push(event);
  return events;
}

const ofType = <Type extends RunEvent['type']>(events: RunEvent[], type: Type): RunEventOf<Type>[] =>
  events.filter((event): event is RunEventOf<Type> => event.type === type);

/** A recipe that begins from a model of the registry. */
function from(model: string, training: Record<string, unknown> = {}): string {
  const mlflow = { tracking_uri: address, experiment_name: 'registry', log_model: 'none' };
  const text = tinyRecipe({ training, mlflow });
  return `model: {model_name: "${model}", task_type: classification}\n${text.slice(text.indexOf('data:'))}`;
}

const logged = async (out: string): Promise<RunEvent[]> =>
  eventsOf(await readFile(join(folder, out, 'events.jsonl'), 'utf8'));

const weights = (place: string): Promise<Buffer> => readFile(join(folder, place, 'model.safetensors'));

async function everyFile(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function bytesOf(reference: string, options: RegistryOptions = {}): Promise<Uint8Array> {
  const { volume } = await openRegisteredModel(reference, {
    server: { trackingUri: server.uri },
    ...options,
  });
  return volume.open('model.safetensors').read();
}

describe('a run that begins from an alias', () => {
  let events: RunEvent[];
  beforeAll(async () => {
    events = await run(from('models:/shapes@champion', { max_epochs: 1 }), 'second');
  }, 150_000);

  it('has the weights of that version, whole, and says which one it is', async () => {
    const [started] = ofType(events, 'run_started');
    expect(started).toMatchObject({ model: 'models:/shapes/1', modelRequested: 'models:/shapes@champion' });
    expect(ofType(events, 'model_ready')[0]).toMatchObject({ missing: [], classesKept: 4, classesNew: 0 });
    const stored = await readFile(join(folder, 'second/recipe.yaml'), 'utf8');
    expect(recipeOf(stored).model.model_name).toBe('models:/shapes/1');
    expect(recipeOf(stored).mlflow.run_name).toBe('shapes-champion');
    expect(await readFile(join(folder, 'second/model/README.md'), 'utf8')).toMatch(
      /^base_model: models:\/shapes\/1$/m,
    );
    expect(
      Buffer.compare(Buffer.from(await bytesOf('models:/shapes@champion')), await weights('first-1/model')),
    ).toBe(0);
  });

  it('leaves no password in run folder and cache', async () => {
    const files = [...(await everyFile(join(folder, 'second'))), ...(await everyFile(join(folder, 'cache')))];
    expect(files.some((file) => file.endsWith('model.safetensors'))).toBe(true);
    for (const file of files) {
      const text = await readFile(file, 'latin1');
      expect(text.includes('hunter2') || text.includes(btoa('me:hunter2')), file).toBe(false);
    }
    expect(files.filter((file) => file.endsWith('.incomplete'))).toEqual([]);
  });

  it('goes on with its version when the alias has moved, and says so', async () => {
    const controller = new AbortController();
    const text = from('models:/shapes@champion', { max_epochs: 3, checkpoint_every_n_steps: 2 });
    const between = async (_: unknown, { step }: { readonly step: number }): Promise<void> => {
      if (step === 3) controller.abort();
    };
    const stopped = train(
      { recipe: recipeOf(text), out: join(folder, 'moved'), device: 'wasm', control: { between } },
      controller.signal,
    );
    const toItsEnd = async (): Promise<void> => {
      for await (const _ of stopped);
    };
    await expect(toItsEnd()).rejects.toMatchObject({ exitCode: 130 });
    await call('registered-models/alias', { name: 'shapes', alias: 'champion', version: '2' });
    try {
      const resumed = await run(text, 'moved', { resume: true });
      expect(ofType(resumed, 'run_started')[0]!.model).toBe('models:/shapes/1');
      expect(ofType(resumed, 'resumed')[0]).toMatchObject({ exact: true });
      expect(ofType(resumed, 'warning').map(({ code, message }) => [code, message])).toContainEqual([
        'model_version_kept',
        'models:/shapes@champion is models:/shapes/2 by now: this run goes on with models:/shapes/1, which it began with',
      ]);
      const stored = await readFile(join(folder, 'moved/recipe.yaml'), 'utf8');
      expect(recipeOf(stored).model.model_name).toBe('models:/shapes/1');
      expect(
        Buffer.from(await bytesOf('models:/shapes@champion')).equals(await weights('first-2/model')),
      ).toBe(true);
    } finally {
      await call('registered-models/alias', { name: 'shapes', alias: 'champion', version: '1' });
    }
  }, 150_000);
});

describe('every spelling', () => {
  it('opens the files of the version that it means', async () => {
    const [one, two] = await Promise.all(['first-1/model', 'first-2/model'].map(weights));
    const { model_version: second } = await server.get<{ model_version: { source: string } }>(
      'model-versions/get?name=shapes&version=2',
    );
    const spellings: [string, Buffer | undefined][] = [
      ['models:/shapes/1', one],
      ['models:/shapes/2', two],
      ['models:/shapes/latest', two],
      [second.source, two],
    ];
    for (const [spelling, bytes] of spellings) {
      expect(Buffer.from(await bytesOf(spelling)).equals(bytes!), spelling).toBe(true);
    }
    expect(second.source).toMatch(/^models:\/m-/);
    expect(
      (await openRegisteredModel('models:/shapes/latest', { server: { registryUri: server.uri } })).version,
    ).toBe('models:/shapes/2');
  });
});

describe('a page', () => {
  it('opens it through the gateway, which keeps the password, and nothing else of the server', async () => {
    const mlflow = await resolveEndpoint(address, () => undefined);
    const gateway = await startGateway({ volumes: [], mlflow, port: 0 });
    try {
      const settings: Record<string, string> = {
        OCELLI_GATEWAY: gateway.url,
        MLFLOW_TRACKING_URI: `${gateway.url}/gw/mlflow`,
        OCELLI_MODEL_CACHE: join(folder, 'cache-of-the-page'),
      };
      // The recipe's own server is out of a page's reach.
      const environment = (name: string): string | undefined => settings[name];
      const options = { environment, server: { trackingUri: 'http://127.0.0.1:9' } };
      const { volume, version } = await openRegisteredModel('models:/shapes@champion', options);
      expect(version).toBe('models:/shapes/1');
      const bytes = await volume.open('model.safetensors').read();
      expect(Buffer.from(bytes).equals(await weights('first-1/model'))).toBe(true);
      const paths: string[] = [];
      for await (const { path } of volume.list('')) paths.push(path);
      expect(paths).toEqual(expect.arrayContaining(['MLmodel', 'config.json', 'onnx/model.onnx']));
      const artifacts = `${gateway.url}/gw/mlflow/api/2.0/mlflow-artifacts/artifacts`;
      expect((await fetch(`${artifacts}?path=1`)).status).toBe(403);
    } finally {
      await gateway.close();
    }
  });
});

describe('the command line', () => {
  it('evaluates and predicts as with the folder', async () => {
    await writeFile(join(folder, 'second.yaml'), from('models:/shapes@champion'));
    await generateSampleDataset({
      out: join(folder, 'pictures'),
      size: 32,
      classes: 3,
      images: { train: 1, val: 3 },
      layout: 'folder',
    });
    const env = { ...environment, MLFLOW_TRACKING_URI: address };
    const evaluate = ['eval', 'models:/shapes@champion', '--data', 'second.yaml', '--no-report'];
    const evaluated = await ocelli([...evaluate, '--device', 'wasm', '--json'], { cwd: folder, env });
    expect(evaluated.code, evaluated.stderr).toBe(0);
    const lines = (text: string): Record<string, unknown>[] =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [finished] = ofType(await logged('first-1'), 'finished');
    const { model, metrics } = lines(evaluated.stdout).at(-1)!;
    expect({ model, metrics }).toEqual({ model: 'models:/shapes/1', metrics: finished!.metrics });

    const predict = ['predict', 'models:/shapes@champion', join(folder, 'pictures/val'), '--no-overlays'];
    const predicted = await ocelli([...predict, '--device', 'cpu', '--json'], { cwd: folder, env });
    expect(predicted.code, predicted.stderr).toBe(0);
    expect(lines(predicted.stdout).at(-1)).toMatchObject({ model: 'models:/shapes/1', set_aside: 0 });
    const rows = lines(predicted.stdout).flatMap(({ predictions }) => predictions ?? []);
    const predictor = await createPredictor(join(folder, 'first-1'), { device: 'cpu' });
    const same: unknown[] = [];
    for await (const file of predictFiles(predictor, [join(folder, 'pictures/val')])) {
      if ('error' in file) throw file.error;
      same.push(...resultRows(file, predictor.classes));
    }
    await predictor.dispose();
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(JSON.parse(JSON.stringify(same)));
    const said = [evaluated, predicted].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(said).not.toContain('hunter2');
  }, 150_000);

  it('ends with 5 for an alias that there is not, and names those that there are', async () => {
    await writeFile(join(folder, 'wrong.yaml'), from('models:/shapes@champoin'));
    const { code, stderr } = await ocelli(['train', 'wrong.yaml', '--out', 'wrong'], { cwd: folder });
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/models:\/shapes@champoin on http:.*@champion \(version 1\)/);
    expect(stderr).not.toContain('hunter2');
  }, 150_000);
});

describe('what the server does not have', () => {
  const failure = async (reference: string, uri = server.uri, cache?: string): Promise<OcelliError> => {
    const options = { server: { trackingUri: uri } };
    const own = cache ?? join(folder, 'cache-of-failures');
    const before = process.env.OCELLI_MODEL_CACHE;
    process.env.OCELLI_MODEL_CACHE = own;
    try {
      const files = await ModelFiles.find(reference, options);
      await (await files.weights()).read('classifier.1.bias');
    } catch (error) {
      return error as OcelliError;
    } finally {
      process.env.OCELLI_MODEL_CACHE = before;
    }
    throw new Error(`${reference} was found`);
  };

  it.each([
    ['models:/circles@champion', 'registered_model_unknown'],
    ['models:/shapes@other', 'model_version_unknown'],
    ['models:/shapes/9', 'model_version_unknown'],
    ['models:/m-00000000000000000000000000000000', 'registered_model_unknown'],
  ])('%s: %s', async (reference, code) => {
    expect(await failure(reference)).toMatchObject({ code, exitCode: 5 });
  });

  it('is a server that is off: a version that was fetched serves all the same, an alias does not', async () => {
    const target = new URL(server.uri);
    const front = createServer(({ url: path, headers }, response) => {
      const asked = request({ host: target.hostname, port: target.port, path, headers });
      asked.on('response', (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      asked.end();
    });
    await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
    const options = { server: { trackingUri: `http://127.0.0.1:${(front.address() as AddressInfo).port}` } };
    const one = await weights('first-1/model');
    expect(Buffer.from(await bytesOf('models:/shapes/1', options)).equals(one)).toBe(true);
    front.closeAllConnections();
    await new Promise((done) => front.close(done));
    expect(Buffer.from(await bytesOf('models:/shapes/1', options)).equals(one)).toBe(true);
    const away = { code: 'mlflow_unreachable', exitCode: 5 };
    await expect(bytesOf('models:/shapes@champion', options)).rejects.toMatchObject(away);
    await expect(bytesOf('models:/shapes/2', options)).rejects.toMatchObject(away);
  }, 30_000);

  it('is a model of another kind', async () => {
    await call('registered-models/create', { name: 'trees' });
    const { experiment } = await server.get<{ experiment: { experiment_id: string } }>(
      'experiments/get-by-name?experiment_name=registry',
    );
    const { model } = await call<{ model: { info: { model_id: string; artifact_uri: string } } }>(
      'logged-models',
      {
        experiment_id: experiment.experiment_id,
        name: 'trees',
      },
    );
    const { model_id: id, artifact_uri: uri } = model.info;
    const root = `${server.uri}/api/2.0/mlflow-artifacts/artifacts${uri.replace('mlflow-artifacts:', '')}`;
    const mlmodel =
      'flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n  sklearn:\n    code: null\nrun_id: x\n';
    await fetch(`${root}/MLmodel`, { method: 'PUT', body: mlmodel });
    await fetch(`${root}/model.pkl`, { method: 'PUT', body: 'x' });
    expect(await failure(`models:/${id}`)).toMatchObject({ code: 'model_not_ready', exitCode: 5 });
    await fetch(`${server.uri}/api/2.0/mlflow/logged-models/${id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ model_id: id, status: 'LOGGED_MODEL_READY' }),
    });
    await call('model-versions/create', { name: 'trees', source: `models:/${id}`, model_id: id });
    expect(await failure('models:/trees/1')).toMatchObject({
      code: 'model_not_found',
      exitCode: 3,
      received: 'an MLflow model of python_function, sklearn',
    });
  });

  it('is files that were removed', async () => {
    await rm(join(server.folder, 'artifacts'), { recursive: true });
    expect(await failure('models:/shapes/1', server.uri, join(folder, 'empty'))).toMatchObject({
      code: 'registered_files_missing',
      exitCode: 5,
    });
    // What was fetched before stays.
    expect(Buffer.from(await bytesOf('models:/shapes/1')).equals(await weights('first-1/model'))).toBe(true);
  });
});
