/** Node's side of the seam: the same names as `browser/`, held together by faces.test.ts. */
export type { OnnxArray, OnnxDevice, OnnxPort, OnnxSession } from '../onnx-session.ts';
export type { Thread, ThreadAnswer, ThreadHandler } from '../thread-channel.ts';
export * from '../types.ts';
export * from '../wire.ts';
export { canvasFont, openCanvas } from './canvas.ts';
export { hmacSha256, sha256 } from './digest.ts';
export * from './files.ts';
export { openGpu } from './gpu.ts';
export * from './host.ts';
export * from './images.ts';
export { machineNotes, packageFolder, readMachine } from './machine.ts';
export { openOnnxSession } from './onnx.ts';
export { withoutNewProcessListeners } from './process.ts';
export * from './threads.ts';
export { sendRequest } from './wire.ts';
