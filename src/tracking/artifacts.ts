/**
 * Files of a run folder to MLflow's artifact store: through the tracking server's proxy
 * (`mlflow-artifacts:`), or on Databricks by URLs that the server signs. What was uploaded is remembered by
 * size and time, so that nothing is sent twice.
 */
import { type DirectoryEntry, files } from '#platform';
import { RemoteError } from '../core/index.ts';
import type { MlflowClient } from './client.ts';
import type { Session } from './session.ts';

export interface LocalFile {
  /** On disk. */
  readonly path: string;
  /** In the artifact store, with `/`. */
  readonly artifactPath: string;
  readonly version: string;
}

/** All files below a folder (or the file itself), with their paths in the artifact store. */
export async function localFiles(path: string, artifactPath: string): Promise<LocalFile[]> {
  const entry = await files.stat(path);
  if (!entry) return [];
  if (!entry.isDirectory) return [{ path, artifactPath, version: versionOf(entry) }];
  const below = await Promise.all(
    (await files.list(path)).map((child) =>
      localFiles(`${path}/${child.name}`, `${artifactPath}/${child.name}`),
    ),
  );
  return below.flat();
}

function versionOf(entry: DirectoryEntry): string {
  return `${entry.size}-${Math.round(entry.modified)}`;
}

/** Uploads what changed of the run's own artifacts. */
export async function uploadRunFiles(session: Session, uploads: readonly LocalFile[]): Promise<void> {
  for (const file of uploads) {
    if (session.state.artifacts[file.artifactPath] === file.version) continue;
    const bytes = await files.read(file.path);
    const owner = { kind: 'run', id: session.state.runId } as const;
    await putArtifact(session.client, session.artifactUri, owner, file.artifactPath, bytes);
    session.state.artifacts[file.artifactPath] = file.version;
    await session.save();
  }
}

interface SignedUpload {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whose artifact: a run's, or a logged model's. */
export interface ArtifactOwner {
  readonly kind: 'run' | 'model';
  readonly id: string;
}

/** Puts bytes at `root/path`, where `root` is what the server says of the owner. */
export async function putArtifact(
  client: MlflowClient,
  root: string,
  owner: ArtifactOwner,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const proxied = /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.*)$/.exec(root);
  if (proxied) {
    await client.putArtifact(`${proxied[1]}/${path}`, bytes);
    return;
  }
  if (root.startsWith('dbfs:/databricks/')) {
    // A page gets into no store of a workspace: its gateway does.
    if (client.endpoint.gateway) await client.putThroughGateway(owner, path, bytes);
    else await putSignedArtifact(client, owner, path, bytes);
    return;
  }
  throw new RemoteError({
    code: 'artifact_store_unreachable',
    expected: 'an artifact store that the MLflow server passes on (mlflow-artifacts:) or signs for (dbfs:)',
    received: `${root.split(':')[0]}:`,
    fix: 'start the MLflow server with --serve-artifacts and --artifacts-destination',
  });
}

/** On Databricks: asks for an address of the object store, and puts the bytes there. */
export async function putSignedArtifact(
  client: MlflowClient,
  owner: ArtifactOwner,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const { url, headers } =
    owner.kind === 'run'
      ? await signedForRun(client, owner.id, path)
      : await signedForModel(client, owner.id, path);
  await client.putSigned(url, headers, bytes);
}

interface CredentialInfo {
  signed_uri: string;
  type: string;
  headers?: { name: string; value: string }[];
}

/** From Databricks' credential answer to a request. Azure needs its blob type named. */
function signedUpload(info: CredentialInfo): SignedUpload {
  const headers = Object.fromEntries((info.headers ?? []).map(({ name, value }) => [name, value]));
  if (info.type === 'AZURE_SAS_URI') headers['x-ms-blob-type'] ??= 'BlockBlob';
  return { url: info.signed_uri, headers };
}

async function signedForRun(client: MlflowClient, runId: string, path: string): Promise<SignedUpload> {
  const answer = await client.call<{ credential_infos: CredentialInfo[] }>(
    'POST',
    'artifacts/credentials-for-write',
    {
      body: { run_id: runId, path: [path] },
    },
  );
  return signedUpload(answer.credential_infos[0]!);
}

async function signedForModel(client: MlflowClient, modelId: string, path: string): Promise<SignedUpload> {
  const answer = await client.call<{ credentials: { credential_info: CredentialInfo }[] }>(
    'POST',
    `logged-models/${modelId}/artifacts/credentials-for-upload`,
    { body: { paths: [path] } },
  );
  return signedUpload(answer.credentials[0]!.credential_info);
}
