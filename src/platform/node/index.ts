export type { OnnxArray, OnnxDevice, OnnxPort, OnnxSession } from '../onnx-session.ts';
export * from '../types.ts';
export * from './files.ts';
export { openGpu } from './gpu.ts';
export * from './host.ts';
export * from './images.ts';
export { machineNotes, packageFolder, readMachine } from './machine.ts';
export { openOnnxSession } from './onnx.ts';
export { withoutNewProcessListeners } from './process.ts';
