/** Tracing: a step as a graph, without computing anything. */
export { withinTensors } from './backend.ts';
export type { PeakBytes } from './byte-count.ts';
export { peakBytes, shapesOnly, shapeTensor, shapeVariables } from './bytes.ts';
export type { TensorSpec } from './shapes.ts';
export {
  type Halt,
  type NamedTensors,
  type Specs,
  type Trace,
  type TraceOptions,
  type TraceScope,
  traceStep,
} from './trace.ts';
