/**
 * Ocelli as a library. A run is an asynchronous sequence of typed events:
 *
 *     import { parseRecipe, train } from 'ocelli';
 *
 *     const { recipe } = parseRecipe(text, { source: 'recipe.yaml' });
 *     for await (const event of train({ recipe, out: 'runs/first' })) {
 *       if (event.type === 'step') console.log(event.step, event.loss);
 *     }
 */
export { parseRecipe, type Recipe, resolvedYaml } from './config/index.ts';
export * from './core/index.ts';
/** The operations that models and optimisers are written with: our own (`ops`), and TensorFlow.js (`tf`). */
export { type Device, type DeviceChoice, openDevice, ops, tf } from './engine/index.ts';
export { type ExportRunOptions, exportRun } from './export/index.ts';
export {
  createPredictor,
  type Prediction,
  type PredictOptions,
  type Predictor,
  type PredictorOptions,
} from './inference/index.ts';
export {
  type ClassHead,
  type Family,
  fromPretrained,
  type HfConfig,
  type LoadedModel,
  type ModelInputs,
  type ModelOutputs,
  registerFamily,
  VisionModel,
} from './models/index.ts';
/** Layers with the parameter names of torch and Hugging Face: what a family of one's own is built from. */
export * as nn from './nn/index.ts';
export {
  type EvaluateRequest,
  type EvaluateResult,
  evaluateModel,
  type TrainRequest,
  train,
} from './runs/index.ts';
export { registerVolume, type Volume, type VolumeKind } from './storage/index.ts';
export { registerTask, type Task, type TaskOptions } from './tasks/index.ts';
export { type Algorithm, type OptimizerOptions, registerOptimizer } from './training/index.ts';
export { type ProcessorKind, registerProcessor } from './vision/index.ts';
