/** The forward pass by our own engine, for folders without an ONNX file. Opens the device and ends it. */
import { type Device, type DeviceChoice, openDevice, requireHalfPrecision } from '../engine/index.ts';
import { type DownloadListener, fromPretrained, type LoadedModel } from '../models/index.ts';
import { ModelForward } from './model-forward.ts';
import type { OnWarning, Runtime } from './types.ts';

export interface EngineRuntimeOptions {
  /** fp32 */
  readonly precision?: 'fp32' | 'fp16' | undefined;
  readonly onWarning?: OnWarning | undefined;
}

export async function openEngineRuntime(
  place: string,
  choice: DeviceChoice,
  {
    signal,
    onDownload,
    ...options
  }: EngineRuntimeOptions & {
    readonly signal?: AbortSignal | undefined;
    readonly onDownload?: DownloadListener | undefined;
  } = {},
): Promise<Runtime> {
  const device = await openDevice(choice);
  try {
    const loaded = await fromPretrained(place, { signal, onProgress: onDownload });
    const runtime = loadedRuntime(device, loaded, options);
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
export function loadedRuntime(
  device: Device,
  { model }: LoadedModel,
  { precision = 'fp32', onWarning }: EngineRuntimeOptions = {},
): Runtime {
  if (precision === 'fp16') requireHalfPrecision(device, 'predictions in fp16', 'predict in fp32');
  const forward = new ModelForward(
    device,
    model,
    (reason) =>
      onWarning?.({
        code: 'predictions_not_compiled',
        message: `predictions are not compiled and run kernel by kernel in fp32, which is slower: ${reason}`,
      }),
    precision,
  );
  return {
    description: `ocelli ${device.description}${precision === 'fp16' ? ' in fp16' : ''}`,
    run: (batch) => forward.run(batch),
    dispose: async () => forward.dispose(),
  };
}
