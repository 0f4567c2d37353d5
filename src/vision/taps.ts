/**
 * Pillow's filters as tables: which source positions an output position adds up, and with which weights.
 *
 * When shrinking, the filter is stretched by the scale (antialiasing); at the border it is cut and
 * renormalised. Weights are computed in double precision and become integers of 22 bits.
 */

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
export interface Taps {
  /** Source positions in all. */
  readonly input: number;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** [outputs × stride], weights times 2^22. */
  readonly weights: Int32Array;
  readonly stride: number;
  /** What the kernels made of them, by the bytes from one source position to the next. */
  readonly packed: Map<number, Int32Array>;
}

/** Bits of a weight behind the point. */
export const precisionBits = 22;

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
  return { input, starts, lengths, weights, stride, packed: new Map() };
}

/** A data set has few sizes: the weights of the last ones are kept. */
const cache = new Map<string, Taps>();
const cacheEntries = 64;

export function tapsFor(input: number, output: number, filter: Exclude<Filter, 'nearest'>): Taps {
  const key = `${filter} ${input} ${output}`;
  const known = cache.get(key);
  if (known) return known;
  const taps = computeTaps(input, output, filter);
  if (cache.size >= cacheEntries) cache.delete(cache.keys().next().value!);
  cache.set(key, taps);
  return taps;
}
