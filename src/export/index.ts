/** Models for others: Hugging Face folders, ONNX, MLflow. */
export {
  type ExportedModel,
  type ExportFormat,
  type ExportModelOptions,
  exportModel,
} from './export-model.ts';
export { type ExportResult, type ExportRunOptions, exportRun } from './export-run.ts';
export type { ModelCard } from './model-card.ts';
