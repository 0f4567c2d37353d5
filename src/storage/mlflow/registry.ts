/**
 * From a name in the registry to one version and to where its files are: what `mlflow.artifacts.download_artifacts`
 * asks, in the same order. Models of Unity Catalog (three names, on Databricks) have the same questions below another
 * path, and their files in the workspace's Files API.
 *
 * Sources: MLflow's model_registry.proto and service.proto, mlflow/store/artifact/models_artifact_repo.py.
 */
import { ConfigError, RemoteError } from '../../core/index.ts';
import { refusalText } from '../http/index.ts';
import { type MlflowReader, MlflowRefusal, type Question } from './reader.ts';
import { isUnityName, type ModelReference, writeModelReference } from './reference.ts';

export interface ModelVersion {
  /** What names these files for good: `models:/shapes/3`, `models:/m-…`. */
  readonly reference: string;
  /** Another one where the name was deleted and given to another model. */
  readonly identity: string;
  readonly files: FilesAt;
}

/** Where the files of a version are. */
export type FilesAt =
  /** As the server says: `mlflow-artifacts:/…`, `s3://…`; whose logged model they are, where they are one's. */
  | { readonly kind: 'uri'; readonly uri: string; readonly modelId?: string | undefined }
  /** Unity Catalog: a folder of the workspace's Files API, `/Models/main/vision/shapes/3`. */
  | { readonly kind: 'unity'; readonly path: string }
  /** A workspace's own registry, which hands out an address for each file. */
  | { readonly kind: 'workspace'; readonly name: string; readonly version: string };

export interface Servers {
  /** Knows names, versions and aliases. */
  readonly registry: MlflowReader;
  /** Knows runs and logged models. */
  readonly tracking: MlflowReader;
}

interface VersionAnswer {
  readonly model_version?: {
    readonly version?: string | number;
    readonly status?: string;
    readonly status_message?: string;
    readonly source?: string;
    readonly model_id?: string;
    readonly creation_timestamp?: string | number;
  };
}

/** @throws ConfigError, RemoteError with the known names, aliases and versions */
export async function findModelVersion(
  servers: Servers,
  reference: ModelReference,
  signal?: AbortSignal,
): Promise<ModelVersion> {
  const question: Question = { label: writeModelReference(reference), signal };
  if (reference.kind === 'logged') return loggedModel(servers.tracking, reference.modelId, question);
  const { registry } = servers;
  const { databricks } = registry.endpoint;
  const isUnity = databricks && isUnityName(reference.name);
  const api = isUnity ? 'mlflow/unity-catalog' : 'mlflow';
  const answer = await versionOf(registry, api, reference, question);
  const { version, status = 'READY', status_message: why } = answer;
  if (version === undefined || !/^\d+$/.test(String(version))) {
    throw registry.notMlflow('a model version without a number');
  }
  const found = writeModelReference({ kind: 'version', name: reference.name, version: String(version) });
  if (status !== 'READY' && status !== 'MODEL_VERSION_STATUS_UNKNOWN') {
    throw notReady(found, `${status}${why ? `: ${registry.endpoint.redact(why)}` : ''}`);
  }
  const identity = [answer.model_id, answer.source, answer.creation_timestamp].map(String).join(' ');
  if (isUnity) {
    const path = `/Models/${reference.name.replaceAll('.', '/')}/${version}`;
    return { reference: found, identity, files: { kind: 'unity', path } };
  }
  if (databricks) {
    const files = { kind: 'workspace', name: reference.name, version: String(version) } as const;
    return { reference: found, identity, files };
  }
  const uri = await registry
    .ask<{ artifact_uri?: string }>(
      'mlflow/model-versions/get-download-uri',
      { name: reference.name, version: String(version) },
      question,
    )
    .catch((error: unknown) => Promise.reject(explained(error, registry, found)));
  const files = await artifactsOf(servers, uri.artifact_uri || answer.source || '', question);
  return { reference: found, identity, files };
}

async function versionOf(
  registry: MlflowReader,
  api: string,
  reference: Exclude<ModelReference, { kind: 'logged' }>,
  question: Question,
): Promise<NonNullable<VersionAnswer['model_version']>> {
  const { name } = reference;
  try {
    if (reference.kind === 'latest') return await latest(registry, api, name, question);
    const answer =
      reference.kind === 'alias'
        ? await registry.ask<VersionAnswer>(
            `${api}/registered-models/alias`,
            { name, alias: reference.alias },
            question,
          )
        : await registry.ask<VersionAnswer>(
            `${api}/model-versions/get`,
            { name, version: reference.version },
            question,
          );
    return answer.model_version ?? {};
  } catch (error) {
    if (!(error instanceof MlflowRefusal) || !isMissing(error)) {
      throw explained(error, registry, question.label);
    }
    throw unknown(question.label, error, await knownOf(registry, api, name, question), registry);
  }
}

/** The highest number, whatever stages the versions are in. */
async function latest(
  registry: MlflowReader,
  api: string,
  name: string,
  question: Question,
): Promise<NonNullable<VersionAnswer['model_version']>> {
  if (api !== 'mlflow') {
    throw new ConfigError({
      code: 'model_latest_unsupported',
      expected: `a version or an alias of ${name}`,
      received: `${question.label}: Unity Catalog does not say which version is the latest`,
      fix: `set an alias on the version, and write models:/${name}@<alias>`,
    });
  }
  const answer = await registry.ask<{
    model_versions?: NonNullable<VersionAnswer['model_version']>[];
  }>('mlflow/registered-models/get-latest-versions', { name }, question);
  const [newest] = (answer.model_versions ?? []).toSorted((a, b) => Number(b.version) - Number(a.version));
  if (newest) return newest;
  throw new RemoteError({
    code: 'model_version_unknown',
    expected: `a version of the registered model ${name}`,
    received: 'none: it is registered and empty',
    fix: 'register a version (mlflow.registered_model_name of a recipe does), or name another model',
  });
}

interface Known {
  readonly exists: boolean;
  readonly aliases: readonly string[];
}

/** What there is instead, for the message; asking never makes it worse. */
async function knownOf(
  registry: MlflowReader,
  api: string,
  name: string,
  question: Question,
): Promise<Known> {
  interface Answer {
    readonly registered_model?: {
      readonly aliases?: readonly { readonly alias?: string; readonly version?: string | number }[];
    };
  }
  try {
    const { registered_model: model } = await registry.ask<Answer>(
      `${api}/registered-models/get`,
      { name },
      question,
    );
    const aliases = (model?.aliases ?? []).map(({ alias, version }) => `@${alias} (version ${version})`);
    return { exists: model !== undefined, aliases };
  } catch (error) {
    question.signal?.throwIfAborted();
    return { exists: !(error instanceof MlflowRefusal), aliases: [] };
  }
}

function unknown(label: string, error: MlflowRefusal, known: Known, { endpoint }: MlflowReader): RemoteError {
  const { exists, aliases } = known;
  const has = aliases.length > 0 ? `; the model has ${aliases.slice(0, 10).join(', ')}` : '; it has no alias';
  return new RemoteError({
    code: exists ? 'model_version_unknown' : 'registered_model_unknown',
    expected: `${label} on ${endpoint.host}`,
    received: `${refusalText(error.refusal)}${exists ? has : ''}`,
    fix: exists
      ? 'name an alias or a version that the model has'
      : 'check the name, and that mlflow.registry_uri or mlflow.tracking_uri (MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI) is the server that has it',
  });
}

interface LoggedModelAnswer {
  readonly model?: { readonly info?: { readonly artifact_uri?: string; readonly status?: string | number } };
}

async function loggedModel(
  tracking: MlflowReader,
  modelId: string,
  question: Question,
): Promise<ModelVersion> {
  const reference = `models:/${modelId}`;
  const { model } = await tracking
    .ask<LoggedModelAnswer>(`mlflow/logged-models/${modelId}`, {}, question)
    .catch((error: unknown) => {
      if (!(error instanceof MlflowRefusal) || !isMissing(error))
        return Promise.reject(explained(error, tracking, question.label));
      return Promise.reject(unknown(question.label, error, { exists: false, aliases: [] }, tracking));
    });
  const { artifact_uri: uri = '', status } = model?.info ?? {};
  if (status === 'LOGGED_MODEL_PENDING' || status === 'LOGGED_MODEL_UPLOAD_FAILED') {
    throw notReady(reference, status);
  }
  if (uri === '') throw tracking.notMlflow('a logged model without artifacts');
  return { reference, identity: modelId, files: { kind: 'uri', uri, modelId } };
}

/** Sources that name something else of MLflow's are followed to their files. */
async function artifactsOf({ tracking }: Servers, uri: string, question: Question): Promise<FilesAt> {
  const logged = /^models:\/(m-[\w-]{1,62})$/.exec(uri)?.[1];
  if (logged !== undefined) return (await loggedModel(tracking, logged, question)).files;
  const run = /^runs:\/([\w-]{1,64})\/(.*)$/s.exec(uri);
  if (!run) return { kind: 'uri', uri };
  interface RunAnswer {
    readonly run?: { readonly info?: { readonly artifact_uri?: string } };
  }
  const answer = await tracking
    .ask<RunAnswer>('mlflow/runs/get', { run_id: run[1]! }, question)
    .catch((error: unknown) => Promise.reject(explained(error, tracking, question.label)));
  const root = (answer.run?.info?.artifact_uri ?? '').replace(/\/+$/, '');
  return { kind: 'uri', uri: `${root}/${run[2]}` };
}

/** 404, and the 400 that MLflow answers about an alias that it does not know. */
function isMissing({ refusal: { status, code, message } }: MlflowRefusal): boolean {
  if (status === 404 || code === 'RESOURCE_DOES_NOT_EXIST' || code === 'NOT_FOUND') return true;
  return status === 400 && /alias .*not found|not found/i.test(message);
}

function explained(error: unknown, reader: MlflowReader, label: string): unknown {
  if (!(error instanceof MlflowRefusal)) return error;
  const { refusal } = error;
  if (refusal.status === 401 || refusal.status === 403) return reader.signInRefused(refusal);
  return new RemoteError({
    code: 'mlflow_refused',
    expected: `${label} on ${reader.endpoint.host}`,
    received: refusalText(refusal),
    fix: 'check the name of the model, and mlflow.registry_uri or mlflow.tracking_uri',
  });
}

function notReady(reference: string, received: string): RemoteError {
  return new RemoteError({
    code: 'model_not_ready',
    expected: `${reference} to be ready`,
    received,
    fix: 'wait until it is registered whole, or name another version',
  });
}
