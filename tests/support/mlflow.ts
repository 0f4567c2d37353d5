/** A real MLflow server on loopback, with SQLite and an artifact folder, that can be stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { python } from './python.ts';

/** What the server knows of a run. */
export interface MlflowRun {
  info: { run_id: string; status: string; run_name: string; experiment_id: string };
  data: Record<'params' | 'tags', { key: string; value: string }[]> & {
    metrics: { key: string; value: number; step?: number }[];
  };
  inputs: {
    dataset_inputs: {
      dataset: { name: string; digest: string; source: string };
      tags: { key: string; value: string }[];
    }[];
  };
  outputs?: { model_outputs: { model_id: string }[] };
}

export class MlflowServer {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  /** @param milliseconds that it may take, on a machine however busy; less than the hook that waits for it */
  static async start(milliseconds = 280_000): Promise<MlflowServer> {
    const server = new MlflowServer(await mkdtemp(join(tmpdir(), 'ocelli-mlflow-')), await freePort());
    await server.up(milliseconds);
    return server;
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async up(milliseconds = 280_000): Promise<void> {
    const [command] = await python('mlflow');
    const bin = command!.replace(/\/python$/, '');
    this.output = '';
    this.child = spawn(
      command!,
      [
        ...['-m', 'mlflow', 'server', '--workers', '1'],
        ...['--backend-store-uri', `sqlite:///${this.folder}/mlflow.db`],
        ...['--artifacts-destination', `${this.folder}/artifacts`],
        ...['--host', '127.0.0.1', '--port', String(this.port)],
      ],
      {
        env: {
          ...process.env,
          PATH: `${bin}:${process.env.PATH}`,
          MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        // Its own group, so that its workers end with it.
        detached: true,
      },
    );
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk) => (this.output += chunk));
    // Seconds on a machine with nothing else to do.
    const deadline = Date.now() + milliseconds;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const answer = await fetch(`${this.uri}/health`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    // Nobody else knows of it yet.
    await this.dispose();
    throw new Error(`the MLflow server did not start:\n${this.output}`);
  }

  async down(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, signal);
    await ended;
  }

  async dispose(): Promise<void> {
    await this.down('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A GET on the REST interface. */
  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.uri}/api/2.0/mlflow/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async run(runId: string): Promise<MlflowRun> {
    return (await this.get<{ run: MlflowRun }>(`runs/get?run_id=${runId}`)).run;
  }

  /** Steps and values of one metric, in order. */
  async history(runId: string, key: string): Promise<[step: number, value: number][]> {
    const { metrics = [] } = await this.get<{ metrics?: { step?: number | string; value: number }[] }>(
      `metrics/get-history?run_id=${runId}&metric_key=${key}&max_results=25000`,
    );
    return metrics
      .map(({ step = 0, value }): [number, number] => [Number(step), value])
      .sort(([a], [b]) => a - b);
  }

  /** Of all files of a run, in all folders. */
  async artifactPaths(runId: string, path = ''): Promise<string[]> {
    const below = await this.get<{ files?: { path: string; is_dir: boolean }[] }>(
      `artifacts/list?run_id=${runId}${path && `&path=${path}`}`,
    );
    const lists = (below.files ?? []).map((file) =>
      file.is_dir ? this.artifactPaths(runId, file.path) : [file.path],
    );
    return (await Promise.all(lists)).flat();
  }

  /** The ids of an experiment's runs. */
  async runsOf(experiment: string): Promise<string[]> {
    const found = await this.get<{ experiment: { experiment_id: string } }>(
      `experiments/get-by-name?experiment_name=${experiment}`,
    );
    const response = await fetch(`${this.uri}/api/2.0/mlflow/runs/search`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ experiment_ids: [found.experiment.experiment_id] }),
    });
    const { runs = [] } = (await response.json()) as { runs?: MlflowRun[] };
    return runs.map(({ info }) => info.run_id);
  }
}
