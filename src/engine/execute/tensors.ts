/** TensorFlow.js' tensors as contents of parameters: where their memory is, and copying from it. */
import type { PlanValue } from '../compile/types.ts';
import * as tf from '../tf.ts';
import { bytesOf } from './numbers.ts';
import type { Place } from './readback.ts';

export type TensorLike = Pick<tf.Tensor, 'dataId' | 'shape' | 'dtype'>;

export const isTensor = (given: object): given is TensorLike => 'dataId' in given;

/** The members of TensorFlow.js' backend that are used here; the version is pinned because of them. */
interface WebgpuBackend {
  readonly device: GPUDevice;
  readonly tensorMap: { get(id: object): { resource: GPUBuffer } };
  readonly commandEncoder: GPUCommandEncoder | null;
  uploadToGPU(id: object): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** Submits what TensorFlow.js has collected and not submitted: it comes before what is submitted next. */
export function flush(backend: WebgpuBackend): void {
  if (!backend.commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

/** Copies a tensor on TensorFlow.js' webgpu backend into a value of a plan. */
export function copyTensor(
  tensor: TensorLike,
  device: GPUDevice,
  to: Place,
  value: PlanValue,
  name: string,
): void {
  if (tensor.shape.join() !== value.shape.join() || tensor.dtype !== value.dtype)
    throw new Error(
      `${name} is ${value.dtype} [${value.shape}] in the plan, not ${tensor.dtype} [${tensor.shape}]`,
    );
  const backend = tf.backend() as unknown as WebgpuBackend;
  if (backend.device !== device) throw new Error(`${name} is a tensor of another device`);
  if (value.storage === 'f16') throw new Error(`${name} is stored as f16: give it as numbers`);
  backend.uploadToGPU(tensor.dataId);
  flush(backend);
  const encoder = device.createCommandEncoder();
  const { resource } = backend.tensorMap.get(tensor.dataId);
  encoder.copyBufferToBuffer(resource, 0, to.buffer, to.offset, bytesOf(value));
  device.queue.submit([encoder.finish()]);
}
