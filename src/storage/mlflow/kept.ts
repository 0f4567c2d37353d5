/**
 * Files of one model version, fetched once and kept:
 *
 *   <cache>/<digest of server and version>/index.json      what belongs to it: names and sizes
 *                                          files/…         what was fetched of it
 *
 * A version never changes, so what is here is never asked for again; only where a registered model was deleted and its
 * name given to another one, the folder is begun anew. A file gets its name when it has the size that both the listing
 * and the file's own server told; what was interrupted before goes on where it stopped. No addresses, no tokens.
 */
import { files } from '#platform';
import { DataError, RemoteError } from '../../core/index.ts';
import type { ObjectAddress } from '../http/index.ts';
import { download } from '../hub/download.ts';
import type { Place } from '../kind.ts';
import { cleanPath, cleanPrefix, comparePaths, joinPath } from '../paths.ts';
import type { ByteSource, Entry, Volume } from '../volume.ts';
import { readOnly } from './read-only.ts';
import { isStreamed } from './served.ts';

/** Bytes of one request, and between two writes to disk. */
const pieceSize = 8 << 20;
/** Milliseconds without a byte: a server before an object store fetches the whole file first. */
const stallTime = 120_000;

interface Wanted {
  /** Where it ends up. */
  readonly local: string;
  readonly size: number;
  /** For messages. */
  readonly label: string;
}

export interface VersionIndex {
  readonly reference: string;
  readonly identity: string;
  /** In bytes, by path. */
  readonly files: Readonly<Record<string, number>>;
}

export interface KeptOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((file: string, received: number, total: number) => void) | undefined;
}

/** What is known of a version here; undefined when nothing is, or another model had its name. */
export async function readIndex(folder: string, identity?: string): Promise<VersionIndex | undefined> {
  const path = `${folder}/index.json`;
  if (!(await files.stat(path))) return undefined;
  try {
    const index = JSON.parse(new TextDecoder().decode(await files.read(path))) as VersionIndex;
    const whole = typeof index.identity === 'string' && typeof index.files === 'object';
    return whole && (identity === undefined || index.identity === identity) ? index : undefined;
  } catch {
    // Cut off: it is written again.
    return undefined;
  }
}

/** Begins the folder of a version: lists what lies at its place. Files of another model of that name go. */
export async function beginIndex(
  folder: string,
  version: Pick<VersionIndex, 'reference' | 'identity'>,
  { volume, path }: Place,
  signal?: AbortSignal,
): Promise<VersionIndex> {
  const found: Record<string, number> = {};
  const prefix = path === '' ? '' : `${path}/`;
  for await (const entry of volume.list(prefix, signal)) {
    found[entry.path.slice(prefix.length)] = entry.size;
  }
  if (Object.keys(found).length === 0) throw gone(version.reference, 'an empty folder');
  const index = { reference: version.reference, identity: version.identity, files: found };
  if (await files.stat(folder)) await files.remove(folder);
  await files.write(`${folder}/index.json`, `${JSON.stringify(index, null, 1)}\n`);
  return index;
}

export class KeptModel implements Volume {
  readonly location: string;
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly names: ReadonlyMap<string, string>;
  private readonly fetching = new Map<string, Promise<void>>();

  /** @param remote where the files come from, asked when the first one is missing here */
  constructor(
    private readonly folder: string,
    { reference, files: sizes }: VersionIndex,
    private readonly remote: () => Promise<Place>,
    private readonly options: KeptOptions = {},
  ) {
    this.location = reference;
    this.sizes = new Map(Object.entries(sizes));
    this.names = secondNames(this.sizes);
  }

  async *list(prefix: string): AsyncIterable<Entry> {
    const clean = cleanPrefix(prefix, this.location);
    const paths = [...this.sizes.keys(), ...this.names.keys()].sort(comparePaths);
    for (const path of paths) {
      const size = this.sizes.get(this.names.get(path) ?? path)!;
      if (path.startsWith(clean)) yield { path, size, version: this.location };
    }
  }

  open(path: string): ByteSource {
    const asked = cleanPath(path, this.location);
    const clean = this.names.get(asked) ?? asked;
    const local = `${this.folder}/files/${clean}`;
    const there = async (signal?: AbortSignal): Promise<void> => {
      const running = this.fetching.get(clean) ?? this.fetch(clean, local, signal);
      this.fetching.set(clean, running);
      await running.finally(() => this.fetching.delete(clean));
    };
    return {
      path: asked,
      size: async (signal) => {
        await there(signal);
        return this.sizes.get(clean)!;
      },
      read: async (range, signal) => {
        await there(signal);
        return files.read(local, range);
      },
    };
  }

  async write(): Promise<void> {
    throw readOnly(this.location);
  }

  async remove(): Promise<void> {
    throw readOnly(this.location);
  }

  private async fetch(path: string, local: string, signal = this.options.signal): Promise<void> {
    const size = this.sizes.get(path);
    if (size === undefined) throw missing(joinPath(this.location, path));
    if ((await files.stat(local))?.size === size) return;
    const label = joinPath(this.location, path);
    try {
      const { volume, path: root } = await this.remote();
      const remote = joinPath(root, path);
      if (!isStreamed(volume)) await this.receive(volume.open(remote), { local, size, label }, signal);
      else await this.stream(await volume.address(remote), { local, size, label }, signal);
    } catch (error) {
      if (error instanceof DataError && error.code === 'file_missing') {
        throw gone(this.location, `no ${path} any more`, error);
      }
      throw error;
    }
  }

  /** By one request for the whole file. */
  private async stream(
    { url, headers = {} }: ObjectAddress,
    { local, size, label }: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await download(
      { url, headers, size, etag: '', path: local, label },
      {
        fetcher: fetch,
        signal,
        onProgress: this.options.onProgress,
        stallTime,
        redirect: 'error',
        errors: {
          refused: (status) => refused(this.location, label, status),
          interrupted: (received, cause) => interrupted(label, size, received, cause),
          otherSize: (announced) => otherSize(label, size, announced),
        },
      },
    );
  }

  /** By ranges, from stores that serve them. */
  private async receive(
    source: ByteSource,
    { local, size, label }: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let partial = `${local}.incomplete`;
    let at = (await files.stat(partial))?.size ?? 0;
    if (at > size) {
      await files.remove(partial);
      at = 0;
    }
    const told = await sizeOf(source, signal);
    if (told !== undefined && told !== size) throw otherSize(label, size, told);
    if (told === undefined) {
      // A server that serves no ranges sends the whole at once.
      const bytes = await source.read(undefined, signal);
      if (bytes.byteLength !== size) throw otherSize(label, size, bytes.byteLength);
      await files.write(local, bytes);
      this.options.onProgress?.(label, size, size);
      return;
    }
    if (size === 0) return files.write(local, '');
    while (at < size) {
      signal?.throwIfAborted();
      const end = Math.min(size, at + pieceSize);
      const piece = await source.read({ start: at, end }, signal);
      if (piece.byteLength !== end - at) throw otherSize(label, size, at + piece.byteLength);
      if (((await files.stat(partial))?.size ?? 0) !== at) {
        // Another process fetches the same file: each has its own from here on.
        partial = `${local}.${crypto.randomUUID().slice(0, 8)}.incomplete`;
        at = 0;
        continue;
      }
      await files.append(partial, piece);
      at = end;
      this.options.onProgress?.(label, at, size);
    }
    await files.rename(partial, local);
  }
}

/**
 * `mlflow.transformers` saves the parts of a pipeline apart (its model_io.py): the model in `model/`, how pictures are
 * prepared in `components/`. Without it the model would see them in another way than it learnt to.
 */
function secondNames(sizes: ReadonlyMap<string, number>): ReadonlyMap<string, string> {
  const [name, wanted] = ['preprocessor_config.json', 'model/preprocessor_config.json'];
  const saved = ['image_processor', 'feature_extractor', 'processor']
    .map((part) => `components/${part}/${name}`)
    .find((path) => sizes.has(path));
  const isPipeline = sizes.has('model/config.json') && !sizes.has('config.json') && !sizes.has(wanted);
  return new Map(isPipeline && saved !== undefined ? [[wanted, saved]] : []);
}

/** Undefined where the server tells no size without sending everything. */
async function sizeOf(source: ByteSource, signal: AbortSignal | undefined): Promise<number | undefined> {
  try {
    return await source.size(signal);
  } catch (error) {
    if (error instanceof RemoteError && error.code === 'range_ignored') return undefined;
    throw error;
  }
}

function otherSize(label: string, size: number, received: number): RemoteError {
  return new RemoteError({
    code: 'model_file_size',
    expected: `${label} of ${size} bytes, as the server lists it`,
    received: `${received} bytes`,
    fix: 'run the command again; if it stays so, register the model again: its files were changed',
  });
}

function interrupted(label: string, size: number, received: number, cause: unknown): RemoteError {
  return new RemoteError({
    code: 'model_fetch_interrupted',
    expected: `${label}, ${size} bytes`,
    received: `${received} bytes, then ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: 'run the command again: it goes on where it stopped',
    cause,
  });
}

function refused(reference: string, label: string, status: number): RemoteError {
  if (status === 404) return gone(reference, `no ${label} any more`);
  return new RemoteError({
    code: 'model_files_refused',
    expected: `the file ${label} from the MLflow server`,
    received: `status ${status}`,
    fix: 'give this account the right to read the model’s files, or name a folder with them as model.model_name',
  });
}

function missing(label: string): DataError {
  return new DataError({
    code: 'file_missing',
    expected: `the file ${label}`,
    received: 'no such file in this version of the model',
    fix: 'name a version that has it',
  });
}

function gone(reference: string, received: string, cause?: unknown): RemoteError {
  return new RemoteError({
    code: 'registered_files_missing',
    expected: `the files of ${reference}`,
    received,
    fix: 'the registry knows the version, but its files were removed: name another version, or register the model again',
    cause,
  });
}
