export { decodeOnnx, encodeOnnx } from './codec.ts';
export { fromHalfBits, toHalf, toHalfBits } from './half.ts';
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
