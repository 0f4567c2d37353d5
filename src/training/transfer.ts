/** Batches and targets to the device, outputs back to the host. */
import type { Batch } from '../data/index.ts';
import { tf } from '../engine/index.ts';
import type { HostArrays, HostOutputs, ModelOutputs } from '../tasks/index.ts';
import type { StepDevice, TrainableModel } from './types.ts';

/** `pixel_values` [batch, 3, height, width] and, for models that take it, `pixel_mask` [batch, height, width]. */
export function uploadImages(
  batch: Batch,
  model: TrainableModel,
): { pixel_values: tf.Tensor; pixel_mask?: tf.Tensor } {
  const [count, , height, width] = batch.shape;
  const pixel_values = tf.tensor4d(batch.pixelValues, [...batch.shape]);
  if (!model.takesPixelMask) return { pixel_values };
  return {
    pixel_values,
    pixel_mask: tf.tensor3d(Float32Array.from(batch.pixelMask), [count, height, width], 'float32'),
  };
}

export function uploadTargets(arrays: HostArrays): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
    ]),
  );
}

/** All outputs, read at once. */
export async function readOutputs(outputs: ModelOutputs, device: StepDevice): Promise<HostOutputs> {
  const entries = Object.entries(outputs).map(async ([name, tensor]) => {
    const data = Float32Array.from(await device.read(tensor));
    return [name, { shape: tensor.shape, data }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
