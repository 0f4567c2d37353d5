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

interface TrustedTypes {
  createPolicy(name: 'default', rules: { createScriptURL(url: string): string }): unknown;
}

let allowed: boolean | undefined;

/**
 * onnxruntime starts its threads by plain addresses. Where the worker's own answer requires Trusted Types, only a policy
 * named `default` lets it; without one there is a single thread.
 */
export function mayStartThreads(): boolean {
  const { trustedTypes } = globalThis as unknown as { trustedTypes?: TrustedTypes };
  if (!crossOriginIsolated || !trustedTypes) return true;
  if (allowed === undefined) {
    try {
      trustedTypes.createPolicy('default', { createScriptURL: (url) => url });
      allowed = true;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}
