/**
 * Failures of the device, told so that one knows what to do. Backends report memory in many voices: WebGPU by
 * an event long after the call, Dawn by a RangeError when it cannot map, WebAssembly by a trap or a null
 * pointer, V8 by "Array buffer allocation failed".
 */
import { DeviceError } from '../core/index.ts';

const memoryAdvice =
  'lower data.batch_size and raise training.accumulate_grad_batches by as much (same training, less memory), or use smaller images (model.image_size)';

export function outOfMemory(received: string, cause?: unknown): DeviceError {
  return new DeviceError({
    code: 'out_of_memory',
    expected: 'a step that fits into the memory of the device',
    received,
    fix: memoryAdvice,
    cause,
  });
}

/** Of what WebGPU says the first line: calls and places in the driver's sources follow, which help nobody here. */
export function deviceOutOfMemory(message: string): DeviceError {
  return outOfMemory(`the device ran out of memory (${message.trim().split('\n')[0]})`);
}

/** The same error where the batch can't be computed in smaller parts any more: a smaller batch would not help. */
export function noImageFits(error: DeviceError): DeviceError {
  return new DeviceError({
    code: 'out_of_memory',
    expected: 'a device whose memory holds a step of one image',
    received: error.received,
    fix: 'use smaller images (model.image_size) or a smaller model, or recompute activations on WebGPU (training.checkpoint_activations: true)',
    cause: error,
  });
}

export function deviceLost(received: string, cause?: unknown): DeviceError {
  return new DeviceError({
    code: 'device_lost',
    expected: 'a device that stays until the run ends',
    received: `the device was lost: ${received}`,
    fix: 'continue from the last checkpoint with --resume; if it happens again, update the graphics driver or lower data.batch_size (drivers reset a GPU that works too long on one submission)',
    cause,
  });
}

export function deviceRejected(message: string): DeviceError {
  return new DeviceError({
    code: 'device_error',
    expected: 'work that the device accepts',
    received: message.trim(),
    fix: 'report it with the output of `ocelli doctor`; until then --device wasm works without a GPU',
  });
}

const memoryMessages =
  /out of memory|out_of_memory|array buffer allocation failed|cannot enlarge memory|aborted\(oom\)|invalid typed array length|memory access out of bounds/i;

/** The DeviceError behind anything that tensor work threw; whatever has another cause is returned as it is. */
export function asDeviceError(error: unknown): unknown {
  if (error instanceof DeviceError || !(error instanceof Error)) return error;
  return memoryMessages.test(error.message) ? outOfMemory(error.message, error) : error;
}
