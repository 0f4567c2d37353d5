/** The forward pass by our own engine, for folders without an ONNX file. Opens the device and ends it. */
import { type Device, type DeviceChoice, openDevice } from '../engine/index.ts';
import { fromPretrained, type LoadedModel } from '../models/index.ts';
import { ModelForward } from './model-forward.ts';
import type { Runtime } from './types.ts';

export async function openEngineRuntime(
  place: string,
  choice: DeviceChoice,
  signal?: AbortSignal,
): Promise<Runtime> {
  const device = await openDevice(choice);
  try {
    const loaded = await fromPretrained(place, signal ? { signal } : {});
    const runtime = loadedRuntime(device, loaded);
    return {
      ...runtime,
      async dispose() {
        await runtime.dispose();
        loaded.model.dispose();
        await device.dispose();
      },
    };
  } catch (error) {
    await device.dispose();
    throw error;
  }
}

/** A model that is loaded already, on the device that is open; disposing of it leaves both alone. */
export function loadedRuntime(device: Device, { model }: LoadedModel): Runtime {
  const forward = new ModelForward(device, model, (reason) => {
    console.warn(`predictions are not compiled and run kernel by kernel, which is slower: ${reason}`);
  });
  return {
    description: `ocelli ${device.description}`,
    run: (batch) => forward.run(batch),
    dispose: async () => forward.dispose(),
  };
}
