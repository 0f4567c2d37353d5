/**
 * Files of models that a server hands out one by one, as a read-only volume: through MLflow's own proxy, or by
 * addresses that a Databricks workspace signs. Names come from the server and become parts of paths here, so each is
 * checked; and a server that lists without end is refused.
 *
 * Sources: MLflow's mlflow_artifacts.proto, mlflow/store/artifact/databricks_models_artifact_repo.py and the service
 * DatabricksMlflowArtifactsService.
 */
import { DataError, RemoteError } from '../../core/index.ts';
import {
  type ObjectAddress,
  type ObjectRead,
  objectSize,
  readObject,
  SignedUrls,
  signedSource,
} from '../http/index.ts';
import { cleanPath, cleanPrefix, comparePaths, escapePath, joinPath } from '../paths.ts';
import type { ByteSource, Entry, SignedUrl, Volume } from '../volume.ts';
import { readOnly } from './read-only.ts';
import { type MlflowReader, MlflowRefusal } from './reader.ts';

/** What the folder of a model may hold. */
const mostEntries = 10_000;
const deepest = 16;
/** Milliseconds for which a signed address is used, where the server does not say how long it holds. */
const addressLife = 600_000;

interface Child {
  /** Relative to the root. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly size: number;
}

interface Served {
  /** For messages: `models:/shapes/3`. */
  readonly location: string;
  /** What lies in a folder ('' for the root). */
  children(folder: string, signal?: AbortSignal): Promise<readonly Child[]>;
  /** @param path clean */
  open(path: string): ByteSource;
  /** Where a file is best read by one stream. */
  address?(path: string): Promise<ObjectAddress>;
}

/** A volume whose server fetches a whole file for each request, however small the range. */
export interface StreamedVolume extends Volume {
  address(path: string): Promise<ObjectAddress>;
}

export function isStreamed(volume: Volume): volume is StreamedVolume {
  return volume instanceof ServedVolume && volume.address !== undefined;
}

class ServedVolume implements Volume {
  readonly location: string;
  readonly address: Served['address'];

  constructor(private readonly served: Served) {
    this.location = served.location;
    this.address = served.address;
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<Entry> {
    const clean = cleanPrefix(prefix, this.location);
    const found = await this.below('', 0, { left: mostEntries }, signal);
    found.sort((a, b) => comparePaths(a.path, b.path));
    for (const { path, size } of found) if (path.startsWith(clean)) yield { path, size, version: `${size}` };
  }

  open(path: string): ByteSource {
    return this.served.open(cleanPath(path, this.location));
  }

  async write(): Promise<void> {
    throw readOnly(this.location);
  }

  async remove(): Promise<void> {
    throw readOnly(this.location);
  }

  private async below(
    folder: string,
    depth: number,
    budget: { left: number },
    signal: AbortSignal | undefined,
  ): Promise<Child[]> {
    signal?.throwIfAborted();
    const children = await this.served.children(folder, signal);
    budget.left -= children.length;
    if (budget.left < 0 || depth > deepest) {
      throw new RemoteError({
        code: 'answer_invalid',
        expected: `the folder of a model at ${this.location}, of at most ${mostEntries} files`,
        received: 'more, or folders in folders without end',
        fix: 'check which folder was logged as the model',
      });
    }
    const found: Child[] = [];
    for (const child of children) {
      if (child.isFolder) found.push(...(await this.below(child.path, depth + 1, budget, signal)));
      else found.push(child);
    }
    return found;
  }
}

interface FileAnswer {
  readonly path?: string;
  readonly is_dir?: boolean;
  readonly file_size?: number | string;
}

/** Through the server's own proxy. @param root below it, clean */
export function proxiedFiles(server: MlflowReader, location: string, root: string): Volume {
  const { endpoint, http } = server;
  const address = async (path: string): Promise<ObjectAddress> => ({
    url: `${endpoint.host}/api/2.0/mlflow-artifacts/artifacts/${escapePath(joinPath(root, path))}`,
    headers: await endpoint.headers(),
  });
  return new ServedVolume({
    location,
    async children(folder, signal) {
      const path = joinPath(root, folder);
      const answer = await asked(location, () =>
        server.ask<{ files?: FileAnswer[] }>(
          'mlflow-artifacts/artifacts',
          { path },
          { label: location, signal },
        ),
      );
      // Paths are relative to the folder that was asked about.
      return (answer.files ?? []).map((file) =>
        childOf({ ...file, path: joinPath(folder, file.path ?? '') }, folder, location),
      );
    },
    // Before an object store the proxy fetches the whole file for each request.
    address,
    open(path) {
      const reading = (signal?: AbortSignal): ObjectRead => ({
        label: `${location}/${path}`,
        signal,
        // A redirect could carry the token away.
        redirects: 'none',
        address: () => address(path),
        renew: ({ headers = {} }) => endpoint.renew(headers),
      });
      return {
        path,
        size: async (signal) => (await objectSize(http, reading(signal))).size!,
        read: async (range, signal) => (await readObject(http, { ...reading(signal), range })).bytes,
      };
    },
  });
}

type Owner =
  | { readonly kind: 'workspace'; readonly name: string; readonly version: string }
  | { readonly kind: 'logged'; readonly modelId: string };

interface SignedAnswer {
  readonly signed_uri?: string;
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
}

/** By addresses that a workspace signs. */
export function signedFiles(server: MlflowReader, location: string, owner: Owner): Volume {
  const { endpoint, http } = server;
  const urls = new SignedUrls((paths, signal) =>
    Promise.all(paths.map((path) => sign(path, signal).catch((error: Error) => error))),
  );
  const sign = async (path: string, signal?: AbortSignal): Promise<SignedUrl> => {
    const question = { label: location, signal };
    const answer = await asked(location, async (): Promise<SignedAnswer> => {
      if (owner.kind === 'workspace') {
        const { name, version } = owner;
        return server.ask('mlflow/model-versions/get-signed-download-uri', { name, version, path }, question);
      }
      const { credentials = [] } = await server.ask<{
        credentials?: readonly { readonly credential_info?: SignedAnswer }[];
      }>(
        `mlflow/logged-models/${owner.modelId}/artifacts/credentials-for-download`,
        {},
        { ...question, body: { paths: [path] } },
      );
      return credentials[0]?.credential_info ?? {};
    });
    const url = URL.canParse(answer.signed_uri ?? '') ? new URL(answer.signed_uri!) : undefined;
    const safe =
      url?.protocol === 'https:' || (url?.protocol === 'http:' && endpoint.host.startsWith('http:'));
    if (!url || !safe) throw server.notMlflow('no signed address on TLS for a file of a model');
    const headers = Object.fromEntries((answer.headers ?? []).map(({ name, value }) => [name, value]));
    return { url: url.href, headers, expires: Date.now() + addressLife };
  };
  const list = (folder: string): [path: string, query: Record<string, string>] =>
    owner.kind === 'workspace'
      ? ['mlflow/model-versions/list-artifacts', { name: owner.name, version: owner.version, path: folder }]
      : [
          `mlflow/logged-models/${owner.modelId}/artifacts/directories`,
          folder === '' ? {} : { artifact_directory_path: folder },
        ];
  return new ServedVolume({
    location,
    async children(folder, signal) {
      const found: Child[] = [];
      for (let token = ''; ; ) {
        const page = token === '' ? {} : { page_token: token };
        const [path, query] = list(folder);
        const answer = await asked(location, () =>
          server.ask<{ files?: FileAnswer[]; next_page_token?: string }>(
            path,
            { ...query, ...page },
            { label: location, signal },
          ),
        );
        found.push(...(answer.files ?? []).map((file) => childOf(file, folder, location)));
        const next = answer.next_page_token ?? '';
        if (next === '' || next === token || found.length > mostEntries) return found;
        token = next;
      }
    },
    open: (path) => signedSource({ http, urls, path, label: `${location}/${path}` }),
  });
}

/** @throws RemoteError `answer_invalid` for a name that leads out of its folder, and a size that is none */
function childOf(file: FileAnswer, folder: string, location: string): Child {
  const size = Number(file.file_size ?? 0);
  const isFolder = file.is_dir === true;
  let path = '';
  try {
    path = cleanPath(file.path ?? '', location);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
  const inside = path !== '' && path !== folder && (folder === '' || path.startsWith(`${folder}/`));
  if (inside && (isFolder || (Number.isSafeInteger(size) && size >= 0))) return { path, isFolder, size };
  throw new RemoteError({
    code: 'answer_invalid',
    expected: `names and sizes of the files in ${joinPath(location, folder)}`,
    received: JSON.stringify({ path: file.path, file_size: file.file_size }).slice(0, 200),
    fix: 'check that the address is that of an MLflow server',
  });
}

/** Refusals about files, in words. */
async function asked<T>(location: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof MlflowRefusal)) throw error;
    const { status } = error.refusal;
    throw new RemoteError({
      code: 'model_files_refused',
      expected: `the files of ${location}`,
      received: error.message,
      fix:
        status === 401 || status === 403
          ? 'give this account the right to read the model’s files'
          : status === 503
            ? 'start the MLflow server with --serve-artifacts, or name a folder with the files as model.model_name'
            : 'check that the files of this version are still there',
    });
  }
}
