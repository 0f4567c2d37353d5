/**
 * ONNX models in a browser: `onnxruntime-web`. Its builds are large and differ by what they can wait for, so each is
 * fetched only where it is needed: with WebGPU 17 MB where WebAssembly can suspend itself (JSPI), 27 MB where that is
 * emulated (Asyncify), and 14 MB without WebGPU.
 */
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
  const runtime = await loadOnnxWeb(device === 'webgpu' ? 'webgpu' : 'wasm');
  return openWith(runtime as unknown as OnnxRuntime, model, device === 'cpu' ? 'wasm' : device, threads);
};
