/** What half precision needs of a device: compiled programs, and f16 in shaders. */
import { DeviceError } from '../core/index.ts';
import type { Device } from './device.ts';

/** Throws where the device can't; `asked` says by what it was asked for, `instead` what to do without it. */
export function requireHalfPrecision(device: Device, asked: string, instead: string): void {
  if (!device.prepare) {
    throw refused(
      asked,
      `${device.description}, where everything runs kernel by kernel in fp32`,
      `${instead}, or use WebGPU (--device webgpu, without OCELLI_EAGER; \`ocelli doctor\` says whether there is an adapter)`,
    );
  }
  if (!hasHalfPrecision(device)) {
    throw refused(
      asked,
      `${device.description}, whose adapter does not offer shader-f16`,
      `${instead}, or use an adapter with shader-f16 (\`ocelli doctor\` lists features)`,
    );
  }
}

export function hasHalfPrecision({ prepare, features }: Device): boolean {
  return prepare !== undefined && features.includes('shader-f16');
}

function refused(asked: string, received: string, fix: string): DeviceError {
  return new DeviceError({
    code: 'no_half_precision',
    expected: `a device that computes in half precision, for ${asked}`,
    received,
    fix,
  });
}
