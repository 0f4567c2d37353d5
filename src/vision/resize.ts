/**
 * Pillow's resize of 8-bit images, to the last bit.
 *
 * Separable convolution: the filter is stretched by the scale when shrinking (antialiasing), cut at the
 * border and renormalised; its weights are integers of 22 bits, and the horizontal pass is rounded to 8 bits
 * before the vertical pass sees it. This is the hot path of the image loader, so weights are computed once
 * per pair of sizes, and the RGB passes are written out. Nearest has arithmetic of its own (nearest.ts).
 *
 * Measured by `npm run bench -- images`.
 */
import { DataError, type Raster, type Size } from '../core/index.ts';
import { resizeNearest } from './nearest.ts';

export type Filter = 'nearest' | 'lanczos' | 'bilinear' | 'bicubic' | 'box' | 'hamming';

/** PIL's numbers, as `resample` in `preprocessor_config.json` gives them. */
export const filtersByCode: readonly Filter[] = [
  'nearest',
  'lanczos',
  'bilinear',
  'bicubic',
  'box',
  'hamming',
];

interface Kernel {
  /** Half its width, in source pixels, before stretching. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** Keys' cubic with a = -0.5, as Pillow (torch and OpenCV take -0.75). */
function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

/** Pillow writes these two as float constants. */
const hammingBase = Math.fround(0.54);
const hammingSwing = Math.fround(0.46);

const kernels: Readonly<Record<Exclude<Filter, 'nearest'>, Kernel>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => {
      const t = Math.abs(x);
      if (t === 0) return 1;
      return t >= 1 ? 0 : sinc(t) * (hammingBase + hammingSwing * Math.cos(t * Math.PI));
    },
  },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** For each output position along one axis: the first source position, how many, and their weights. */
interface Taps {
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** [outputs × stride], weights times 2^22. */
  readonly weights: Int32Array;
  readonly stride: number;
}

const precisionBits = 22;
const half = 1 << (precisionBits - 1);

function computeTaps(input: number, output: number, filter: Exclude<Filter, 'nearest'>): Taps {
  const { support, weight } = kernels[filter];
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const stride = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(output);
  const lengths = new Int32Array(output);
  const weights = new Int32Array(output * stride);
  const exact = new Float64Array(stride);
  const inverse = 1 / stretch;
  for (let i = 0; i < output; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(Math.trunc(center - reach + 0.5), 0);
    const length = Math.min(Math.trunc(center + reach + 0.5), input) - start;
    let sum = 0;
    for (let j = 0; j < length; j++) {
      exact[j] = weight((j + start - center + 0.5) * inverse);
      sum += exact[j]!;
    }
    for (let j = 0; j < length; j++) {
      const share = sum === 0 ? exact[j]! : exact[j]! / sum;
      weights[i * stride + j] = Math.trunc(share * 2 ** precisionBits + (share < 0 ? -0.5 : 0.5));
    }
    starts[i] = start;
    lengths[i] = length;
  }
  return { starts, lengths, weights, stride };
}

/** A data set has few sizes: the weights of the last ones are kept. */
const cache = new Map<string, Taps>();
const cacheEntries = 64;

function tapsFor(input: number, output: number, filter: Exclude<Filter, 'nearest'>): Taps {
  const key = `${filter} ${input} ${output}`;
  const known = cache.get(key);
  if (known) return known;
  const taps = computeTaps(input, output, filter);
  if (cache.size >= cacheEntries) cache.delete(cache.keys().next().value!);
  cache.set(key, taps);
  return taps;
}

/** An RGB image in another size. */
export function resize(image: Raster, size: Size, filter: Filter): Raster {
  return { ...size, data: resizeBytes(image.data, image, 3, size, filter) };
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
  const vertical = to.height === from.height ? undefined : tapsFor(from.height, to.height, filter);
  const horizontal = to.width === from.width ? undefined : tapsFor(from.width, to.width, filter);
  const narrow = horizontal ? resampleRows(data, from, channels, to.width, horizontal) : data;
  if (!vertical) return narrow;
  return resampleColumns(narrow, to.width * channels, to.height, vertical);
}

/** The horizontal pass. */
function resampleRows(
  data: Uint8Array,
  { height, width }: Size,
  channels: number,
  outputWidth: number,
  taps: Taps,
): Uint8Array {
  const result = new Uint8ClampedArray(height * outputWidth * channels);
  if (channels === 3) resampleRowsRgb(data, height, width, outputWidth, taps, result);
  else {
    const { starts, lengths, weights, stride } = taps;
    for (let y = 0, o = 0; y < height; y++) {
      for (let x = 0; x < outputWidth; x++) {
        const first = (y * width + starts[x]!) * channels;
        for (let c = 0; c < channels; c++) {
          let sum = half;
          for (let j = 0; j < lengths[x]!; j++) {
            sum = (sum + Math.imul(weights[x * stride + j]!, data[first + j * channels + c]!)) | 0;
          }
          result[o++] = sum >> precisionBits;
        }
      }
    }
  }
  return new Uint8Array(result.buffer);
}

function resampleRowsRgb(
  data: Uint8Array,
  height: number,
  width: number,
  outputWidth: number,
  { starts, lengths, weights, stride }: Taps,
  result: Uint8ClampedArray,
): void {
  let o = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width * 3;
    for (let x = 0; x < outputWidth; x++) {
      let p = row + starts[x]! * 3;
      let k = x * stride;
      const end = k + lengths[x]!;
      let red = half;
      let green = half;
      let blue = half;
      for (; k < end; k++) {
        const weight = weights[k]!;
        red = (red + Math.imul(weight, data[p]!)) | 0;
        green = (green + Math.imul(weight, data[p + 1]!)) | 0;
        blue = (blue + Math.imul(weight, data[p + 2]!)) | 0;
        p += 3;
      }
      result[o] = red >> precisionBits;
      result[o + 1] = green >> precisionBits;
      result[o + 2] = blue >> precisionBits;
      o += 3;
    }
  }
}

/**
 * The vertical pass. A row of weights is the same for a whole line, so the source lines are added up four at
 * a time with their weights in registers.
 */
function resampleColumns(data: Uint8Array, line: number, outputHeight: number, taps: Taps): Uint8Array {
  const { starts, lengths, weights, stride } = taps;
  const result = new Uint8ClampedArray(outputHeight * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < outputHeight; y++) {
    sums.fill(half);
    const length = lengths[y]!;
    for (let j = 0; j < length; j += 4) {
      const at = y * stride + j;
      const from = (starts[y]! + j) * line;
      const count = Math.min(4, length - j);
      if (count === 4) addFour(data, from, line, weights, at, sums);
      else for (let i = 0; i < count; i++) addOne(data, from + i * line, weights[at + i]!, sums);
    }
    const to = y * line;
    for (let x = 0; x < line; x++) result[to + x] = sums[x]! >> precisionBits;
  }
  return new Uint8Array(result.buffer);
}

function addFour(
  data: Uint8Array,
  from: number,
  line: number,
  weights: Int32Array,
  at: number,
  sums: Int32Array,
): void {
  const w0 = weights[at]!;
  const w1 = weights[at + 1]!;
  const w2 = weights[at + 2]!;
  const w3 = weights[at + 3]!;
  for (let x = 0, p = from; x < line; x++, p++) {
    const a = (Math.imul(w0, data[p]!) + Math.imul(w1, data[p + line]!)) | 0;
    const b = (Math.imul(w2, data[p + 2 * line]!) + Math.imul(w3, data[p + 3 * line]!)) | 0;
    sums[x] = (sums[x]! + ((a + b) | 0)) | 0;
  }
}

function addOne(data: Uint8Array, from: number, weight: number, sums: Int32Array): void {
  for (let x = 0, p = from; x < sums.length; x++, p++) {
    sums[x] = (sums[x]! + Math.imul(weight, data[p]!)) | 0;
  }
}
