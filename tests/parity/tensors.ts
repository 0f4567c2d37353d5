/**
 * Tensors of a reference case as plain numbers in double precision: the reader of the kit makes float32 of
 * everything, while metrics and optimisers have float64 references. int64 becomes numbers (labels, counts: small).
 */
import { type ParityCase, readBytes } from './case.ts';

export interface PlainTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const readers: Record<string, { bytes: number; read(view: DataView, at: number): number }> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

export async function readTensors(parityCase: ParityCase, file: string): Promise<Map<string, PlainTensor>> {
  const bytes = await readBytes(parityCase, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, PlainTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const reader = readers[entry.dtype];
    if (!reader) throw new Error(`${file}: ${name} has dtype ${entry.dtype}, which no metric case uses`);
    const start = 8 + headerLength + entry.data_offsets[0];
    const count = (entry.data_offsets[1] - entry.data_offsets[0]) / reader.bytes;
    const data = Float64Array.from({ length: count }, (_, i) => reader.read(view, start + i * reader.bytes));
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}

/** Row `index` of a matrix. */
export function row(tensor: PlainTensor, index: number): Float64Array {
  const width = tensor.shape[1]!;
  return tensor.data.subarray(index * width, (index + 1) * width);
}
