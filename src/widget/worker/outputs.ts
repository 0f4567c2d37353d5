/** Between batches, ONNX tensors and the arrays that decoding takes. */
import { CheckpointError, fromHalf } from '../../core/index.ts';
import { finiteHalves } from '../../formats/onnx/index.ts';
import type { OnnxWeb } from '../../platform/browser/index.ts';
import type { HostOutputs } from '../../tasks/decoding/index.ts';
import type { ProcessedBatch } from '../../vision/index.ts';

export type Session = Awaited<ReturnType<OnnxWeb['InferenceSession']['create']>>;
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
  const [images, , height, width] = batch.shape;
  return ports.map(({ name, dtype }): NamedInput => {
    if (name === 'pixel_values' && (dtype === 'float32' || dtype === 'float16')) {
      const data = batch.pixelValues;
      const array: InputArray = dtype === 'float32' ? { dtype, data } : { dtype, data: finiteHalves(data) };
      return { name, shape: batch.shape, array };
    }
    const shape = [images, height, width];
    if (name === 'pixel_mask' && dtype === 'int64') {
      const data = new BigInt64Array(images * height * width).fill(1n);
      batch.pixelMask?.forEach((value, i) => {
        data[i] = BigInt(value);
      });
      return { name, shape, array: { dtype, data } };
    }
    if (name === 'pixel_mask' && dtype === 'bool') {
      const data = batch.pixelMask ?? new Uint8Array(images * height * width).fill(1);
      return { name, shape, array: { dtype, data } };
    }
    throw new CheckpointError({
      code: 'onnx_inputs_unknown',
      expected: 'an ONNX model that takes pixel_values, and pixel_mask where it needs one',
      received: `the input ${name} (${dtype})`,
      fix: 'export the model again with ocelli export',
    });
  });
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
