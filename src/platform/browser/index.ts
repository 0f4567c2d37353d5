/**
 * The platform in pages and workers: the same names as in `node/` (a type test holds them together), and below
 * them what only a browser has.
 */
export type { OnnxArray, OnnxDevice, OnnxPort, OnnxSession } from '../onnx-session.ts';
export type { Thread, ThreadAnswer, ThreadHandler } from '../thread-channel.ts';
export * from '../types.ts';
export * from '../wire.ts';
export { canvasFont, openCanvas } from './canvas.ts';
export { missingCapabilities, sharedThreads } from './capabilities.ts';
export { hmacSha256, sha256 } from './digest.ts';
export type { CacheEntry } from './files/caches.ts';
export { files, localPath } from './files/index.ts';
export { hasEntries } from './files/look.ts';
export {
  type HttpEntry,
  type MountSource,
  mount,
  mounted,
  openSource,
  unmount,
} from './files/mounts.ts';
export { folderHandle, writePieces } from './files/opfs.ts';
export { type MountedTree, piecesOf, type ReadableEntry } from './files/tree.ts';
export { openGpu } from './gpu.ts';
export * from './host.ts';
export * from './images.ts';
export { heldLocks, tryLock, withLock } from './locks.ts';
export { machineNotes, packageFolder, readMachine } from './machine.ts';
export { canSuspend, loadOnnxWeb, type OnnxWeb, openOnnxSession, prepareOnnx } from './onnx.ts';
export { withoutNewProcessListeners } from './process.ts';
export { makeRoom, readStorage, requestPersistence, type StorageReport } from './storage.ts';
export * from './threads.ts';
export { sendRequest } from './wire.ts';
