export type { Forward, InputSize } from './check.ts';
export { exportOnnx, type OnnxExport, type OnnxExportOptions, type OnnxPrecision } from './export-onnx.ts';
