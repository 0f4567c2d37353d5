/**
 * Numbers between the host and device memory. A value's elements lie as its `storage` says: bool as u32 0 or 1,
 * and float32 in half the bytes where the plan chose f16.
 */

import type { PlanValue } from '../compile/types.ts';
import type { GraphData } from '../graph/index.ts';

/** What callers may give: as graph data, or a plain list. */
export type Numbers = GraphData | readonly number[];

export const elementsOf = (value: PlanValue): number =>
  value.shape.reduce((product, dimension) => product * dimension, 1);

/** Bytes of its elements, rounded up to the four that copies work in; at least four, since no binding is empty. */
export function bytesOf(value: PlanValue): number {
  const bytes = elementsOf(value) * (value.storage === 'f16' ? 2 : 4);
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

/** As they lie in memory, padded to `bytesOf`. */
export function encode(numbers: Numbers, value: PlanValue): Uint8Array {
  const bytes = bytesOf(value);
  const exact = numbers.length * 4 === bytes;
  if (exact && numbers instanceof Float32Array && value.storage === 'f32') return bytesIn(numbers);
  if (exact && numbers instanceof Int32Array && value.storage === 'i32') return bytesIn(numbers);
  const buffer = new ArrayBuffer(bytes);
  if (value.storage === 'f32') new Float32Array(buffer).set(numbers);
  else if (value.storage === 'i32') new Int32Array(buffer).set(numbers);
  else if (value.storage === 'u32') new Uint32Array(buffer).set(numbers);
  else {
    const halves = new Uint16Array(buffer);
    for (let i = 0; i < numbers.length; i++) halves[i] = toHalf(numbers[i]!);
  }
  return new Uint8Array(buffer);
}

/** Elements as the graph has them: Float32Array, Int32Array or, for bool, Uint8Array. A copy. */
export function decode(memory: ArrayBuffer, offset: number, value: PlanValue): GraphData {
  const length = elementsOf(value);
  if (value.storage === 'f16') return Float32Array.from(new Uint16Array(memory, offset, length), fromHalf);
  if (value.storage === 'f32') return new Float32Array(memory, offset, length).slice();
  if (value.dtype === 'bool') return Uint8Array.from(new Uint32Array(memory, offset, length));
  return new Int32Array(memory, offset, length).slice();
}

const bytesIn = (array: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** IEEE 754 binary16 of a number, rounded to nearest, ties to even. */
export function toHalf(number: number): number {
  scratch[0] = number;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: multiples of 2^-24.
    return sign | roundTiesToEven(Math.abs(scratch[0]!) * 2 ** 24);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function roundTiesToEven(number: number): number {
  const floor = Math.floor(number);
  const rest = number - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
