/** A recorded forward pass as an ONNX file, checked against the model that it was recorded from. */
export type { Forward, InputSize } from './check.ts';
export { exportOnnx, type OnnxExport, type OnnxExportOptions, type OnnxPrecision } from './export-onnx.ts';
