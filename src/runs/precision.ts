/** What `training.precision: fp16` needs of a device, asked before anything is loaded. */
import type { Recipe } from '../config/index.ts';
import { DeviceError } from '../core/index.ts';
import type { Device } from '../engine/index.ts';

export function requirePrecision({ training }: Recipe, device: Device): void {
  if (training.precision !== 'fp16') return;
  if (!device.prepare) {
    throw refused(
      `${device.description}, where steps run kernel by kernel in fp32`,
      'set training.precision to fp32, or train on WebGPU (--device webgpu, without OCELLI_EAGER; `ocelli doctor` says whether there is an adapter)',
    );
  }
  if (!device.features.includes('shader-f16')) {
    throw refused(
      `${device.description}, whose adapter does not offer shader-f16`,
      'set training.precision to fp32, or use an adapter with shader-f16 (`ocelli doctor` lists features); training.checkpoint_activations saves memory as well',
    );
  }
}

function refused(received: string, fix: string): DeviceError {
  return new DeviceError({
    code: 'no_half_precision',
    expected: 'a device that computes in half precision, for training.precision=fp16',
    received,
    fix,
  });
}
