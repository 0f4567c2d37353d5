export * from '../types.ts';
export type { OnnxArray, OnnxDevice, OnnxPort, OnnxSession } from '../onnx-session.ts';
export { openOnnxSession } from './onnx.ts';
