/**
 * Models of an MLflow registry as volumes: `models:/shapes@champion` in a recipe or on the command line. The server is
 * asked which version is meant; its files come from where MLflow keeps them and stay in a cache (`kept.ts`).
 *
 * Which server: the recipe's `mlflow.registry_uri`, else its `mlflow.tracking_uri`, else `MLFLOW_REGISTRY_URI`, else
 * `MLFLOW_TRACKING_URI`; with the credentials that tracking uses (`endpoint.ts`).
 */
import { environmentVariable, homeDirectory } from '#platform';
import { ConfigError, RemoteError } from '../../core/index.ts';
import { entryName } from '../cache/entry.ts';
import { Http, sharedHttp } from '../http/index.ts';
import type { Environment, Place } from '../kind.ts';
import type { Volume } from '../volume.ts';
import { openArtifacts } from './artifacts.ts';
import { type Endpoint, resolveEndpoint } from './endpoint.ts';
import { beginIndex, KeptModel, type KeptOptions, readIndex } from './kept.ts';
import { MlflowReader } from './reader.ts';
import { isMoving, isUnityName, parseModelReference, writeModelReference } from './reference.ts';
import { findModelVersion, type ModelVersion, type Servers } from './registry.ts';

/** Where a recipe says that models are registered. */
export interface ModelServer {
  readonly registryUri?: string | null | undefined;
  readonly trackingUri?: string | null | undefined;
}

export interface RegistryOptions extends KeptOptions {
  readonly server?: ModelServer | undefined;
  readonly environment?: Environment | undefined;
  readonly http?: Http | undefined;
}

export interface RegisteredModel {
  /** The folder that was logged. */
  readonly volume: Volume;
  /** What names it for good: `models:/shapes/3`. */
  readonly version: string;
}

/**
 * The version that a reference means now, in the spelling that means it for good.
 *
 * @throws ConfigError for a reference that is none, or without a server; RemoteError for what the server does not have
 */
export async function pinModelReference(place: string, options: RegistryOptions = {}): Promise<string> {
  const reference = parseModelReference(place);
  if (!isMoving(reference)) return writeModelReference(reference);
  const servers = await serversOf(place, options);
  return (await findModelVersion(servers, reference, options.signal)).reference;
}

/** @throws as `pinModelReference`, and RemoteError where its files are out of reach or gone */
export async function openRegisteredModel(
  place: string,
  options: RegistryOptions = {},
): Promise<RegisteredModel> {
  const reference = parseModelReference(place);
  const servers = await serversOf(place, options);
  const folderOf = async (version: string): Promise<string> =>
    `${cacheFolder(options)}/${(await entryName([servers.registry.endpoint.host, version])).slice(0, 32)}`;
  let version: ModelVersion;
  try {
    version = await findModelVersion(servers, reference, options.signal);
  } catch (error) {
    // A version is the same tomorrow: what was fetched of it serves while the server is away.
    const away = error instanceof RemoteError && error.code === 'mlflow_unreachable';
    if (!away || isMoving(reference)) throw error;
    const fixed = writeModelReference(reference);
    const folder = await folderOf(fixed);
    const index = await readIndex(folder);
    if (!index) throw error;
    return { volume: new KeptModel(folder, index, () => Promise.reject(error), options), version: fixed };
  }
  const { reference: fixed, identity } = version;
  let opened: Promise<Place> | undefined;
  const remote = (): Promise<Place> => {
    opened ??= openArtifacts(servers, fixed, version.files);
    return opened;
  };
  const folder = await folderOf(fixed);
  const index =
    (await readIndex(folder, identity)) ??
    (await beginIndex(folder, { reference: fixed, identity }, await remote(), options.signal));
  return { volume: new KeptModel(folder, index, remote, options), version: fixed };
}

async function serversOf(place: string, options: RegistryOptions): Promise<Servers> {
  const { server = {}, environment = environmentVariable, http = sharedHttp() } = options;
  // Somebody waits for the answer to a question: a server that is away is told after seconds.
  const questions = new Http({ ...http.options, attempts: Math.min(4, http.options.attempts ?? 4) });
  const fromEnvironment = (name: string): string | undefined => environment(name) || undefined;
  // Pages reach no other server than their gateway.
  const passedOn = environment('OCELLI_GATEWAY') ? fromEnvironment('MLFLOW_TRACKING_URI') : undefined;
  const registryUri =
    passedOn ??
    server.registryUri ??
    server.trackingUri ??
    fromEnvironment('MLFLOW_REGISTRY_URI') ??
    fromEnvironment('MLFLOW_TRACKING_URI');
  if (registryUri === undefined) {
    throw new ConfigError({
      code: 'registry_uri_missing',
      expected: `the address of the MLflow server that has ${place}`,
      received:
        'none in the recipe (mlflow.registry_uri, mlflow.tracking_uri), none in MLFLOW_REGISTRY_URI and MLFLOW_TRACKING_URI',
      fix: 'set one of them, for example MLFLOW_TRACKING_URI=https://…',
    });
  }
  const trackingUri = passedOn ?? server.trackingUri ?? fromEnvironment('MLFLOW_TRACKING_URI') ?? registryUri;
  const reference = parseModelReference(place);
  if (/^databricks-uc/.test(registryUri) && 'name' in reference && !isUnityName(reference.name)) {
    throw new ConfigError({
      code: 'model_reference_invalid',
      expected: 'models:/<catalog>.<schema>.<model>@<alias> for a model of Unity Catalog',
      received: place,
      fix: 'write all three names; for the workspace’s own registry set mlflow.registry_uri=databricks',
    });
  }
  const reader = async (uri: string): Promise<MlflowReader> =>
    new MlflowReader(await endpointOf(uri, environment), http, questions);
  const registry = await reader(registryUri);
  return { registry, tracking: trackingUri === registryUri ? registry : await reader(trackingUri) };
}

/** `databricks-uc` is the workspace whose registry is Unity Catalog; names with three parts go there. */
function endpointOf(uri: string, environment: Environment): Promise<Endpoint> {
  return resolveEndpoint(uri.replace(/^databricks-uc(?=$|:)/, 'databricks'), environment);
}

/** `~/.cache/ocelli/models`, or where `OCELLI_MODEL_CACHE` says. */
function cacheFolder({ environment = environmentVariable }: RegistryOptions): string {
  const base = environment('XDG_CACHE_HOME') || `${homeDirectory()}/.cache`;
  return environment('OCELLI_MODEL_CACHE') || `${base}/ocelli/models`;
}
