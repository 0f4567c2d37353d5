/**
 * Reads a case's float64 tensors as plain number arrays, for kinds whose references are computed in double
 * precision. (The kit's own reader makes float32 of everything.)
 */
import { type ParityCase, readBytes } from './case.ts';

export interface DoubleTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export async function readDoubles(
  parityCase: ParityCase,
  file: string,
): Promise<ReadonlyMap<string, DoubleTensor>> {
  const bytes = await readBytes(parityCase, file);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, DoubleTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [start, end] = entry.data_offsets;
    const slice = bytes.slice(8 + headerLength + start, 8 + headerLength + end).buffer;
    if (entry.dtype !== 'F64' && entry.dtype !== 'F32') throw new Error(`${name} is ${entry.dtype}`);
    const data = entry.dtype === 'F64' ? new Float64Array(slice) : Float64Array.from(new Float32Array(slice));
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}

/** Row `index` of a matrix. */
export function row(tensor: DoubleTensor, index: number): Float64Array {
  const width = tensor.shape[1]!;
  return tensor.data.subarray(index * width, (index + 1) * width);
}
