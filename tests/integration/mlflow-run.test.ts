/**
 * Runs of the command line beside a real MLflow server: everything is read back over REST, the logged model is
 * loaded by Python under each of its names and predicts as we do, and a server that is away or killed costs nothing. A server
 * that refuses: mlflow-refused.test.ts. How the tracker itself works is tested in mlflow.test.ts.
 *
 * Needs `bash scripts/python.sh mlflow`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../src/config/index.ts';
import { DeviceError, derive, type RunEvent, type RunEventOf } from '../../src/core/index.ts';
import { openDevice, tf } from '../../src/engine/index.ts';
import { fromPretrained } from '../../src/models/index.ts';
import { train } from '../../src/runs/index.ts';
import { builtCli, eventsOf, ocelli, startOcelli } from '../support/cli.ts';
import { type MlflowRun, MlflowServer } from '../support/mlflow.ts';
import { freePort } from '../support/ports.ts';
import { pythonScript } from '../support/python-script.ts';
import { tinyRecipe } from '../support/recipes.ts';

let server: MlflowServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-mlflow-run-'));
  // The commit of the code beside the data becomes a tag of the run.
  const git = ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'start'];
  execFileSync('git', ['init', '-q'], { cwd: folder });
  execFileSync('git', git, { cwd: folder });
  [server] = await Promise.all([MlflowServer.start(), builtCli()]);
}, 300_000);
afterAll(async () => {
  await server?.dispose();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const ofType = <Type extends RunEvent['type']>(events: RunEvent[], type: Type): RunEventOf<Type>[] =>
  events.filter((event): event is RunEventOf<Type> => event.type === type);

const pairs = (list: { key: string; value: string }[]): Record<string, string> =>
  Object.fromEntries(list.map(({ key, value }) => [key, value]));

const logged = async (run: string): Promise<RunEvent[]> =>
  eventsOf(await readFile(join(folder, run, 'events.jsonl'), 'utf8'));

async function recipe(name: string, ...[options]: Parameters<typeof tinyRecipe>): Promise<string> {
  await writeFile(join(folder, `${name}.yaml`), tinyRecipe(options));
  return `${name}.yaml`;
}

describe.each([
  ['classification', 'best'],
  ['detection', 'all'],
] as const)('a tracked run of %s (log_model: %s)', (task, logModel) => {
  let events: RunEvent[];
  let run: MlflowRun;

  beforeAll(async () => {
    const file = await recipe(task, {
      task,
      mlflow: {
        tracking_uri: server.uri,
        experiment_name: `whole-${task}`,
        run_name: `tiny ${task}`,
        registered_model_name: `shapes-${task}`,
        log_model: logModel,
        tags: { team: 'blue', size: 3 },
      },
    });
    const args = ['train', file, '--out', task, '--device', 'wasm', '--json'];
    const { code, stdout, stderr } = await ocelli(args, { cwd: folder });
    expect(code, stderr).toBe(0);
    events = eventsOf(stdout);
    run = await server.run(ofType(events, 'tracked')[0]!.runId);
  }, 120_000);

  it('is finished, under its name, with the resolved recipe, the commit and its own tags', () => {
    expect(run.info).toMatchObject({ status: 'FINISHED', run_name: `tiny ${task}` });
    const params = pairs(run.data.params);
    expect(params).toMatchObject({
      'model.model_name': task === 'detection' ? 'tiny-detr' : 'tiny-resnet',
      'model.task_type': task,
      'data.batch_size': '8',
      'training.learning_rate': '0.001',
      // Defaults are written out.
      'training.optimizer': 'adamw',
    });
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: folder, encoding: 'utf8' }).trim();
    expect(pairs(run.data.tags)).toMatchObject({
      'mlflow.source.git.commit': commit,
      'mlflow.source.name': 'ocelli',
      task,
      team: 'blue',
      size: '3',
    });
  });

  it('has each step once and the metrics of each evaluation', async () => {
    const steps = ofType(events, 'step');
    expect(steps).toHaveLength(4);
    const expected = (key: 'loss' | 'learning_rate' | 'grad_norm'): unknown =>
      steps.map((event) => [event.step, event[key]]);
    expect(await server.history(run.info.run_id, 'train_loss')).toEqual(expected('loss'));
    expect(await server.history(run.info.run_id, 'learning_rate')).toEqual(expected('learning_rate'));
    expect(await server.history(run.info.run_id, 'grad_norm')).toEqual(expected('grad_norm'));
    const evaluations = ofType(events, 'evaluation').filter(({ step }) => step !== undefined);
    expect(evaluations.map(({ step }) => step)).toEqual([2, 4]);
    for (const name of Object.keys(evaluations[0]!.metrics)) {
      expect(await server.history(run.info.run_id, name), name).toEqual(
        evaluations.map(({ step, metrics }) => [step, metrics[name]]),
      );
    }
  });

  it('names its data with their digests', () => {
    const { splits } = ofType(events, 'data_ready')[0]!;
    const inputs = run.inputs.dataset_inputs.map(({ dataset, tags }) => ({ ...dataset, tags }));
    expect(inputs.map(({ name }) => name).sort()).toEqual(['train', 'val']);
    for (const { name, digest, source, tags } of inputs) {
      expect(splits[name]!.digest.startsWith(digest)).toBe(true);
      expect(digest.length).toBeGreaterThanOrEqual(32);
      expect(JSON.parse(source)).toEqual({ uri: splits[name]!.source });
      expect(pairs(tags)).toEqual({
        'mlflow.data.context': { train: 'training', val: 'validation' }[name],
      });
    }
  });

  it('keeps recipe, events, report, predictions and checkpoints as artifacts', async () => {
    const paths = await server.artifactPaths(run.info.run_id);
    expect(paths).toEqual(
      expect.arrayContaining([
        'recipe.yaml',
        'events.jsonl',
        'report/index.html',
        'report/metrics.json',
        'predictions/val.json',
        'checkpoints/best/model.safetensors',
        'checkpoints/best/state.json',
      ]),
    );
    const others = new Set(paths.map((path) => /checkpoints\/(last|step)/.exec(path)?.[1] ?? ''));
    expect([...others].sort()).toEqual(logModel === 'all' ? ['', 'last', 'step'] : ['']);
    for (const path of ['checkpoints/best/model.safetensors', 'events.jsonl']) {
      const { experiment_id, run_id } = run.info;
      const stored = `${server.uri}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run_id}/artifacts/${path}`;
      const bytes = Buffer.from(await (await fetch(stored)).arrayBuffer());
      expect(bytes.equals(await readFile(join(folder, task, path))), path).toBe(true);
    }
  });

  it('has its model: logged, ready, an output of the run, registered', async () => {
    const [output] = run.outputs!.model_outputs;
    const { model } = await server.get<{ model: { info: Record<string, unknown> } }>(
      `logged-models/${output!.model_id}`,
    );
    expect(model.info).toMatchObject({ status: 'LOGGED_MODEL_READY', source_run_id: run.info.run_id });
    expect(run.outputs!.model_outputs).toHaveLength(1);
    const { model_version } = await server.get<{ model_version: Record<string, unknown> }>(
      `model-versions/get?name=shapes-${task}&version=1`,
    );
    expect(model_version).toMatchObject({
      status: 'READY',
      run_id: run.info.run_id,
      source: `models:/${output!.model_id}`,
    });
  });
});

describe('the logged models in Python', () => {
  type Arrays = Record<string, { shape: number[]; dtype: string; data: number[] }>;

  /** What our own forward pass of the run's model says about seeded pictures. */
  async function ownOutputs(task: string, inputs: Arrays): Promise<Arrays> {
    const { model } = await fromPretrained(join(folder, task, 'model'));
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, data }]) => [name, tf.tensor(data, shape, 'float32')]),
    );
    const outputs = model.forward(tensors as { pixel_values: tf.Tensor }, { training: false });
    const names = ['logits', 'pred_boxes'].filter((name) => outputs[name]);
    const arrays: Arrays = {};
    for (const name of names) {
      const data = [...(await outputs[name]!.data())];
      arrays[name] = { shape: outputs[name]!.shape, dtype: 'float32', data };
    }
    return arrays;
  }

  it('predict as ours do, by models:/m-…, runs:/… and the registered version', async () => {
    const device = await openDevice('wasm');
    const words: string[] = [];
    const expected: Record<string, Arrays> = {};
    try {
      for (const [task, side] of [['classification', 32] as const, ['detection', 64] as const]) {
        const random = derive(5, 'pictures', side);
        const inputs: Arrays = {
          pixel_values: {
            shape: [2, 3, side, side],
            dtype: 'float32',
            data: Array.from({ length: 6 * side * side }, () => Math.fround(random.normal())),
          },
        };
        if (task === 'detection') {
          const shape = [2, side, side];
          // The right quarter of the second picture is padding.
          const data = Array.from({ length: 2 * side * side }, (_, i) =>
            i >= side * side && i % side >= 0.75 * side ? 0 : 1,
          );
          inputs.pixel_mask = { shape, dtype: 'int64', data };
        }
        const path = join(folder, `${task}-inputs.json`);
        await writeFile(path, JSON.stringify(inputs));
        const own = await ownOutputs(task, inputs);
        const { runId } = ofType(await logged(task), 'tracked')[0]!;
        const modelId = (await server.run(runId)).outputs!.model_outputs[0]!.model_id;
        for (const uri of [`models:/${modelId}`, `runs:/${runId}/model`, `models:/shapes-${task}/1`]) {
          words.push(path, uri);
          expected[uri] = own;
        }
      }
    } finally {
      await device.dispose();
    }
    const script = 'tests/integration/interop/mlflow_models.py';
    const predicted = await pythonScript<Record<string, Arrays>>('mlflow', script, [server.uri, ...words]);
    expect(Object.keys(predicted)).toHaveLength(6);
    for (const [uri, outputs] of Object.entries(predicted)) {
      expect(Object.keys(outputs).sort(), uri).toEqual(Object.keys(expected[uri]!).sort());
      for (const [name, { shape, data }] of Object.entries(expected[uri]!)) {
        expect(outputs[name]!.shape).toEqual(shape);
        const differences = data.map((value, i) => Math.abs(value - outputs[name]!.data[i]!));
        expect(Math.max(...differences), `${uri} ${name}`).toBeLessThanOrEqual(1e-4);
      }
    }
  }, 180_000);
});

describe('a server that is away', () => {
  it('costs nothing: the run ends well, names `ocelli push`, and pushing twice completes it once', async () => {
    const uri = `http://127.0.0.1:${await freePort()}`;
    const file = await recipe('away', {
      mlflow: { tracking_uri: uri, experiment_name: 'away', registered_model_name: 'away' },
    });
    const trained = await ocelli(['train', file, '--out', 'away', '--device', 'wasm'], { cwd: folder });
    expect(trained.code).toBe(0);
    expect(trained.stdout.trimEnd().split('\n').at(-1)).toMatch(/ocelli push away$/);
    expect(trained.stderr).toMatch(/MLflow does not answer/);

    const refused = await ocelli(['push', 'away', '--tracking-uri', 'ftp://me:hunter2@x'], { cwd: folder });
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('http(s)://')]);
    expect(refused.stderr).not.toContain('hunter2');

    const push = ['push', 'away', '--tracking-uri', server.uri, '--json'];
    const first = await ocelli(push, { cwd: folder });
    const second = await ocelli(push, { cwd: folder });
    expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0]);
    const { runId } = JSON.parse(first.stdout) as { runId: string };
    expect(JSON.parse(second.stdout)).toMatchObject({ type: 'tracked', runId, registeredVersion: '1' });
    expect(await server.runsOf('away')).toEqual([runId]);
    const run = await server.run(runId);
    expect(run.info.status).toBe('FINISHED');
    expect(run.outputs!.model_outputs).toHaveLength(1);
    const steps = ofType(await logged('away'), 'step').map(({ step, loss }) => [step, loss]);
    expect(steps).toHaveLength(4);
    expect(await server.history(runId, 'train_loss')).toEqual(steps);
    const versions = await server.get<{ model_versions: unknown[] }>(
      `model-versions/search?filter=${encodeURIComponent("name='away'")}`,
    );
    expect(versions.model_versions).toHaveLength(1);
  }, 120_000);
});

describe('a server that is killed while a run goes on', () => {
  it('is caught up with, and a run that is interrupted and taken up again shows each step once', async () => {
    const file = await recipe('killed', {
      data: { val_data_path: 'sample:shapes?images=4&seed=2' },
      training: { max_epochs: 5000, val_check_interval: 1000 },
      mlflow: { tracking_uri: server.uri, experiment_name: 'killed', log_model: 'none' },
    });
    const args = ['train', file, '--out', 'killed', '--device', 'wasm', '--json'];
    const training = await startOcelli(args, { cwd: folder });
    await training.said('"step":8,');
    await server.down('SIGKILL');
    await training.said('"code":"mlflow_unavailable"');
    const away = ofType(eventsOf(wholeLines(training.stdout())), 'step').at(-1)!.step;
    await training.said(`"step":${away + 5},`);
    // Held still while the server starts: the two would fight for the cores.
    training.child.kill('SIGSTOP');
    await server.up();
    training.child.kill('SIGCONT');
    await training.said('"code":"mlflow_back"');
    training.child.kill('SIGINT');
    const { code, stdout } = await training.ended;
    expect(code).toBe(130);
    const stopped = eventsOf(stdout).at(-1)!;
    expect(stopped).toMatchObject({ type: 'stopped', reason: 'interrupted' });
    const { runId } = ofType(eventsOf(stdout), 'tracked')[0]!;
    const before = ofType(await logged('killed'), 'step').map(({ step, loss }) => [step, loss]);
    // Steps went on while the server was away.
    expect(before.length).toBeGreaterThan(away);
    expect(await server.history(runId, 'train_loss')).toEqual(before);
    expect((await server.run(runId)).info.status).toBe('KILLED');

    const limit = `training.max_steps=${before.length + 3}`;
    const again = ['train', '--resume', 'killed', limit, '--device', 'wasm', '--json'];
    const resumed = await ocelli(again, { cwd: folder });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(ofType(eventsOf(resumed.stdout), 'tracked')[0]!.runId).toBe(runId);
    const all = ofType(await logged('killed'), 'step').map(({ step, loss }) => [step, loss]);
    expect(all.map(([step]) => step)).toEqual(Array.from({ length: before.length + 3 }, (_, i) => i + 1));
    expect(await server.history(runId, 'train_loss')).toEqual(all);
    expect(await server.runsOf('killed')).toEqual([runId]);
    const run = await server.run(runId);
    expect(run.info.status).toBe('FINISHED');
    // Long enough for a sample of how busy the machine was.
    expect(run.data.metrics.map(({ key }) => key)).toContain('system/cpu_utilization_percentage');
  }, 240_000);

  function wholeLines(text: string): string {
    return text.slice(0, text.lastIndexOf('\n') + 1);
  }
});

describe('a device that is lost while a run is tracked', () => {
  it('is recovered from inside the process, and the server shows each step once', async () => {
    const text = tinyRecipe({
      data: { val_data_path: 'sample:shapes?images=4&seed=2' },
      training: {
        max_epochs: 50,
        max_steps: 12,
        val_check_interval: 1000,
        checkpoint_every_n_steps: 5,
        log_every_n_steps: 1,
      },
      mlflow: { tracking_uri: server.uri, experiment_name: 'lost', log_model: 'none' },
    });
    const { recipe } = parseRecipe(text, { source: 'lost' });
    const out = join(folder, 'lost');
    const shown = async (): Promise<number> => {
      const [runId] = await server.runsOf('lost');
      return (await server.history(runId!, 'train_loss')).length;
    };
    let failures = 0;
    const between = async (_: unknown, { step }: { readonly step: number }): Promise<void> => {
      if (step !== 9 || failures++ > 0) return;
      // A step behind the checkpoint is on the server already.
      while ((await shown()) < 6) await new Promise((resolve) => setTimeout(resolve, 200));
      throw new DeviceError({
        code: 'device_lost',
        expected: 'a device',
        received: 'none (a test)',
        fix: 'none',
      });
    };
    const events: RunEvent[] = [];
    for await (const event of train({ recipe, out, device: 'wasm', control: { between } })) {
      events.push(event);
    }
    expect(ofType(events, 'warning').map(({ code }) => code)).toContain('device_lost_recovered');
    expect(ofType(events, 'step').length).toBeGreaterThan(12);
    const [runId, ...others] = await server.runsOf('lost');
    expect(others).toEqual([]);
    const steps = ofType(await logged('lost'), 'step').map(({ step, loss }) => [step, loss]);
    expect(steps.map(([step]) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(await server.history(runId!, 'train_loss')).toEqual(steps);
    expect((await server.run(runId!)).info.status).toBe('FINISHED');
  }, 120_000);
});
