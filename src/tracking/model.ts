/**
 * The trained model as MLflow shows it: a logged model of the run (MLflow 3), ready to be loaded by
 * `models:/m-…`, and a registered version of it where the recipe names one. Servers before 3 have no logged
 * models: there the folder becomes an artifact of the run.
 *
 * The order is that of Python's `log_model`: create, link to the run, upload, mark as ready, register.
 */

import { parse, stringify } from 'yaml';
import { files } from '#platform';
import { localFiles, putArtifact, uploadRunFiles } from './artifacts.ts';
import { MlflowError } from './client.ts';
import type { Session } from './session.ts';

export interface ModelOptions {
  /** A folder with an `MLmodel`. */
  readonly folder: string;
  readonly registeredModelName?: string;
  readonly modelType?: string;
}

export async function logModel(session: Session, options: ModelOptions): Promise<void> {
  if (!(await files.stat(`${options.folder}/MLmodel`))) return;
  const created = await createLoggedModel(session, options);
  const source = created
    ? `models:/${session.state.model!.modelId}`
    : await logAsArtifact(session, options.folder);
  if (options.registeredModelName) await register(session, options.registeredModelName, source);
}

/** False on servers that have no logged models. */
async function createLoggedModel(session: Session, options: ModelOptions): Promise<boolean> {
  const { client, state } = session;
  if (!state.model) {
    try {
      const answer = await client.call<{ model: { info: { model_id: string; artifact_uri: string } } }>(
        'POST',
        'logged-models',
        {
          body: {
            experiment_id: state.experimentId,
            name: 'model',
            source_run_id: state.runId,
            ...(options.modelType ? { model_type: options.modelType } : {}),
          },
        },
      );
      state.model = {
        modelId: answer.model.info.model_id,
        artifactUri: answer.model.info.artifact_uri,
        ready: false,
      };
      await session.save();
    } catch (error) {
      if (error instanceof MlflowError && error.status === 404) return false;
      throw error;
    }
  }
  if (state.model.ready) return true;
  const { modelId, artifactUri } = state.model;
  await client.call('POST', 'runs/outputs', {
    body: { run_id: state.runId, models: [{ model_id: modelId, step: lastStep(session) }] },
  });
  for (const file of await localFiles(options.folder, '')) {
    const path = file.artifactPath.slice(1);
    const bytes = path === 'MLmodel' ? await mlmodelOf(session, file.path) : await files.read(file.path);
    await putArtifact(client, artifactUri, { kind: 'model', id: modelId }, path, bytes);
  }
  await client.call('PATCH', `logged-models/${modelId}`, {
    body: { model_id: modelId, status: 'LOGGED_MODEL_READY' },
  });
  state.model.ready = true;
  await session.save();
  return true;
}

async function logAsArtifact(session: Session, folder: string): Promise<string> {
  await uploadRunFiles(session, await localFiles(folder, 'model'));
  const model = parse(new TextDecoder().decode(await mlmodelOf(session, `${folder}/MLmodel`))) as object;
  await session.client.call('POST', 'runs/log-model', {
    body: { run_id: session.state.runId, model_json: JSON.stringify({ ...model, artifact_path: 'model' }) },
  });
  return `runs:/${session.state.runId}/model`;
}

/** The folder's MLmodel with the ids of this server. */
async function mlmodelOf(session: Session, path: string): Promise<Uint8Array> {
  const model = parse(new TextDecoder().decode(await files.read(path))) as Record<string, unknown>;
  const { state } = session;
  return new TextEncoder().encode(
    stringify({
      ...model,
      run_id: state.runId,
      ...(state.model ? { model_id: state.model.modelId, artifact_path: state.model.artifactUri } : {}),
    }),
  );
}

async function register(session: Session, name: string, source: string): Promise<void> {
  const { client, state } = session;
  if (state.model?.registeredVersion) return;
  try {
    await client.call('POST', 'registered-models/create', { body: { name } });
  } catch (error) {
    if (!(error instanceof MlflowError) || !/ALREADY_EXISTS/.test(error.errorCode)) throw error;
  }
  const answer = await client.call<{ model_version: { version: string } }>('POST', 'model-versions/create', {
    body: { name, source, run_id: state.runId, ...(state.model ? { model_id: state.model.modelId } : {}) },
  });
  if (state.model) state.model.registeredVersion = String(answer.model_version.version);
  await session.save();
}

function lastStep(session: Session): number {
  return Math.max(0, ...Object.values(session.state.lastStep));
}
