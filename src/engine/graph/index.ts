export { noteBackward, Recorder, type RecordOptions, recordGraph } from './recorder.ts';
export { replayGraph, runNode } from './replay.ts';
export type { Graph, GraphAttribute, GraphData, GraphDtype, GraphNode, GraphValue } from './types.ts';
