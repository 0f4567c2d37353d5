/**
 * Where a model's files are: an HF folder, a run folder (its `model/`), a folder in any volume, a repository of the
 * hub, or a version in an MLflow registry. All of them are a volume and a prefix in it.
 */
import { files, localPath } from '#platform';
import { CheckpointError, RemoteError } from '../core/index.ts';
import { openSafetensors, openShards, type TensorFile } from '../formats/safetensors/index.ts';
import {
  type ByteSource,
  isHubName,
  isModelReference,
  type ModelServer,
  openHub,
  openPlace,
  openRegisteredModel,
  type Place,
  pinModelReference,
} from '../storage/index.ts';

export interface PlaceOptions {
  /** Branch, tag or commit of a hub repository (`main`). */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Downloads from the hub or a registry: bytes of a file. */
  readonly onProgress?: DownloadListener | undefined;
  /** Where `models:/…` is registered; left out: as the environment says. */
  readonly server?: ModelServer | undefined;
}

/** @param file `facebook/detr-resnet-50/model.safetensors` */
export type DownloadListener = (file: string, received: number, total: number) => void;

/**
 * The place under a name that means the same model tomorrow: `models:/shapes@champion` becomes `models:/shapes/3`.
 * Every other place is given back as it is.
 */
export async function pinModel(place: string, options: PlaceOptions = {}): Promise<string> {
  return isModelReference(place) ? pinModelReference(place, options) : place;
}

export class ModelFiles {
  private constructor(
    private readonly place: Place,
    /** For messages. */
    readonly location: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Finds the folder with `config.json`. */
  static async find(place: string | Place, options: PlaceOptions = {}): Promise<ModelFiles> {
    const { signal, revision, onProgress } = options;
    if (typeof place === 'string' && isModelReference(place)) return ModelFiles.registered(place, options);
    const at = typeof place === 'string' ? await openPlace(place) : place;
    const location = typeof place === 'string' ? place : `${at.volume.location}/${at.path}`;
    const found = await ModelFiles.below(at, location, signal);
    if (found) return found;
    // A folder that is there is what was meant, though its name would do for a model of the hub.
    const isHere = typeof place === 'string' && (await files.stat(localPath(place))) !== undefined;
    if (typeof place === 'string' && isHubName(place) && !isHere) {
      const volume = await openHub(place, {
        ...(revision ? { revision } : {}),
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress } : {}),
      }).catch((error: unknown) => {
        throw error instanceof RemoteError ? neitherHereNorThere(place, error) : error;
      });
      return new ModelFiles({ volume, path: '' }, place, signal);
    }
    throw new CheckpointError({
      code: 'model_not_found',
      expected:
        'a folder with config.json, a run folder with model/config.json, or a hub id (organisation/name)',
      received: isHere ? `${location}, which has none` : location,
      fix: 'check the path; a checkpoint of a run becomes a model when the run ends or with ocelli export',
    });
  }

  /** The folder itself, or the `model/` in it. */
  private static async below(
    { volume, path }: Place,
    location: string,
    signal: AbortSignal | undefined,
  ): Promise<ModelFiles | undefined> {
    for (const folder of ['', 'model']) {
      const found = new ModelFiles({ volume, path: join(path, folder) }, join(location, folder), signal);
      if (await found.has('config.json')) return found;
    }
    return undefined;
  }

  private static async registered(place: string, options: PlaceOptions): Promise<ModelFiles> {
    const { volume, version } = await openRegisteredModel(place, options);
    const found = await ModelFiles.below({ volume, path: '' }, version, options.signal);
    if (found) return found;
    const root = new ModelFiles({ volume, path: '' }, version, options.signal);
    const flavors = (await root.has('MLmodel')) ? await flavorsOf(root.open('MLmodel'), options.signal) : [];
    throw new CheckpointError({
      code: 'model_not_found',
      expected: `${version} to be a Hugging Face folder: config.json and model.safetensors`,
      received:
        flavors.length > 0 ? `an MLflow model of ${flavors.join(', ')}` : 'a folder without config.json',
      fix: 'register a model that ocelli has trained (mlflow.registered_model_name), or one whose folder was logged as save_pretrained writes it',
    });
  }

  async has(name: string): Promise<boolean> {
    const path = join(this.place.path, name);
    try {
      for await (const entry of this.place.volume.list(path, this.signal))
        if (entry.path === path) return true;
    } catch (error) {
      // A folder that isn't there has no such file; anything else is told.
      if (!isMissing(error)) throw error;
    }
    return false;
  }

  async json(name: string): Promise<Record<string, unknown>> {
    const bytes = await this.open(name).read(undefined, this.signal);
    try {
      const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return value as Record<string, unknown>;
      }
    } catch (cause) {
      throw this.broken(name, 'a JSON object', 'text that does not parse', cause);
    }
    throw this.broken(name, 'a JSON object', 'another JSON value');
  }

  /** `model.safetensors`, or its shards. */
  async weights(): Promise<TensorFile> {
    if (await this.has('model.safetensors')) {
      return openSafetensors(this.named('model.safetensors'), this.signal);
    }
    const index = 'model.safetensors.index.json';
    if (await this.has(index)) {
      const json = await this.json(index);
      return openShards({ path: index, json }, (name) => this.named(name), this.signal);
    }
    const pickled = await this.has('pytorch_model.bin');
    throw new CheckpointError({
      code: 'weights_missing',
      expected: `model.safetensors in ${this.location}`,
      received: pickled ? 'only pytorch_model.bin' : 'no weights',
      fix: pickled
        ? 'convert it with save_pretrained(safe_serialization=True), or choose a revision that has safetensors'
        : 'choose a complete checkpoint, or start fresh with model.pretrained=false',
    });
  }

  /** A file of the model by its path in the folder. */
  open(name: string): ByteSource {
    return this.place.volume.open(join(this.place.path, name));
  }

  /** The same file; messages about it say where it lies. */
  private named(name: string): ByteSource {
    const source = this.open(name);
    return {
      path: join(this.location, name),
      size: () => source.size(),
      read: (range, signal) => source.read(range, signal),
    };
  }

  private broken(name: string, expected: string, received: string, cause?: unknown): CheckpointError {
    return new CheckpointError({
      code: 'checkpoint_file_invalid',
      expected: `${expected} in ${name} of ${this.location}`,
      received,
      fix: 'fetch the file again',
      cause,
    });
  }
}

/** A folder's name that was mistyped reads like a hub id: both places are told. */
function neitherHereNorThere(place: string, error: RemoteError): RemoteError {
  const { code, expected, received, hint, cause } = error;
  return new RemoteError({
    code,
    expected: `a folder with a model at ${place}, or ${expected}`,
    received: `no such folder, and from the hub ${received}`,
    fix: `check the path; or, if a hub id is meant, ${hint}`,
    cause,
  });
}

/** What an MLmodel says that it is: `sklearn`, `python_function`. */
async function flavorsOf(file: ByteSource, signal: AbortSignal | undefined): Promise<string[]> {
  const text = new TextDecoder().decode(await file.read(undefined, signal));
  const [, block = ''] = /^flavors:\n((?: .*\n)+)/m.exec(`${text}\n`) ?? [];
  return [...block.matchAll(/^ {2}([\w-]+):/gm)].map(([, name]) => name!);
}

const join = (folder: string, name: string): string => [folder, name].filter(Boolean).join('/');

const missingCodes = new Set(['file_missing', 'hub_file_missing', 'folder_missing']);

function isMissing(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && missingCodes.has(String(error.code))
  );
}
