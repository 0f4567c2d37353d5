/**
 * Running an ONNX model, the same in Node (`onnxruntime-node`) and in a browser (`onnxruntime-web`): both speak
 * the interface of `onnxruntime-common`, so only the import and the names of the providers differ.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';

export type OnnxDtype = 'float32' | 'int64' | 'int32' | 'uint8' | 'bool' | 'float16';

export interface OnnxArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
  readonly dtype: OnnxDtype;
}

/** What a model takes or gives; a dimension is a number, or the name of one that varies. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxSession {
  /** `cpu`, `webgpu`, `wasm`. */
  readonly provider: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  run(inputs: Readonly<Record<string, OnnxArray>>): Promise<Record<string, OnnxArray>>;
  dispose(): Promise<void>;
}

export type OnnxDevice = 'cpu' | 'webgpu' | 'wasm';

/** Opens a model of one file. Throws what the runtime says when it refuses the model or has no such device. */
export type OpenOnnxSession = (
  model: Uint8Array,
  options: { readonly device: OnnxDevice; readonly threads?: number },
) => Promise<OnnxSession>;

/** The part of `onnxruntime-common` that a session needs. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: Tensor.Type, data: Tensor.DataType, dims: readonly number[]) => Tensor;
}

export async function openWith(
  runtime: OnnxRuntime,
  model: Uint8Array,
  device: OnnxDevice,
  threads?: number,
): Promise<OnnxSession> {
  const session = await runtime.InferenceSession.create(model, {
    executionProviders: [device],
    // Warnings about fp16 or constant folding are of no use to someone who runs a model, and errors are thrown with what they say.
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  });
  return {
    provider: device,
    inputs: ports(session.inputMetadata),
    outputs: ports(session.outputMetadata),
    async run(inputs) {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, { data, dtype, shape }]) => [
          name,
          new runtime.Tensor(dtype, data as Tensor.DataType, shape),
        ]),
      );
      const results = await session.run(feeds);
      const arrays: Record<string, OnnxArray> = {};
      for (const [name, value] of Object.entries(results)) {
        const tensor = value as Tensor;
        const data = (await tensor.getData()) as OnnxArray['data'];
        arrays[name] = { data, dtype: tensor.type as OnnxDtype, shape: [...tensor.dims] };
      }
      return arrays;
    },
    dispose: () => session.release(),
  };
}

function ports(metadata: readonly InferenceSession.ValueMetadata[]): OnnxPort[] {
  return metadata.map((port) =>
    port.isTensor
      ? { name: port.name, dtype: port.type, shape: port.shape }
      : { name: port.name, dtype: 'unknown', shape: [] },
  );
}
