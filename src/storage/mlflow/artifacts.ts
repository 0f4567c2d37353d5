/**
 * The files of a model where MLflow keeps them, as a volume that is read. Servers pass them on themselves
 * (`mlflow-artifacts:`), which is the usual case; others name a store that this room opens as any place, or, on
 * Databricks, hand out an address for each file. What can't be opened is refused with words that say what to do.
 */
import { files, localPath } from '#platform';
import { RemoteError } from '../../core/index.ts';
import { type DatabricksAccess, DatabricksVolume } from '../databricks/index.ts';
import type { Place } from '../kind.ts';
import { LocalVolume } from '../local.ts';
import { cleanPath } from '../paths.ts';
import { openPlace } from '../place.ts';
import type { Endpoint } from './endpoint.ts';
import type { FilesAt, Servers } from './registry.ts';
import { proxiedFiles, signedFiles } from './served.ts';

/** @throws RemoteError `artifact_store_unreachable` where the files lie out of reach */
export async function openArtifacts(servers: Servers, reference: string, at: FilesAt): Promise<Place> {
  const { registry, tracking } = servers;
  if (at.kind === 'unity') {
    const { endpoint, http } = registry;
    return { volume: new DatabricksVolume(at.path, accessOf(endpoint), { http }), path: '' };
  }
  if (at.kind === 'workspace') return { volume: signedFiles(registry, reference, at), path: '' };
  const { uri } = at;
  const proxied = /^mlflow-artifacts:(?:\/\/([^/]*))?\/+(.*)$/s.exec(uri);
  if (proxied) {
    const [, authority = '', root = ''] = proxied;
    // Our token is for the server that was asked, not for whom it names.
    if (authority !== '' && authority !== new URL(tracking.endpoint.host).host) {
      throw outOfReach(reference, uri, `name that server as mlflow.tracking_uri: http(s)://${authority}`);
    }
    return { volume: proxiedFiles(tracking, reference, cleanPath(root, reference)), path: '' };
  }
  if (at.modelId !== undefined && uri.startsWith('dbfs:/databricks/')) {
    return {
      volume: signedFiles(tracking, reference, { kind: 'logged', modelId: at.modelId }),
      path: '',
    };
  }
  const volume = /^dbfs:(\/Volumes\/.*)$/s.exec(uri)?.[1];
  if (volume !== undefined || /^(s3|abfss?):/i.test(uri)) {
    return openPlace(volume ?? uri, { as: 'folder' });
  }
  const local = await folderHere(uri, tracking.endpoint);
  if (local !== undefined) return { volume: new LocalVolume(local), path: '' };
  throw outOfReach(reference, uri);
}

/** A server on this machine may keep files in a folder of this machine; another one's paths mean nothing here. */
async function folderHere(uri: string, { host }: Endpoint): Promise<string | undefined> {
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(host).hostname);
  if (!isHere || !(uri.startsWith('/') || /^file:/i.test(uri))) return undefined;
  const folder = localPath(uri);
  return (await files.stat(folder))?.isDirectory ? folder : undefined;
}

function outOfReach(reference: string, uri: string, fix?: string): RemoteError {
  const scheme = /^[a-z][\w+.-]*(?=:)/i.exec(uri)?.[0];
  return new RemoteError({
    code: 'artifact_store_unreachable',
    expected: `the files of ${reference} where they can be read: passed on by the MLflow server (mlflow-artifacts:), in s3://, abfss:// or a volume`,
    received: scheme === undefined ? 'a path on the machine of the server' : `${scheme}:`,
    fix:
      fix ??
      `start the MLflow server with --serve-artifacts, or fetch the folder (mlflow artifacts download --artifact-uri ${reference}) and name it as model.model_name`,
  });
}

/** The endpoint's way to sign in, as the Files API asks for it. */
function accessOf({ host, headers, renew, redact }: Endpoint): DatabricksAccess {
  return {
    host,
    method: 'pat',
    authorization: async () => (await headers()).Authorization ?? '',
    renew: (refused) => renew({ Authorization: refused }),
    redact,
  };
}
