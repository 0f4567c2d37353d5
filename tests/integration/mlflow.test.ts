/**
 * Tracking against a real MLflow server: what was written is read back, the server goes away and comes back,
 * and pushing twice adds nothing. The run folder is written by hand here; training's own is tested elsewhere.
 */
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent, RunEventBody } from '../../src/core/index.ts';
import { type LogEntry, startGateway } from '../../src/gateway/index.ts';
import { resolveEndpoint } from '../../src/storage/index.ts';
import { push, Tracker } from '../../src/tracking/index.ts';
import { MlflowServer } from '../support/mlflow.ts';
import { freePort } from '../support/ports.ts';

let server: MlflowServer;
const folders: string[] = [];

beforeAll(async () => {
  server = await MlflowServer.start();
}, 300_000);
afterAll(async () => {
  await server?.dispose();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A run folder with a recipe; events are appended as training would. */
async function runFolder(
  mlflow: Record<string, unknown>,
): Promise<{ folder: string; write: (...bodies: RunEventBody[]) => Promise<RunEvent[]> }> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-run-'));
  folders.push(folder);
  const recipe = {
    model: { model_name: 'test/tiny', task_type: 'classification' },
    training: { learning_rate: 0.0001, betas: [0.9, 0.999] },
    mlflow,
  };
  await writeFile(join(folder, 'recipe.yaml'), JSON.stringify(recipe));
  let time = Date.now();
  return {
    folder,
    write: async (...bodies) => {
      const events = bodies.map((body) => ({ ...body, time: new Date(time++).toISOString() }) as RunEvent);
      await appendFile(
        join(folder, 'events.jsonl'),
        events.map((event) => `${JSON.stringify(event)}\n`).join(''),
      );
      return events;
    },
  };
}

const started: RunEventBody = {
  type: 'run_started',
  run: 'r',
  runName: 'tiny-run',
  task: 'classification',
  model: 'test/tiny',
  device: 'wasm',
  seed: 1,
  version: '0.1.0',
};
const data: RunEventBody = {
  type: 'data_ready',
  splits: { train: { images: 4, annotations: 4, digest: 'd'.repeat(64), source: '/data/train' } },
  classes: ['a', 'b'],
  setAside: 0,
};
const stepAt = (step: number, loss = 1 / step): RunEventBody => ({
  type: 'step',
  step,
  epoch: 0,
  loss,
  parts: { loss_ce: loss },
  learning_rate: 0.0001,
  grad_norm: 1,
  ms: 10,
  images_per_second: 100,
  gpu_bytes: 1000,
  total_steps: 5000,
});
const evaluation: RunEventBody = {
  type: 'evaluation',
  step: 3,
  epoch: 0,
  split: 'val',
  metrics: { val_accuracy: 0.5, val_loss: 0.7 },
  ms: 1,
};
const finished: RunEventBody = { type: 'finished', step: 3, epoch: 0, run: 'r', metrics: {}, ms: 1 };

const noCredentials = (): undefined => undefined;

describe('through a gateway', () => {
  it('a page pushes a run: the same calls, by the rights of the gateway', async () => {
    const { folder, write } = await runFolder({ tracking_uri: 'databricks', experiment_name: 'gateway' });
    await write(started, data, ...Array.from({ length: 20 }, (_, i) => stepAt(i + 1)), evaluation, finished);
    await mkdir(join(folder, 'model/onnx'), { recursive: true });
    await writeFile(join(folder, 'model/MLmodel'), 'flavors: {}\n');
    await writeFile(join(folder, 'model/onnx/a b+c.onnx'), 'onnx');
    const log: LogEntry[] = [];
    const mlflow = await resolveEndpoint(server.uri, noCredentials);
    const gateway = await startGateway({ volumes: [], mlflow, port: 0, log: (entry) => log.push(entry) });
    try {
      const settings: Record<string, string> = {
        OCELLI_GATEWAY: gateway.url,
        OCELLI_MLFLOW_PAGES: mlflow.pages,
      };
      const environment = (name: string): string | undefined => settings[name];
      const first = await push(folder, { environment });
      expect((await push(folder, { environment })).runId).toBe(first.runId);
      expect(first.url).toBe(`${server.uri}/#/experiments/${first.experimentId}/runs/${first.runId}`);
      const run = await server.run(first.runId);
      expect(run.info.status).toBe('FINISHED');
      expect(await server.history(first.runId, 'train_loss')).toHaveLength(20);
      expect(first.modelId).toMatch(/^m-/);
      expect(log.filter(({ status }) => Number(status) >= 400).map(({ call }) => call)).toEqual([
        // No such experiment yet.
        'experiments/get-by-name',
      ]);
    } finally {
      await gateway.close();
    }
  });
});

describe('push', () => {
  it('sends params, tags, inputs, metrics and files, and nothing twice', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: server.uri,
      experiment_name: 'push',
      tags: { team: 'blue' },
      log_model: 'none',
    });
    await write(
      started,
      data,
      ...Array.from({ length: 2500 }, (_, i) => stepAt(i + 1)),
      evaluation,
      finished,
    );
    await mkdir(join(folder, 'report'));
    await writeFile(join(folder, 'report', 'index.html'), '<p>report</p>');
    const first = await push(folder, { environment: noCredentials });
    const again = await push(folder, { environment: noCredentials });
    expect(again.runId).toBe(first.runId);

    const run = await server.run(first.runId);
    expect(run.info.status).toBe('FINISHED');
    expect(run.info.run_name).toBe('tiny-run');
    expect(Object.fromEntries(run.data.params.map(({ key, value }) => [key, value]))).toEqual({
      'model.model_name': 'test/tiny',
      'model.task_type': 'classification',
      'training.learning_rate': '0.0001',
      'training.betas': '[0.9,0.999]',
    });
    const tags = Object.fromEntries(run.data.tags.map(({ key, value }) => [key, value]));
    expect(tags).toMatchObject({
      team: 'blue',
      task: 'classification',
      device: 'wasm',
      'mlflow.source.name': 'ocelli',
    });
    expect(run.inputs.dataset_inputs.map(({ dataset }) => dataset)).toMatchObject([
      { name: 'train', digest: 'd'.repeat(36) },
    ]);
    const losses = await server.history(first.runId, 'train_loss');
    expect(losses.map(([step]) => step)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect(losses[3]![1]).toBeCloseTo(0.25, 12);
    expect(await server.history(first.runId, 'val_accuracy')).toEqual([[3, 0.5]]);
    const listing = await server.get<{ files: { path: string }[] }>(`artifacts/list?run_id=${first.runId}`);
    expect(listing.files.map(({ path }) => path).sort()).toEqual(['events.jsonl', 'recipe.yaml', 'report']);
  });

  it('keeps NaN and infinity apart from numbers', async () => {
    const { folder, write } = await runFolder({ tracking_uri: server.uri, experiment_name: 'nan' });
    await write(started);
    // JSON has no NaN: training logs it as null in events, the API takes strings.
    const tracker = (await Tracker.start(folder, { environment: noCredentials, interval: 10 }))!;
    for (const event of await write(stepAt(1))) tracker.listener({ ...event, loss: Number.NaN } as RunEvent);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await write(finished);
    const result = await tracker.finish();
    expect(result.complete).toBe(true);
    const run = await server.run(result.url!.split('/').at(-1)!);
    expect(String(run.data.metrics.find(({ key }) => key === 'train_loss')!.value)).toBe('NaN');
  });
});

describe('a live run', () => {
  it('loses nothing while the server is killed and comes back, and shows each step once', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: server.uri,
      experiment_name: 'live',
      log_model: 'none',
    });
    const events: RunEventBody[] = [];
    await write(started);
    const tracker = (await Tracker.start(folder, {
      environment: noCredentials,
      interval: 20,
      emit: (event) => events.push(event),
    }))!;
    const train = async (from: number, to: number): Promise<void> => {
      for (let step = from; step <= to; step++) {
        for (const event of await write(stepAt(step))) tracker.listener(event);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await train(1, 50);
    await server.down('SIGKILL');
    await train(51, 150);
    await server.up();
    await train(151, 200);
    await write(finished);
    const result = await tracker.finish();
    expect(result).toMatchObject({ complete: true });
    const runId = result.url!.split('/').at(-1)!;
    expect((await server.history(runId, 'train_loss')).map(([step]) => step)).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    expect(events.some((event) => event.type === 'tracked' && event.runId === runId)).toBe(true);
  }, 180_000);

  it('goes on without a server and says that a push completes it', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: `http://127.0.0.1:${await freePort()}`,
      experiment_name: 'away',
    });
    await write(started);
    const warnings: RunEventBody[] = [];
    const tracker = (await Tracker.start(folder, {
      environment: noCredentials,
      emit: (event) => warnings.push(event),
    }))!;
    for (const event of await write(stepAt(1), finished)) tracker.listener(event);
    const result = await tracker.finish();
    expect(result.complete).toBe(false);
    expect(warnings).toMatchObject([{ type: 'warning', code: 'mlflow_unavailable' }]);
    const pushed = await push(folder, { trackingUri: server.uri, environment: noCredentials });
    expect((await server.history(pushed.runId, 'train_loss')).map(([step]) => step)).toEqual([1]);
  }, 60_000);

  it('does not repeat steps of a run that was taken up again', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: server.uri,
      experiment_name: 'resumed',
      log_model: 'none',
    });
    await write(started, stepAt(1), stepAt(2), stepAt(3));
    const { runId } = await push(folder, { environment: noCredentials });
    // Steps 2 and 3 lay behind the checkpoint: their events moved away and were made again.
    const kept = (await readFile(join(folder, 'events.jsonl'), 'utf8')).split('\n').slice(0, 2).join('\n');
    await writeFile(join(folder, 'events.jsonl'), `${kept}\n`);
    await write(
      { type: 'resumed', from: 'last', exact: true, step: 1, epoch: 0 },
      stepAt(2),
      stepAt(3),
      stepAt(4),
      finished,
    );
    await push(folder, { environment: noCredentials });
    expect((await server.history(runId, 'train_loss')).map(([step]) => step)).toEqual([1, 2, 3, 4]);
  });

  it('sends what a process wrote that was killed before it could send it', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: server.uri,
      experiment_name: 'killed',
      log_model: 'none',
    });
    await write(started, stepAt(1), stepAt(2));
    const { runId } = await push(folder, { environment: noCredentials });
    // In the folder, and nowhere else: the process ended here.
    await write(stepAt(3), stepAt(4));
    await write({ type: 'resumed', from: 'last', exact: true, step: 4, epoch: 0 });
    const tracker = (await Tracker.start(folder, { environment: noCredentials, interval: 20 }))!;
    for (const event of await write(stepAt(5), stepAt(6))) tracker.listener(event);
    const steps = async (): Promise<number[]> =>
      (await server.history(runId, 'train_loss')).map(([step]) => step);
    await expect.poll(steps, { timeout: 20_000 }).toContain(6);
    await write(finished);
    expect(await tracker.finish()).toMatchObject({ complete: true });
    expect(await steps()).toEqual([1, 2, 3, 4, 5, 6]);
  }, 60_000);
});

describe('a server that refuses', () => {
  it('stops a run before its first step when the address is no MLflow', async () => {
    const { folder, write } = await runFolder({
      tracking_uri: `${server.uri}/nowhere`,
      experiment_name: 'x',
    });
    await write(started);
    await expect(Tracker.start(folder, { environment: noCredentials })).rejects.toMatchObject({
      code: 'mlflow_refused',
      exitCode: 5,
    });
  });

  it('never shows a password', async () => {
    const endpoint = await resolveEndpoint('https://me:secret@mlflow.example/base/', noCredentials);
    expect(endpoint.host).toBe('https://mlflow.example/base');
    expect((await endpoint.headers()).Authorization).toBe(`Basic ${btoa('me:secret')}`);
    await expect(resolveEndpoint('ftp://me:secret@host/x', noCredentials)).rejects.toThrowError(
      /^(?!.*secret)/s,
    );
  });
});
