/** Elements of any stored type as float32, and the integers as what they are. Files are little endian. */
import { fromHalf } from '../../core/index.ts';
import type { Dtype } from './header.ts';

/** The bytes at an offset that a typed array accepts; copied only when they lie askew. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/** Of this machine: then the bytes of a file are its numbers. */
export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

type Reader = (view: DataView, offset: number) => number;

const readers: Readonly<Record<Dtype, { size: number; read: Reader }>> = {
  BOOL: { size: 1, read: (view, at) => view.getUint8(at) },
  U8: { size: 1, read: (view, at) => view.getUint8(at) },
  I8: { size: 1, read: (view, at) => view.getInt8(at) },
  F8_E4M3: { size: 1, read: (view, at) => e4m3(view.getUint8(at)) },
  F8_E5M2: { size: 1, read: (view, at) => fromHalf(view.getUint8(at) << 8) },
  I16: { size: 2, read: (view, at) => view.getInt16(at, true) },
  U16: { size: 2, read: (view, at) => view.getUint16(at, true) },
  F16: { size: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  BF16: { size: 2, read: (view, at) => bitsToFloat(view.getUint16(at, true) << 16) },
  I32: { size: 4, read: (view, at) => view.getInt32(at, true) },
  U32: { size: 4, read: (view, at) => view.getUint32(at, true) },
  F32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  F64: { size: 8, read: (view, at) => view.getFloat64(at, true) },
  I64: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  U64: { size: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
};

/** Values rounded to float32 (integers above 2^24 and float64 lose digits). A view of `bytes` where it can be. */
export function toFloat32(dtype: Dtype, bytes: Uint8Array): Float32Array {
  if (dtype === 'F32' && littleEndian) {
    const from = aligned(bytes, 4);
    return new Float32Array(from.buffer as ArrayBuffer, from.byteOffset, from.length / 4);
  }
  return convert(dtype, bytes, (length) => new Float32Array(length));
}

/** Values as doubles: exact for every type but 64-bit integers above 2^53. */
export function toFloat64(dtype: Dtype, bytes: Uint8Array): Float64Array {
  return convert(dtype, bytes, (length) => new Float64Array(length));
}

function convert<Out extends Float32Array | Float64Array>(
  dtype: Dtype,
  bytes: Uint8Array,
  make: (length: number) => Out,
): Out {
  const { size, read } = readers[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = make(bytes.length / size);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * size);
  return values;
}

const scratch = new DataView(new ArrayBuffer(4));

function bitsToFloat(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

/** Eight bits, bias 7, no infinities (OCP's E4M3). */
function e4m3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> 3) & 0xf;
  const fraction = byte & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}

/** float32 to bfloat16, to the nearest even. */
export function floatToBfloat16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
