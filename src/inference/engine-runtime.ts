/** The forward pass by our own engine, for folders without an ONNX file. Opens the device and ends it. */
import { type Device, type DeviceChoice, openDevice, tf } from '../engine/index.ts';
import { fromPretrained, type LoadedModel } from '../models/index.ts';
import type { HostOutputs } from '../tasks/index.ts';
import type { ModelBatch, Runtime } from './types.ts';

export async function openEngineRuntime(
  place: string,
  choice: DeviceChoice,
  signal?: AbortSignal,
): Promise<Runtime> {
  const device = await openDevice(choice);
  try {
    const loaded = await fromPretrained(place, signal ? { signal } : {});
    return {
      description: `ocelli ${device.description}`,
      run: (batch) => runModel(device, loaded, batch),
      async dispose() {
        loaded.model.dispose();
        await device.dispose();
      },
    };
  } catch (error) {
    await device.dispose();
    throw error;
  }
}

/** Outputs of a model that is loaded already, on the device that is open. */
export async function runModel(
  device: Device,
  { model }: LoadedModel,
  batch: ModelBatch,
): Promise<HostOutputs> {
  const [images, , height, width] = batch.shape;
  const outputs = tf.tidy(() => {
    const pixelValues = tf.tensor4d(batch.pixelValues, [...batch.shape]);
    const mask = batch.pixelMask ?? new Uint8Array(images * height * width).fill(1);
    const pixelMask = model.takesPixelMask
      ? { pixel_mask: tf.tensor3d(Float32Array.from(mask), [images, height, width]) }
      : {};
    return { ...model.forward({ pixel_values: pixelValues, ...pixelMask }, { training: false }) };
  });
  const host: Record<string, { shape: number[]; data: Float32Array }> = {};
  try {
    for (const [name, tensor] of Object.entries(outputs)) {
      host[name] = { shape: tensor.shape, data: (await device.read(tensor)) as Float32Array };
    }
  } finally {
    tf.dispose(outputs);
  }
  return host;
}
