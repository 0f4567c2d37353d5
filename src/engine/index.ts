export type { BackendName, DeviceChoice } from './backends/backend.ts';
export { type Device, type DeviceOptions, openDevice } from './device.ts';
export { asDeviceError, deviceLost, noImageFits } from './device-errors.ts';
export { type AdapterReport, type EngineReport, probeEngine } from './doctor.ts';
export type { PlannedBytes, TuningChoices } from './execute/index.ts';
export { type GpuPresence, lookForGpu } from './gpu-present.ts';
export {
  type Graph,
  type GraphAttribute,
  type GraphData,
  type GraphDtype,
  type GraphNode,
  type GraphValue,
  type RecordOptions,
  recordGraph,
  runNode,
} from './graph/index.ts';
export { hasHalfPrecision, requireHalfPrecision } from './half-precision.ts';
export {
  type Halt,
  type NamedTensors,
  type PeakBytes,
  peakBytes,
  type Specs,
  shapesOnly,
  shapeTensor,
  shapeVariables,
  type TensorSpec,
  type Trace,
  type TraceOptions,
  type TraceScope,
  traceStep,
  withinTensors,
} from './meta/index.ts';
export type { InterpolateMode } from './ops/index.ts';
export * as ops from './ops/index.ts';
export {
  type AtHalt,
  CompiledFunction,
  compiling,
  type HostData,
  type HostTensor,
  type HostTensors,
  NotCompiled,
  type PlannedProgram,
  type PrepareProgram,
  type Program,
  type ProgramOptions,
  probeOf,
  programBytes,
  replayProgram,
  specsOf,
  withOptions,
} from './program/index.ts';
export { Tape } from './tape.ts';
export * as tf from './tf.ts';
