export type { OnnxArray, OnnxDevice, OnnxPort, OnnxSession } from '../onnx-session.ts';
export * from '../types.ts';
export { openOnnxSession } from './onnx.ts';
