/** ONNX files: from objects to bytes and back; what the objects mean is told by the export. */
export { decodeOnnx, encodeOnnx } from './codec.ts';
export { externalFiles } from './external.ts';
export { finiteHalf, finiteHalves } from './half.ts';
export {
  AttributeType,
  DataType,
  type OnnxAttribute,
  type OnnxDimension,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './schema.ts';
export { WireMessage } from './wire.ts';
