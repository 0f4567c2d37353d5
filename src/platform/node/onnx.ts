/** ONNX models in Node: `onnxruntime-node`, on the CPU or on its own WebGPU provider. */
import { type OnnxRuntime, type OpenOnnxSession, openWith } from '../onnx-session.ts';

export const openOnnxSession: OpenOnnxSession = async (model, { device, threads }) => {
  const runtime = (await import('onnxruntime-node')) as unknown as OnnxRuntime;
  // `wasm` is the browser's way to the CPU.
  return openWith(runtime, model, device === 'wasm' ? 'cpu' : device, threads);
};
