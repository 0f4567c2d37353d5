/**
 * Numbers between the host and device memory. A value's elements lie as its `storage` says: bool as u32 0 or 1,
 * and float32 in half the bytes where the plan chose f16.
 */
import { fromHalf, toHalf } from '../../core/index.ts';
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
