/**
 * ONNX objects to bytes and back, by protobufjs. Everything sits in one file: protocol buffers end at 2 GiB, so
 * a larger model is refused here and not written broken.
 */
import protobuf from 'protobufjs';
import { CheckpointError } from '../../core/index.ts';
import { type OnnxModel, onnxProto } from './schema.ts';

const largestFile = 2 ** 31 - 1;
let modelType: protobuf.Type | undefined;

function type(): protobuf.Type {
  modelType ??= protobuf.parse(onnxProto, { keepCase: false }).root.lookupType('onnx.ModelProto');
  return modelType;
}

export function encodeOnnx(model: OnnxModel): Uint8Array {
  const weights = model.graph.initializer.reduce((bytes, tensor) => bytes + tensor.rawData.byteLength, 0);
  if (weights > largestFile - 2 ** 24) {
    throw new CheckpointError({
      code: 'onnx_too_large',
      expected: 'weights below 2 GiB, the most that one ONNX file holds',
      received: `${(weights / 2 ** 30).toFixed(2)} GiB`,
      fix: 'export with --dtype fp16, or use the safetensors of the Hugging Face folder',
    });
  }
  return type().encode(type().fromObject(model)).finish();
}

/** Reads what `encodeOnnx` writes and any other single-file ONNX model, apart from fields outside the schema. */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  try {
    const message = type().decode(bytes);
    return type().toObject(message, { longs: Number, arrays: true, objects: true }) as OnnxModel;
  } catch (cause) {
    throw new CheckpointError({
      code: 'onnx_unreadable',
      expected: 'an ONNX file (a protocol buffer of type onnx.ModelProto)',
      received: `${bytes.byteLength} bytes that do not parse: ${cause instanceof Error ? cause.message : String(cause)}`,
      fix: 'download or export the file again',
      cause,
    });
  }
}
