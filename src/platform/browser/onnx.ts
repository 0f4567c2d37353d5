/**
 * ONNX models in a browser: `onnxruntime-web`. Its build with WebGPU is twice as large as the one without, so each
 * is fetched only where it is needed.
 */
import { type OnnxRuntime, type OpenOnnxSession, openWith } from '../onnx-session.ts';

export const openOnnxSession: OpenOnnxSession = async (model, { device, threads }) => {
  const runtime =
    device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm');
  return openWith(runtime as unknown as OnnxRuntime, model, device === 'cpu' ? 'wasm' : device, threads);
};
