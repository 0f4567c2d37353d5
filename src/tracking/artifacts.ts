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
    await putArtifact(session.client, session.artifactUri, file.artifactPath, bytes, async () =>
      signedForRun(session.client, session.state.runId, file.artifactPath),
    );
    session.state.artifacts[file.artifactPath] = file.version;
    await session.save();
  }
}

export interface SignedUpload {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Puts bytes at `root/path`; `sign` is asked where the store is not proxied by the server. */
export async function putArtifact(
  client: MlflowClient,
  root: string,
  path: string,
  bytes: Uint8Array,
  sign: () => Promise<SignedUpload>,
): Promise<void> {
  const proxied = /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.*)$/.exec(root);
  if (proxied) {
    await client.putArtifact(`${proxied[1]}/${path}`, bytes);
    return;
  }
  if (root.startsWith('dbfs:/databricks/')) {
    const { url, headers } = await sign();
    await client.putSigned(url, headers, bytes);
    return;
  }
  throw new RemoteError({
    code: 'artifact_store_unreachable',
    expected: 'an artifact store that the MLflow server passes on (mlflow-artifacts:) or signs for (dbfs:)',
    received: `${root.split(':')[0]}:`,
    fix: 'start the MLflow server with --serve-artifacts and --artifacts-destination',
  });
}

interface CredentialInfo {
  signed_uri: string;
  type: string;
  headers?: { name: string; value: string }[];
}

/** From Databricks' credential answer to a request. Azure needs its blob type named. */
export function signedUpload(info: CredentialInfo): SignedUpload {
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
