/**
 * ONNX models in a browser: `onnxruntime-web`. Its builds are large and differ by what they can wait for, so each is
 * fetched only where it is needed: with WebGPU 17 MB where WebAssembly can suspend itself (JSPI), 27 MB where that is
 * emulated (Asyncify), and 14 MB without WebGPU.
 */
import { RemoteError } from '../../core/index.ts';
import { type OnnxRuntime, type OpenOnnxSession, openWith } from '../onnx-session.ts';

/** The whole of onnxruntime-web, for who needs more than `openOnnxSession`: buffers on the GPU, captured graphs. */
export type OnnxWeb = typeof import('onnxruntime-web/webgpu');

/** Whether WebAssembly can wait for promises by itself. */
export const canSuspend = (): boolean => 'Suspending' in WebAssembly;

export async function loadOnnxWeb(device: 'webgpu' | 'wasm'): Promise<OnnxWeb> {
  if (device === 'wasm') return (await import('onnxruntime-web/wasm')) as OnnxWeb;
  return canSuspend()
    ? ((await import('onnxruntime-web/jspi')) as OnnxWeb)
    : import('onnxruntime-web/webgpu');
}

export const openOnnxSession: OpenOnnxSession = async (model, { device, threads }) => {
  const runtime = await loadOnnxWeb(device === 'webgpu' ? 'webgpu' : 'wasm').catch(unreachable);
  const provider = device === 'cpu' ? 'wasm' : device;
  return openWith(runtime as unknown as OnnxRuntime, model, provider, threads).catch((error: unknown) => {
    // Of WebAssembly there is always a backend: what is missing is its file.
    if (provider === 'wasm' && /no available backend|initWasm/.test(String(error))) return unreachable(error);
    throw error;
  });
};

/**
 * Loads the runtime that checks exported models, so that a run that began with a connection ends without one, too. Its files can't be
 * kept by name: browsers ask the server again before they take them from their cache.
 */
export async function prepareOnnx(): Promise<void> {
  const { InferenceSession } = await loadOnnxWeb('wasm');
  // It looks at a model when it is there itself: no model at all is refused after that.
  await InferenceSession.create(new Uint8Array(), { executionProviders: ['wasm'] }).catch(() => undefined);
}

function unreachable(cause: unknown): never {
  throw new RemoteError({
    code: 'onnxruntime_unreachable',
    expected: 'onnxruntime-web, which runs and checks exported models, from the server of this page',
    received: cause instanceof Error ? cause.message : String(cause),
    fix: 'check the connection, reload the page, and go on with the run in the view Runs: nothing that it learned is lost',
    cause,
  });
}
