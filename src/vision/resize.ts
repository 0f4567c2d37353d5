/**
 * Pillow's resize of 8-bit images, to the last bit.
 *
 * Separable convolution with the weights of taps.ts; the horizontal pass is rounded to 8 bits before the
 * vertical pass sees it, and a pass whose size stays is left out. This is the hot path of the image loader:
 * RGB goes through vector kernels (kernels/resize.wat), and `resample` says the same plainly and serves every
 * other number of channels. Nearest has arithmetic of its own (nearest.ts).
 *
 * Measured by `npm run bench -- images`.
 */
import { DataError, type Raster, type Size } from '../core/index.ts';
import { packWeights, resizeRgb } from './kernels/resize.ts';
import { resizeNearest } from './nearest.ts';
import { type Filter, precisionBits, type Taps, tapsFor } from './taps.ts';

/** An RGB image in another size. */
export function resize(image: Raster, { height, width }: Size, filter: Filter): Raster {
  return { height, width, data: resizeBytes(image.data, image, 3, { height, width }, filter) };
}

/** Bytes with interleaved channels in another size; the input itself where the size stays. */
export function resizeBytes(
  data: Uint8Array,
  from: Size,
  channels: number,
  to: Size,
  filter: Filter,
): Uint8Array {
  if (!(to.height > 0 && to.width > 0 && from.height > 0 && from.width > 0)) {
    throw new DataError({
      code: 'empty_image',
      expected: 'an image and a target of at least one pixel on each side',
      received: `${from.height} x ${from.width} to ${to.height} x ${to.width}`,
      fix: 'remove the image: its shape is too extreme for the size that the processor asks for',
    });
  }
  if (to.height === from.height && to.width === from.width) return data;
  if (filter === 'nearest') return resizeNearest(data, from, channels, to);
  const across = to.width === from.width ? undefined : tapsFor(from.width, to.width, filter);
  const down = to.height === from.height ? undefined : tapsFor(from.height, to.height, filter);
  if (channels === 3) {
    const line = to.width * 3;
    const result = resizeRgb(data, from, to, across && packed(across, 3), down && packed(down, line));
    if (result) return result;
  }
  const narrow = across ? resample(data, from.height, across, channels) : data;
  return down ? resample(narrow, 1, down, to.width * channels) : narrow;
}

/** The weights as the kernels read them; `unit` is a source position in bytes. */
function packed(taps: Taps, unit: number): Int32Array {
  const known = taps.packed.get(unit);
  if (known) return known;
  const words = packWeights(taps, unit);
  taps.packed.set(unit, words);
  return words;
}

/**
 * One pass over an array [outer, positions, inner] of bytes: along rows with the channels inside, along
 * columns with whole lines inside.
 */
export function resample(data: Uint8Array, outer: number, taps: Taps, inner: number): Uint8Array {
  const { input, starts, lengths, weights, stride } = taps;
  const output = starts.length;
  const result = new Uint8ClampedArray(outer * output * inner);
  for (let block = 0, o = 0; block < outer; block++) {
    for (let i = 0; i < output; i++) {
      const first = (block * input + starts[i]!) * inner;
      const length = lengths[i]!;
      for (let k = 0; k < inner; k++) {
        let sum = 1 << (precisionBits - 1);
        for (let j = 0; j < length; j++) {
          sum = (sum + Math.imul(weights[i * stride + j]!, data[first + j * inner + k]!)) | 0;
        }
        result[o++] = sum >> precisionBits;
      }
    }
  }
  return new Uint8Array(result.buffer);
}
