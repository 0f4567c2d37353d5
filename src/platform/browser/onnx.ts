/** ONNX models in a browser: `onnxruntime-web`, on WebGPU or in WebAssembly. */
import { type OnnxRuntime, type OpenOnnxSession, openWith } from '../onnx-session.ts';

export const openOnnxSession: OpenOnnxSession = async (model, { device, threads }) => {
  const runtime = (await import('onnxruntime-web/webgpu')) as unknown as OnnxRuntime;
  return openWith(runtime, model, device === 'cpu' ? 'wasm' : device, threads);
};
