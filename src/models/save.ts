/**
 * A model as the files of a Hugging Face repository: `config.json`, `model.safetensors`,
 * `preprocessor_config.json`. Python's `from_pretrained` and transformers.js read them as they are.
 */
import { type TensorToWrite, writeSafetensors } from '../formats/safetensors/index.ts';
import type { Module } from '../nn/index.ts';
import type { LoadedModel } from './pretrained.ts';

/** Every parameter and buffer read back from the device, by name, as safetensors stores them. */
export async function readTensors(module: Module): Promise<Map<string, TensorToWrite>> {
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, parameter] of module.tensors()) {
    const data = Float32Array.from(await parameter.value.data());
    tensors.set(name, { shape: parameter.shape, data, dtype: parameter.dtype });
  }
  return tensors;
}

export interface SavedModel {
  readonly 'config.json': string;
  readonly 'model.safetensors': Uint8Array;
  readonly 'preprocessor_config.json': string;
}

/**
 * @param tensors the weights to store instead of the model's own (averaged ones), from `readTensors`.
 */
export async function saveModel(
  { model, family, config, processorConfig }: Omit<LoadedModel, 'report' | 'classes'>,
  tensors?: ReadonlyMap<string, TensorToWrite>,
): Promise<SavedModel> {
  const saved: Record<string, unknown> = { ...(family.savedConfig?.(config) ?? config) };
  // Weights are stored as float32, whatever the checkpoint was.
  for (const field of ['torch_dtype', 'dtype']) if (saved[field] != null) saved[field] = 'float32';
  const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  return {
    'config.json': text(saved),
    'model.safetensors': writeSafetensors(tensors ?? (await readTensors(model))),
    'preprocessor_config.json': text(processorConfig),
  };
}
