/** Models: Hugging Face families by their `model_type`, loading and saving. */
export { classesOf } from './classes.ts';
export { type DownloadListener, ModelFiles, type PlaceOptions, pinModel } from './files.ts';
export type { LoadReport } from './load.ts';
export {
  type BuiltModel,
  fromConfig,
  fromConfigWhen,
  fromPretrained,
  type LoadedModel,
  type PretrainedOptions,
} from './pretrained.ts';
export { buildModel, families, registerFamily, taskOf } from './registry.ts';
export { readTensors, type SavedModel, saveModel } from './save.ts';
export * from './types.ts';
