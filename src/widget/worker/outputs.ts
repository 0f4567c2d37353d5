/** Between batches, ONNX tensors and the arrays that decoding takes. */
import { CheckpointError, fromHalf } from '../../core/index.ts';
import { finiteHalves } from '../../formats/onnx/index.ts';
import type { OnnxWeb } from '../../platform/browser/index.ts';
import type { HostOutputs } from '../../tasks/decoding/index.ts';
import { type ProcessedBatch, stretchMask } from '../../vision/index.ts';

export type Session = Awaited<ReturnType<OnnxWeb['InferenceSession']['create']>>;
/** A row of `executionProviders`. */
export type Provider = NonNullable<
  NonNullable<Parameters<OnnxWeb['InferenceSession']['create']>[1]>['executionProviders']
>[number];
export type Feeds = Parameters<Session['run']>[0];
type OnnxTensor = Feeds[string];

export interface Port {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

export function portsOf(metadata: Session['inputMetadata']): Port[] {
  return metadata.map((port) =>
    port.isTensor
      ? { name: port.name, dtype: port.type, shape: port.shape }
      : { name: port.name, dtype: 'no tensor', shape: [] },
  );
}

/** A model's input as plain data, in the type that its file asks for. */
export type InputArray =
  | { readonly dtype: 'float32'; readonly data: Float32Array }
  | { readonly dtype: 'float16'; readonly data: Uint16Array }
  | { readonly dtype: 'int64'; readonly data: BigInt64Array }
  | { readonly dtype: 'bool'; readonly data: Uint8Array };

export interface NamedInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly array: InputArray;
}

/** @throws CheckpointError `onnx_inputs_unknown` where the file asks for something else */
export function inputsOf(batch: ProcessedBatch, ports: readonly Port[]): NamedInput[] {
  return ports.map((port): NamedInput => {
    const { name, dtype } = port;
    if (name === 'pixel_values' && (dtype === 'float32' || dtype === 'float16')) {
      const data = batch.pixelValues;
      const array: InputArray = dtype === 'float32' ? { dtype, data } : { dtype, data: finiteHalves(data) };
      return { name, shape: batch.shape, array };
    }
    if (name === 'pixel_mask' && (dtype === 'int64' || dtype === 'bool')) {
      const { data, shape } = maskOf(batch, port);
      return { name, shape, array: dtype === 'bool' ? { dtype, data } : { dtype, data: toLong(data) } };
    }
    throw new CheckpointError({
      code: 'onnx_inputs_unknown',
      expected: 'an ONNX model that takes pixel_values, and pixel_mask where it needs one',
      received: `the input ${name} (${dtype})`,
      fix: 'export the model again with ocelli export',
    });
  });
}

/** 1 = picture, 0 = padding: in the size of the batch, or in the one that the file asks for. */
function maskOf(
  { pixelMask, shape: [images, , height, width] }: ProcessedBatch,
  { shape }: Port,
): { readonly data: Uint8Array; readonly shape: readonly number[] } {
  const sizeAt = (axis: number, otherwise: number): number => {
    const size = shape[axis];
    return typeof size === 'number' && size > 0 ? size : otherwise;
  };
  const size = { height: sizeAt(1, height), width: sizeAt(2, width) };
  const data = pixelMask
    ? stretchMask(pixelMask, { height, width }, size)
    : new Uint8Array(images * size.height * size.width).fill(1);
  return { data, shape: [images, size.height, size.width] };
}

/** Nearly all are 1, and a large integer each would cost as much as a small model. */
function toLong(mask: Uint8Array): BigInt64Array {
  const result = new BigInt64Array(mask.length).fill(1n);
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) result[i] = 0n;
  return result;
}

/** Whether our own path knows all inputs and finds its outputs. */
export function isKnown(
  inputs: readonly Port[],
  outputs: readonly Port[],
  wanted: readonly string[],
): boolean {
  const types: Readonly<Record<string, readonly string[]>> = {
    pixel_values: ['float32', 'float16'],
    pixel_mask: ['int64', 'bool'],
  };
  const fits = inputs.every(({ name, dtype }) => types[name]?.includes(dtype));
  const names = outputs.map(({ name }) => name);
  return (
    fits && inputs.some(({ name }) => name === 'pixel_values') && wanted.every((name) => names.includes(name))
  );
}

export function feedsOf(ort: OnnxWeb, inputs: readonly NamedInput[]): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, shape, array }) => [
      name,
      new ort.Tensor(array.dtype, array.data as Float32Array, shape),
    ]),
  ) as Feeds;
}

/** float32 numbers of an output, wherever they are. */
export async function floatsOf(name: string, tensor: OnnxTensor): Promise<HostOutputs[string]> {
  const data = await tensor.getData();
  return { shape: [...tensor.dims], data: asFloats(name, tensor.type, data) };
}

export function asFloats(name: string, dtype: string, data: unknown): Float32Array {
  if (dtype === 'float32' && data instanceof Float32Array) return data;
  if (dtype === 'float16') {
    if (data instanceof Uint16Array) return Float32Array.from(data, fromHalf);
    // Browsers that have Float16Array give that.
    return Float32Array.from(data as ArrayLike<number>);
  }
  throw new CheckpointError({
    code: 'onnx_output_type',
    expected: `float32 or float16 numbers in the output ${name}`,
    received: dtype,
    fix: 'export the model again with ocelli export',
  });
}
