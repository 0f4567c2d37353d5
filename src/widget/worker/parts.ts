/**
 * What the worker fetches when there is work: onnxruntime, its WebAssembly file, the pipelines of transformers.js. Here they
 * lie beside the worker's own file, as a host gets them with the folder of the widget. In the npm package a bundler moves and
 * renames them, so there the page tells their addresses: parts-told.ts takes the place of this file.
 */
import { loadOnnxWeb, type OnnxWeb } from '../../platform/browser/index.ts';
import type { OpenedModel, PartAddresses } from '../protocol.ts';
import { runtimeFile } from './runtime-files.ts';

export const loadRuntime = (device: OpenedModel['device']): Promise<OnnxWeb> => loadOnnxWeb(device);

export const loadPipelines = (): Promise<typeof import('./pipeline-model.ts')> =>
  import('./pipeline-model.ts');

/**
 * Where the WebAssembly file lies; undefined: onnxruntime finds it alone, which it does on a page of its own origin. From
 * another one it would look for a second script.
 */
export async function runtimeAddress(
  _ort: OnnxWeb,
  device: OpenedModel['device'],
): Promise<string | undefined> {
  return isOwnOrigin() ? undefined : runtimeFile(device);
}

export const isOwnOrigin = (): boolean => new URL(import.meta.url).origin === self.origin;

/** Nobody needs to tell. */
export function tellParts(_addresses: PartAddresses | undefined): void {}
