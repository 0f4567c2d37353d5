/** The tensors of a run, from the device to the host and back: what a checkpoint keeps, by name. */
import { CheckpointError } from '../core/index.ts';
import { tf } from '../engine/index.ts';
import type { Module } from '../nn/index.ts';
import type { StepDevice } from './types.ts';

/** A tensor on the host; `dtype` is that on disk. */
export interface HostTensor {
  readonly dtype: 'F32' | 'I64';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
export type HostTensors = ReadonlyMap<string, HostTensor>;

/** Parameters and buffers of a model, by their Hugging Face names. */
export async function readModel(model: Module, device: StepDevice): Promise<HostTensors> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, { value, shape, dtype }] of model.tensors()) {
    tensors.set(name, { dtype, shape, data: Float32Array.from(await device.read(value)) });
  }
  return tensors;
}

/** Named variables: optimiser slots, weight averages. */
export async function readVariables(
  variables: Iterable<[name: string, tensor: tf.Tensor]>,
  device: StepDevice,
): Promise<HostTensors> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of variables) {
    const data = Float32Array.from(await device.read(tensor));
    tensors.set(name, { dtype: 'F32', shape: tensor.shape, data });
  }
  return tensors;
}

/** Writes weights and buffers into a model that was built from the same recipe. */
export function restoreModel(model: Module, tensors: HostTensors): void {
  for (const [name, parameter] of model.tensors()) {
    const saved = tensors.get(name);
    if (saved?.data.length !== parameter.size) {
      throw new CheckpointError({
        code: 'checkpoint_mismatch',
        expected: `${name} [${parameter.shape}] in the checkpoint`,
        received: saved ? `[${saved.shape}]` : 'nothing of that name',
        fix: 'resume with the recipe that the run was started with',
      });
    }
    if (parameter.isMaterialized) {
      tf.tidy(() => parameter.value.assign(tf.tensor(saved.data, [...parameter.shape], 'float32')));
    } else {
      parameter.set(saved.data);
    }
  }
}

export function hostValues(tensors: HostTensors): ReadonlyMap<string, Float32Array> {
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}
