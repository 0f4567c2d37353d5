/**
 * The graphics device of onnxruntime can go away at any time: another program resets the card, the browser ends its GPU
 * process. onnxruntime does not say so in every case, so whoever waits for it waits for the device's own word as well.
 */
import { DeviceError } from '../../core/index.ts';
import type { OnnxWeb } from '../../platform/browser/index.ts';

const watched = new WeakMap<object, Promise<never>>();

/** Rejects with a DeviceError `device_lost` when the device is gone; never resolves. */
export async function watchDevice(ort: OnnxWeb): Promise<{ readonly lost: Promise<never> } | undefined> {
  const device = (await ort.env.webgpu.device) as unknown as GPUDevice | undefined;
  if (!device) return undefined;
  let lost = watched.get(device);
  if (!lost) {
    lost = device.lost.then(({ reason, message }) => {
      throw new DeviceError({
        code: 'device_lost',
        expected: 'the WebGPU device to stay',
        received: `its loss (${reason || 'unknown'})${message ? `: ${message.slice(0, 200)}` : ''}`,
        fix: 'try again, with device="wasm" if it happens again',
      });
    });
    lost.catch(() => undefined);
    watched.set(device, lost);
  }
  return { lost };
}
