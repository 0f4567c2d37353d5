/**
 * ONNX models in Node: `onnxruntime-node`, on the CPU or on its own WebGPU provider. It is an optional package,
 * because its install script fetches CUDA libraries that we have no use for, and npm leaves it out where that
 * fails (no way to nuget.org, a system that it has no build for). Then the WebAssembly build of
 * `onnxruntime-web` runs the same models on the CPU, slower.
 */
import { type OnnxDevice, type OnnxRuntime, type OpenOnnxSession, openWith } from '../onnx-session.ts';

export const openOnnxSession: OpenOnnxSession = async (model, { device, threads }) => {
  const native = await import('onnxruntime-node').catch((error: unknown) => error as Error);
  // `wasm` is the browser's way to the CPU.
  if (!(native instanceof Error)) {
    return openWith(native as unknown as OnnxRuntime, model, device === 'wasm' ? 'cpu' : device, threads);
  }
  if (device === 'webgpu') throw webgpuNeedsNative(native);
  const portable = (await import('onnxruntime-web')) as unknown as OnnxRuntime;
  return openWith(portable, model, 'wasm' satisfies OnnxDevice, threads);
};

function webgpuNeedsNative(cause: Error): Error {
  return new Error(
    `onnxruntime's WebGPU provider is not installed (ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node): ${cause.message}`,
    { cause },
  );
}
