/**
 * One run on one MLflow server. A session can be stopped at any point and begun again: it knows what was sent
 * (`tracking.json`, and the server's own last steps), so sending again adds nothing twice.
 */
import type { RunEvent } from '../core/index.ts';
import { type MlflowClient, MlflowError } from './client.ts';
import {
  chunks,
  cut,
  datasetInputs,
  type KeyValue,
  limits,
  type MetricPoint,
  metricPoints,
} from './points.ts';
import { type TrackingState, writeState } from './state.ts';

export interface RunDescription {
  readonly runFolder: string;
  readonly experimentName: string;
  readonly runName: string;
  readonly startTime: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly params: readonly KeyValue[];
}

interface RunAnswer {
  run: {
    info: { run_id: string; experiment_id: string; artifact_uri: string };
    data: { metrics?: { key: string; step?: number | string }[] };
  };
}

export class Session {
  private constructor(
    readonly client: MlflowClient,
    readonly description: RunDescription,
    readonly state: TrackingState,
    /** Where the run's artifacts go, as the server says. */
    readonly artifactUri: string,
  ) {}

  /** Finds the run again, or creates experiment and run. */
  static async open(
    client: MlflowClient,
    description: RunDescription,
    known?: TrackingState,
  ): Promise<Session> {
    if (known) {
      const { run } = await client.call<RunAnswer>('GET', 'runs/get', { query: { run_id: known.runId } });
      for (const { key, step } of run.data.metrics ?? []) {
        known.lastStep[key] = Math.max(known.lastStep[key] ?? Number.NEGATIVE_INFINITY, Number(step ?? 0));
      }
      if (known.status) {
        // A run that goes on is running again.
        await client.call('POST', 'runs/update', { body: { run_id: known.runId, status: 'RUNNING' } });
        delete known.status;
      }
      return new Session(client, description, known, run.info.artifact_uri);
    }
    const experimentId = await findExperiment(client, description.experimentName);
    const { run } = await client.call<RunAnswer>('POST', 'runs/create', {
      body: {
        experiment_id: experimentId,
        run_name: description.runName,
        start_time: Math.round(description.startTime),
        tags: tagList(description.tags),
      },
    });
    const state: TrackingState = {
      uri: client.host,
      experimentId,
      runId: run.info.run_id,
      lastStep: {},
      artifacts: {},
      paramsSent: false,
      inputsSent: false,
    };
    await writeState(description.runFolder, state);
    return new Session(client, description, state, run.info.artifact_uri);
  }

  /** The page of the run in MLflow's interface. */
  get url(): string {
    const { experimentId, runId } = this.state;
    return `${this.client.endpoint.pages}/experiments/${experimentId}/runs/${runId}`;
  }

  /** Sends params, dataset inputs and metrics of these events, except what was sent before. */
  async send(events: readonly RunEvent[]): Promise<void> {
    await this.sendParams();
    const data = events.findLast((event) => event.type === 'data_ready');
    if (data && !this.state.inputsSent) {
      await this.client.call('POST', 'runs/log-inputs', {
        body: { run_id: this.state.runId, datasets: datasetInputs(data) },
      });
      this.state.inputsSent = true;
      await this.save();
    }
    await this.sendPoints(this.pointsOf(events));
  }

  /** Sends points whose step is later than the last one of their metric, in batches. */
  async sendPoints(points: readonly MetricPoint[]): Promise<void> {
    const seen: Record<string, number> = { ...this.state.lastStep };
    const fresh = points.filter(({ key, step }) => {
      if (step <= (seen[key] ?? Number.NEGATIVE_INFINITY)) return false;
      seen[key] = step;
      return true;
    });
    for (const metrics of chunks(fresh, limits.metrics)) {
      await this.client.call('POST', 'runs/log-batch', { body: { run_id: this.state.runId, metrics } });
      for (const { key, step } of metrics) this.state.lastStep[key] = step;
      await this.save();
    }
  }

  async setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    for (const batch of chunks(tagList(tags), limits.params)) {
      await this.client.call('POST', 'runs/log-batch', { body: { run_id: this.state.runId, tags: batch } });
    }
  }

  /** Sets the run's end. */
  async close(status: NonNullable<TrackingState['status']>, endTime: number): Promise<void> {
    await this.client.call('POST', 'runs/update', {
      body: { run_id: this.state.runId, status, end_time: Math.round(endTime) },
    });
    this.state.status = status;
    await this.save();
  }

  save(): Promise<void> {
    return writeState(this.description.runFolder, this.state);
  }

  private async sendParams(): Promise<void> {
    if (this.state.paramsSent) return;
    for (const params of chunks(this.description.params, limits.params)) {
      await this.client.call('POST', 'runs/log-batch', { body: { run_id: this.state.runId, params } });
    }
    this.state.paramsSent = true;
    await this.save();
  }

  private pointsOf(events: readonly RunEvent[]): MetricPoint[] {
    let lastStep = Math.max(0, this.state.lastStep.train_loss ?? 0);
    return events.flatMap((event) => {
      if ('step' in event && event.step !== undefined) lastStep = Math.max(lastStep, event.step);
      return metricPoints(event, lastStep);
    });
  }
}

function tagList(tags: Readonly<Record<string, string>>): KeyValue[] {
  return Object.entries(tags).map(([key, value]) => ({
    key: key.slice(0, limits.key),
    value: cut(String(value), limits.tagValue),
  }));
}

interface ExperimentAnswer {
  experiment: { experiment_id: string; lifecycle_stage: string };
}

async function findExperiment(client: MlflowClient, name: string): Promise<string> {
  const find = async (): Promise<string> => {
    const { experiment } = await client.call<ExperimentAnswer>('GET', 'experiments/get-by-name', {
      query: { experiment_name: name },
    });
    if (experiment.lifecycle_stage === 'deleted') {
      await client.call('POST', 'experiments/restore', { body: { experiment_id: experiment.experiment_id } });
    }
    return experiment.experiment_id;
  };
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof MlflowError) || error.errorCode !== 'RESOURCE_DOES_NOT_EXIST') throw error;
  }
  try {
    const answer = await client.call<{ experiment_id: string }>('POST', 'experiments/create', {
      body: { name },
    });
    return answer.experiment_id;
  } catch (error) {
    // Another run may have created it in between.
    if (error instanceof MlflowError && /ALREADY_EXISTS/.test(error.errorCode)) return find();
    throw error;
  }
}
