/**
 * A model's weights among its files: an ONNX file in the precision that was asked for or the next one, in `onnx/` or beside
 * `config.json`, with the files beside it that hold numbers of it, as exporters write them.
 */
import { CheckpointError } from '../../core/index.ts';
import { externalFiles } from '../../formats/onnx/index.ts';
import type { OpenRequest } from '../protocol.ts';
import type { WidgetFiles } from './files.ts';

/** As onnxruntime takes it. */
export interface ExternalFile {
  /** As the ONNX file writes it. */
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface Weights {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly external: readonly ExternalFile[];
  /** In the words of transformers.js. */
  readonly dtype: 'fp32' | 'fp16' | 'q8';
}

const precisions = { fp32: 'model', fp16: 'model_fp16', q8: 'model_quantized' } as const;

/** The precision that was asked for first; another one, quantised last, where there is nothing else. */
function order(dtype: OpenRequest['dtype']): (keyof typeof precisions)[] {
  return dtype === 'fp16' ? ['fp16', 'fp32', 'q8'] : ['fp32', 'fp16', 'q8'];
}

/** The file's path, as transformers.js asks for it. */
export const onnxFile = (dtype: Weights['dtype']): string => `onnx/${precisions[dtype]}.onnx`;

/** Undefined: there are none of these names. Models in several parts have others. */
export async function findWeights(
  files: WidgetFiles,
  asked: OpenRequest['dtype'],
): Promise<Weights | undefined> {
  for (const dtype of order(asked)) {
    const found = await readWeights(files, onnxFile(dtype));
    if (!found) continue;
    const external: ExternalFile[] = [];
    for (const path of externalFiles(found.bytes)) external.push(await readExternal(files, found.path, path));
    return { bytes: found.bytes, external, dtype };
  }
  return undefined;
}

/** @throws CheckpointError `model_file_missing` */
export async function requireWeights(files: WidgetFiles, asked: OpenRequest['dtype']): Promise<Weights> {
  const found = await findWeights(files, asked);
  if (found) return found;
  throw files.missing(order(asked).flatMap((dtype) => placesOf(onnxFile(dtype))));
}

/** Exporters leave a file in `onnx/`, or beside `config.json`. */
const placesOf = (path: string): string[] => [path, path.replace(/^onnx\//, '')];

/** A file of `onnx/`, or the one of that name beside `config.json`. Undefined: neither is there. */
export async function readWeights(
  files: WidgetFiles,
  path: string,
): Promise<{ readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined> {
  for (const place of placesOf(path)) {
    const bytes = await files.read(place, { keep: true, orHtml: false });
    if (bytes && isPointer(bytes)) throw pointer(files, place);
    if (bytes) return { path: place, bytes };
  }
  return undefined;
}

/** What a repository holds in the place of a large file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). */
const pointerStart = 'version https://git-lfs.github.com/spec/';

const isPointer = (bytes: Uint8Array): boolean =>
  new TextDecoder().decode(bytes.subarray(0, pointerStart.length)) === pointerStart;

function pointer(files: WidgetFiles, path: string): CheckpointError {
  return new CheckpointError({
    code: 'model_file_invalid',
    expected: `weights in ${path} of ${files.name}`,
    received: 'the note that git-lfs keeps in the place of a large file',
    fix: 'fetch the file itself, by git lfs pull, before the folder is copied to its host',
  });
}

/** @param path as the ONNX file writes it: relative to its own folder */
async function readExternal(files: WidgetFiles, onnx: string, path: string): Promise<ExternalFile> {
  const parts = path.split('/').filter((part) => part !== '.' && part !== '');
  if (path.startsWith('/') || parts.length === 0 || parts.includes('..') || /[\\:]/.test(path)) {
    throw new CheckpointError({
      code: 'onnx_unreadable',
      expected: `weights in files beside ${onnx} of ${files.name}`,
      received: `weights in ${path.slice(0, 200)}`,
      fix: 'export the model again, into one folder',
    });
  }
  const place = `${onnx.slice(0, onnx.lastIndexOf('/') + 1)}${parts.join('/')}`;
  const data = await files.read(place, { keep: true, orHtml: false });
  if (data && isPointer(data)) throw pointer(files, place);
  if (data) return { path, data };
  throw new CheckpointError({
    code: 'model_file_missing',
    expected: `${place} in ${files.name}: ${onnx} keeps its weights there`,
    received: 'no such file',
    fix: 'copy that file as well: it belongs to the ONNX file',
  });
}
