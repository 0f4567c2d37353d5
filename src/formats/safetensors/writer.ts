/**
 * Writes a safetensors file as the reference implementation does: the header's JSON without spaces, padded with
 * spaces so that the data begins at a multiple of eight, tensors by falling alignment and then by name.
 */
import { toHalf } from '../../core/index.ts';
import { floatToBfloat16, littleEndian } from './elements.ts';
import { elementSizes } from './header.ts';

export type WritableDtype = 'F32' | 'F16' | 'BF16' | 'F64' | 'I64' | 'I32' | 'U8';

export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** How it is stored (F32). */
  readonly dtype?: WritableDtype;
}

/** The whole file. `metadata` is what Python's `transformers` insists on. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorToWrite> | Readonly<Record<string, TensorToWrite>>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array {
  const named: [string, TensorToWrite][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const entries = named.map(([name, tensor]) => ({ name, ...tensor, dtype: tensor.dtype ?? 'F32' }));
  entries.sort(
    (a, b) =>
      elementSizes[b.dtype] - elementSizes[a.dtype] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape, data } of entries) {
    const length = shape.reduce((product, size) => product * size, 1);
    if (length !== data.length) {
      throw new Error(`${name} has ${data.length} values and the shape [${shape.join(', ')}]`);
    }
    const end = offset + length * elementSizes[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerSize = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerSize + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerSize), true);
  file.fill(0x20, 8, 8 + headerSize);
  file.set(json, 8);
  let position = 8 + headerSize;
  for (const { dtype, data } of entries) position += encode(file, position, dtype, data);
  return file;
}

/** Writes the values and returns how many bytes they took. */
function encode(file: Uint8Array, position: number, dtype: WritableDtype, data: ArrayLike<number>): number {
  const size = elementSizes[dtype];
  if (dtype === 'F32' && data instanceof Float32Array && littleEndian) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    return data.byteLength;
  }
  const view = new DataView(file.buffer, position, data.length * size);
  const write: Readonly<Record<WritableDtype, (at: number, value: number) => void>> = {
    F32: (at, value) => view.setFloat32(at, value, true),
    F64: (at, value) => view.setFloat64(at, value, true),
    F16: (at, value) => view.setUint16(at, toHalf(value), true),
    BF16: (at, value) => view.setUint16(at, floatToBfloat16(value), true),
    I64: (at, value) => view.setBigInt64(at, BigInt(Math.round(value)), true),
    I32: (at, value) => view.setInt32(at, value, true),
    U8: (at, value) => view.setUint8(at, value),
  };
  const put = write[dtype];
  for (let i = 0; i < data.length; i++) put(i * size, data[i]!);
  return data.length * size;
}
