/**
 * Sends a run folder to MLflow: whatever of it is not there yet. The end of a live run and `ocelli push` are
 * the same function, so a push after a broken connection completes the run, and a second push adds nothing.
 */
import { environmentVariable } from '#platform';
import { ConfigError, type RunEvent } from '../core/index.ts';
import { type Environment, resolveEndpoint } from '../storage/index.ts';
import { localFiles, uploadRunFiles } from './artifacts.ts';
import { MlflowClient, withRetries } from './client.ts';
import { logModel } from './model.ts';
import { readEvents, readPlan, type TrackingPlan } from './plan.ts';
import { Session } from './session.ts';
import { readState, type TrackingState } from './state.ts';
import { systemPoints } from './system.ts';

export interface PushOptions {
  /** Instead of the recipe's `mlflow.tracking_uri`; else `MLFLOW_TRACKING_URI`. */
  readonly trackingUri?: string;
  readonly environment?: Environment;
  /** How often a request is tried while the server is away (6). */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (message: string) => void;
}

export interface PushResult {
  readonly uri: string;
  readonly experimentId: string;
  readonly runId: string;
  readonly url: string;
  readonly modelId?: string;
  readonly registeredVersion?: string;
}

export async function push(runFolder: string, options: PushOptions = {}): Promise<PushResult> {
  const environment = options.environment ?? environmentVariable;
  const plan = await readPlan(runFolder);
  const uri = options.trackingUri ?? plan.trackingUri ?? environment('MLFLOW_TRACKING_URI');
  if (!uri) {
    throw new ConfigError({
      code: 'tracking_uri_missing',
      expected: 'the address of an MLflow server',
      received: 'none in the recipe (mlflow.tracking_uri), none in MLFLOW_TRACKING_URI',
      fix: 'MLFLOW_TRACKING_URI=https://… ocelli push <run>',
    });
  }
  const client = new MlflowClient(await resolveEndpoint(uri, environment));
  const known = await knownState(runFolder, client.host);
  const attempts = options.attempts ?? 6;
  const retry = <T>(request: () => Promise<T>): Promise<T> => withRetries(attempts, request, options.signal);
  const session = await retry(() => Session.open(client, plan.description, known));
  await sendAll(session, plan, retry, options.onProgress);
  const { state } = session;
  return {
    uri: client.host,
    experimentId: state.experimentId,
    runId: state.runId,
    url: session.url,
    ...(state.model ? { modelId: state.model.modelId } : {}),
    ...(state.model?.registeredVersion ? { registeredVersion: state.model.registeredVersion } : {}),
  };
}

/** The state of an earlier push, if it was to this server: another server knows nothing of the run. */
export async function knownState(runFolder: string, host: string): Promise<TrackingState | undefined> {
  const state = await readState(runFolder);
  return state?.uri === host ? state : undefined;
}

async function sendAll(
  session: Session,
  plan: TrackingPlan,
  retry: <T>(request: () => Promise<T>) => Promise<T>,
  onProgress: (message: string) => void = () => {},
): Promise<void> {
  const { runFolder } = plan.description;
  const events = await readEvents(runFolder);
  onProgress(`${events.length} events`);
  await retry(() => session.send(events));
  const system = await systemPoints(runFolder);
  await retry(() => session.sendPoints(system));
  await retry(() => session.setTags(plan.description.tags));
  for (const part of artifactParts(plan)) {
    onProgress(part);
    const found = await localFiles(`${runFolder}/${part}`, part);
    await retry(() => uploadRunFiles(session, found));
  }
  if (plan.logModel !== 'none') {
    onProgress('model');
    await retry(() =>
      logModel(session, {
        folder: `${runFolder}/model`,
        modelType: plan.task,
        ...(plan.registeredModelName ? { registeredModelName: plan.registeredModelName } : {}),
      }),
    );
  }
  const end = runEnd(events);
  if (end) await retry(() => session.close(end.status, end.time));
}

function artifactParts(plan: TrackingPlan): string[] {
  const checkpoints = { all: ['checkpoints'], best: ['checkpoints/best'], none: [] }[plan.logModel];
  return ['recipe.yaml', 'events.jsonl', 'report', 'predictions', ...checkpoints];
}

/** How the run ended, if it did; a run without an end is still running (or was killed and may be resumed). */
function runEnd(
  events: readonly RunEvent[],
): { status: NonNullable<TrackingState['status']>; time: number } | undefined {
  const last = events.findLast(
    ({ type }) => type === 'finished' || type === 'stopped' || type === 'failed' || type === 'resumed',
  );
  if (!last || last.type === 'resumed') return undefined;
  const status = last.type === 'finished' ? 'FINISHED' : last.type === 'failed' ? 'FAILED' : 'KILLED';
  return {
    status: last.type === 'stopped' && last.reason === 'early_stopping' ? 'FINISHED' : status,
    time: Date.parse(last.time),
  };
}
