/**
 * The files of one model, wherever they lie. A static host that answers every address with its start page gives HTML
 * with status 200 for a file that is not there: that counts as missing, and is said.
 */
import { CheckpointError, RemoteError } from '../../core/index.ts';
import { fileAddress, placeName } from '../model-place.ts';
import type { ModelPlace, Progress } from '../protocol.ts';
import { cached, remember, stored } from './cache.ts';
import { download, megabytes } from './download.ts';

export interface FileOptions {
  readonly maxBytes: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
  readonly fetcher?: typeof fetch;
}

/** A configuration above this is none. */
const largestJson = 20e6;

export class WidgetFiles {
  /** For messages. */
  readonly name: string;

  constructor(
    readonly place: ModelPlace,
    private readonly options: FileOptions,
  ) {
    this.name = placeName(place);
  }

  /** A JSON object; undefined when there is no such file. */
  async json(path: string): Promise<Record<string, unknown> | undefined> {
    const bytes = await this.read(path, { maxBytes: largestJson, keep: false, orHtml: true });
    if (!bytes) return undefined;
    const text = new TextDecoder().decode(bytes);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw this.broken(path, isHtml(text) ? 'an HTML page' : 'text that does not parse', cause);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    throw this.broken(path, 'another JSON value');
  }

  /** Like `json`, but a missing file is an error. */
  async requiredJson(path: string): Promise<Record<string, unknown>> {
    const value = await this.json(path);
    if (value) return value;
    throw this.missing([path]);
  }

  /**
   * A file's bytes; undefined when there is none. `keep`: a copy is used if the server still names its version; others are
   * fetched each time, and their copy is for times without a connection.
   */
  async read(
    path: string,
    { maxBytes = this.options.maxBytes, keep = true, orHtml = true } = {},
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { place } = this;
    if (place.kind === 'files') return this.readLocal(place.files[path], path, maxBytes);
    const { onProgress, signal, fetcher } = this.options;
    const url = fileAddress(place, path);
    const tell = (received: number, total: number | undefined, fromCache = false): void =>
      onProgress({ phase: 'model', file: path, received, total, cached: fromCache });
    const known = keep ? await cached(url, signal, fetcher) : undefined;
    if (known && known.length <= maxBytes) {
      tell(known.length, known.length, true);
      return known;
    }
    const label = `${path} of ${this.name}`;
    const options = { label, maxBytes, signal, onProgress: tell, ...(fetcher ? { fetcher } : {}) };
    const loaded = await download(url, options).catch(async (error: unknown) => {
      const far = error instanceof RemoteError && error.code === 'model_unreachable';
      const bytes = far && !keep ? await stored(url) : undefined;
      if (!bytes) throw error;
      return { bytes, version: undefined };
    });
    if (!loaded || (!orHtml && startsAsHtml(loaded.bytes))) return undefined;
    if (loaded.version) await remember(url, loaded.bytes, loaded.version);
    return loaded.bytes;
  }

  private async readLocal(
    file: Blob | undefined,
    path: string,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!file) return undefined;
    if (file.size > maxBytes) {
      throw new CheckpointError({
        code: 'model_too_large',
        expected: `a file of at most ${megabytes(maxBytes)}`,
        received: `${path} with ${megabytes(file.size)}`,
        fix: 'choose a smaller model, its fp16 file (dtype="fp16"), or raise the attribute max-megabytes',
      });
    }
    return new Uint8Array(await file.arrayBuffer());
  }

  missing(paths: readonly string[]): CheckpointError {
    return new CheckpointError({
      code: 'model_file_missing',
      expected: `${paths.join(' or ')} in ${this.name}`,
      received: 'no such file',
      fix: paths[0]!.endsWith('.onnx')
        ? 'export the model with ocelli export --format onnx, or choose a repository that has ONNX files'
        : 'check the address or the name: it must be the folder of the model, with config.json in it',
    });
  }

  private broken(path: string, received: string, cause?: unknown): CheckpointError {
    return new CheckpointError({
      code: 'model_file_invalid',
      expected: `a JSON object in ${path} of ${this.name}`,
      received,
      fix:
        received === 'an HTML page'
          ? 'check the address: the server answers with a page where the file should be'
          : 'export or fetch the model again',
      cause,
    });
  }
}

const isHtml = (text: string): boolean => /^\s*<(?:!doctype|html|\?xml|head|body)/i.test(text.slice(0, 200));

function startsAsHtml(bytes: Uint8Array): boolean {
  return isHtml(new TextDecoder().decode(bytes.subarray(0, 200)));
}
