/** The forward pass by onnxruntime. The file says what it takes: a mask goes in only where it asks for one. */
import { type OnnxArray, type OnnxDevice, type OnnxPort, openOnnxSession } from '#platform';
import { CheckpointError, DeviceError, OcelliError, ShapeError } from '../core/index.ts';
import type { HostOutputs } from '../tasks/index.ts';
import { stretchMask } from '../vision/index.ts';
import type { ModelBatch, Runtime } from './types.ts';

export async function openOnnxRuntime(model: Uint8Array, device: OnnxDevice): Promise<Runtime> {
  const session = await openOnnxSession(model, { device }).catch((cause: unknown) => {
    throw explain(cause, device);
  });
  const inputs = session.inputs.map((port) => port.name);
  const unknown = inputs.filter((name) => name !== 'pixel_values' && name !== 'pixel_mask');
  if (unknown.length > 0 || !inputs.includes('pixel_values')) {
    await session.dispose();
    throw new CheckpointError({
      code: 'onnx_inputs_unknown',
      expected: 'an ONNX model that takes pixel_values, and pixel_mask where it needs one',
      received: `inputs ${inputs.join(', ')}`,
      fix: 'export the model again with ocelli export',
    });
  }
  return {
    description: `onnxruntime on ${session.provider}`,
    async run(batch) {
      const outputs = await session.run(feeds(batch, session.inputs));
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { shape, data }]) => [
          name,
          { shape, data: asFloats(name, data) },
        ]),
      ) as HostOutputs;
    },
    dispose: () => session.dispose(),
  };
}

function feeds(batch: ModelBatch, inputs: readonly OnnxPort[]): Record<string, OnnxArray> {
  const [images, , height, width] = batch.shape;
  const arrays: Record<string, OnnxArray> = {
    pixel_values: { data: batch.pixelValues, shape: batch.shape, dtype: 'float32' },
  };
  const port = inputs.find(({ name }) => name === 'pixel_mask');
  if (port) {
    // Files of the hub have masks of a fixed size.
    const [, rows = height, columns = width] = port.shape.map((size) =>
      typeof size === 'number' && size > 0 ? size : undefined,
    );
    const mask = batch.pixelMask ?? new Uint8Array(images * height * width).fill(1);
    const data = new BigInt64Array(images * rows * columns).fill(1n);
    stretchMask(mask, { height, width }, { height: rows, width: columns }).forEach((value, i) => {
      if (value === 0) data[i] = 0n;
    });
    arrays.pixel_mask = { data, shape: [images, rows, columns], dtype: 'int64' };
  }
  return arrays;
}

function asFloats(name: string, data: OnnxArray['data']): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new ShapeError({
    code: 'onnx_output_type',
    expected: `float32 numbers in the output ${name}`,
    received: data.constructor.name,
    fix: 'export the model again with ocelli export',
  });
}

function explain(cause: unknown, device: OnnxDevice): Error {
  if (cause instanceof OcelliError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (device === 'webgpu' && /adapter|device|webgpu|dawn/i.test(message)) {
    return new DeviceError({
      code: 'no_adapter',
      expected: "a WebGPU adapter for onnxruntime's WebGPU provider",
      received: message,
      fix: 'use --device auto or cpu; ocelli doctor says what is missing',
      cause,
    });
  }
  return new CheckpointError({
    code: 'onnx_unreadable',
    expected: 'an ONNX model that onnxruntime can run',
    received: message,
    fix: 'export the model again with ocelli export',
    cause,
  });
}
