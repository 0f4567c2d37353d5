/** safetensors: Hugging Face's format of weights. Single files and shards in, single files out. */
export { floatToBfloat16, toFloat32 } from './elements.ts';
export type { Dtype } from './header.ts';
export {
  memorySource,
  openSafetensors,
  openShards,
  type RangeSource,
  type TensorFile,
  type TensorInfo,
} from './reader.ts';
export { type TensorToWrite, type WritableDtype, writeSafetensors } from './writer.ts';
