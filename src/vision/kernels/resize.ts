/**
 * The two resize passes on RGB in WebAssembly (resize.wat): about five times as fast as the same loops in
 * JavaScript. The picture, the picture between the passes, the result and the weights lie one after the other
 * in the module's memory, which grows with the largest picture and is used again for the next.
 */
import type { Size } from '../../core/index.ts';
import type { Taps } from '../taps.ts';
import { wasmBase64 } from './resize.wasm.ts';

interface Kernels {
  readonly memory: WebAssembly.Memory;
  rows(source: number, line: number, height: number, target: number, width: number, weights: number): void;
  columns(source: number, line: number, target: number, height: number, weights: number): void;
}

/** Pictures that need more than this are resized without the kernels: the memory would stay that large. */
const largestMemory = 256 * 2 ** 20;
const pageBytes = 2 ** 16;
/** The kernels read and write up to a line and a vector past the end. */
const slack = 64;

let instance: Kernels | undefined;

/** Undefined where WebAssembly has no vectors. */
function kernels(): Kernels | undefined {
  if (instance) return instance;
  const bytes = Uint8Array.from(atob(wasmBase64), (letter) => letter.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) return undefined;
  instance = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Kernels;
  return instance;
}

/** Splits weights of 23 bits into two numbers of 16 and puts taps into pairs; `unit` is a position in bytes. */
export function packWeights({ starts, lengths, weights, stride }: Taps, unit: number): Int32Array {
  const words: number[] = [];
  const pack = (first: number, second: number): number => (first & 0xffff) | (second << 16);
  for (let i = 0; i < starts.length; i++) {
    const length = lengths[i]!;
    words.push(starts[i]! * unit, Math.max(1, Math.ceil(length / 2)));
    for (let j = 0; j < Math.max(1, length); j += 2) {
      const first = weights[i * stride + j]!;
      const second = j + 1 < length ? weights[i * stride + j + 1]! : 0;
      words.push(pack(first & 0x3fff, second & 0x3fff), pack(first >> 14, second >> 14));
    }
  }
  return Int32Array.from(words);
}

/**
 * Both passes, or the one whose weights are given. Undefined when the kernels can't: no vectors here, or a
 * picture too large for them. Weights along a row are packed with unit 3, along a column with the bytes of a
 * line of the result.
 */
export function resizeRgb(
  data: Uint8Array,
  from: Size,
  to: Size,
  horizontal: Int32Array | undefined,
  vertical: Int32Array | undefined,
): Uint8Array | undefined {
  const line = to.width * 3;
  const room = (bytes: number): number => Math.ceil((bytes + line + slack) / 16) * 16;
  const narrow = room(data.length);
  const result = narrow + (horizontal ? room(from.height * line) : 0);
  const words = result + room(to.height * line);
  const end = words + 4 * ((horizontal?.length ?? 0) + (vertical?.length ?? 0));
  const ours = end <= largestMemory ? kernels() : undefined;
  if (!ours) return undefined;
  const missing = end - ours.memory.buffer.byteLength;
  if (missing > 0) ours.memory.grow(Math.ceil(missing / pageBytes));
  const bytes = new Uint8Array(ours.memory.buffer);
  const stream = new Int32Array(ours.memory.buffer, words);
  bytes.set(data);
  if (horizontal) stream.set(horizontal);
  if (vertical) stream.set(vertical, horizontal?.length ?? 0);
  const between = horizontal ? (vertical ? narrow : result) : 0;
  if (horizontal) ours.rows(0, from.width * 3, from.height, between, to.width, words);
  if (vertical) ours.columns(between, line, result, to.height, words + 4 * (horizontal?.length ?? 0));
  return bytes.slice(result, result + to.height * line);
}
