/**
 * Where onnxruntime's WebAssembly files lie. It finds them alone on a page of its own origin; from another one it would
 * look for a second script, unless it is told where the file is.
 */
import asyncify from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspi from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plain from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { canSuspend } from '../../platform/browser/index.ts';
import type { OpenedModel } from '../protocol.ts';

export function runtimeFile(device: OpenedModel['device']): string {
  const address = device === 'wasm' ? plain : canSuspend() ? jspi : asyncify;
  return new URL(address, import.meta.url).href;
}
