export {
  type Graph,
  type GraphAttribute,
  type GraphData,
  type GraphDtype,
  type GraphNode,
  type GraphValue,
  Recorder,
  type RecordOptions,
  recordGraph,
  replayGraph,
  runNode,
} from './graph/index.ts';
export { backendNames, defineOp, type OpDefinition } from './op.ts';
export { Tape } from './tape.ts';
export * as tf from './tf.ts';
