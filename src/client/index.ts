/** The page's half of training in a browser: no tensors here. The worker's half is `client/worker`. */
export { TrainingClient } from './client.ts';
export { type ConnectedGateway, connectGateway } from './gateway.ts';
export { dropped, httpFolder, mountPath, type Picked, pickedFiles, pickFolder } from './picked.ts';
export * from './protocol.ts';
export type { RunRecord, RunStatus } from './run-index.ts';
