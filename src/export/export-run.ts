/**
 * `ocelli export`: the model of a run (or any model folder) to a folder that others load. Files are written one
 * by one, each whole or not at all; the card that is there already is kept, since it knows the training.
 */
import { files, localPath } from '#platform';
import { ConfigError } from '../core/index.ts';
import { type DownloadListener, fromPretrained, pinModel } from '../models/index.ts';
import { isLocalPlace } from '../storage/index.ts';
import { type ExportedModel, type ExportFormat, exportModel } from './export-model.ts';
import type { OnnxPrecision } from './onnx/index.ts';

export interface ExportRunOptions {
  /** onnx */
  readonly format?: ExportFormat;
  /** fp32 */
  readonly dtype?: OnnxPrecision;
  /** The folder to write (left out: the run's `model/`, or the model folder itself). */
  readonly out?: string;
  readonly version?: string;
  readonly signal?: AbortSignal;
  /** Told while a model of the hub or of a registry is fetched. */
  readonly onDownload?: DownloadListener;
}

export interface ExportResult {
  /** What was exported: of a registry the version that the name means now. */
  readonly model: string;
  readonly folder: string;
  /** What was written, relative to the folder. */
  readonly paths: readonly string[];
  readonly onnx?: NonNullable<ExportedModel['onnx']>;
}

/** Needs an open device: the export is checked against the model's own forward pass on it. */
export async function exportRun(place: string, options: ExportRunOptions = {}): Promise<ExportResult> {
  const { format = 'onnx', dtype = 'fp32', signal } = options;
  const source = isLocalPlace(place) ? await modelFolder(localPath(place)) : undefined;
  const folder = options.out ?? source;
  if (folder === undefined) {
    throw new ConfigError({
      code: 'export_folder_missing',
      expected: '--out, a folder to write the model to',
      received: `${place}, which is no local folder`,
      fix: 'add --out <folder>',
    });
  }
  const model = await pinModel(place, { signal });
  const loaded = await fromPretrained(model, { signal, onProgress: options.onDownload });
  try {
    const { version } = options;
    const exported = await exportModel(loaded, { format, dtype, ...(version ? { version } : {}) });
    const card = source === undefined ? undefined : await readCard(`${source}/README.md`);
    for (const [path, bytes] of exported.files) {
      signal?.throwIfAborted();
      await files.write(`${folder}/${path}`, path === 'README.md' && card ? card : bytes);
    }
    const paths = [...exported.files.keys()];
    return { model, folder, paths, ...(exported.onnx ? { onnx: exported.onnx } : {}) };
  } finally {
    loaded.model.dispose();
  }
}

/** A run's `model/`, else the folder itself. */
async function modelFolder(folder: string): Promise<string> {
  const model = `${folder.replace(/\/+$/, '')}/model`;
  return (await files.stat(`${model}/config.json`)) ? model : folder;
}

async function readCard(path: string): Promise<Uint8Array | undefined> {
  return (await files.stat(path)) ? files.read(path) : undefined;
}
