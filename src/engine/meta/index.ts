/** Tracing: a step as a graph, without computing anything. */
export { registerShapes, type TensorSpec } from './shapes.ts';
export {
  type Halt,
  isComposed,
  type NamedTensors,
  type Specs,
  type Trace,
  type TraceOptions,
  type TraceScope,
  traceStep,
} from './trace.ts';
