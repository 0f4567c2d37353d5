/**
 * The weights with which torch.nn.functional.interpolate mixes pixels, per axis, as a dense matrix
 * [output, input] on the host. Two-dimensional interpolation is the product of two such matrices.
 *
 * Positions: with half-pixel centres source = (i + ½)·in/out − ½; with `alignCorners` source = i·(in−1)/(out−1).
 * Bilinear clamps the position at 0, bicubic (a = −0.75) clamps the indices. With antialias the filter is
 * widened by in/out when shrinking, and its weights are normalised (a = −0.5 then, as Pillow). Torch computes
 * positions in float32, which decides where `nearest` falls, hence the rounding here.
 */
export type InterpolateMode = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'area';

export interface AxisOptions {
  readonly alignCorners: boolean;
  readonly antialias: boolean;
}

const f32 = Math.fround;

/** Row-major [output, input]. */
export function axisWeights(
  mode: InterpolateMode,
  input: number,
  output: number,
  { alignCorners, antialias }: AxisOptions,
): Float32Array {
  switch (mode) {
    case 'nearest':
    case 'nearest-exact':
      return nearestWeights(input, output, mode === 'nearest-exact');
    case 'area':
      return areaWeights(input, output);
    default:
      if (antialias) return antialiasWeights(mode, input, output, alignCorners);
      return mode === 'bilinear'
        ? bilinearWeights(input, output, alignCorners)
        : bicubicWeights(input, output, alignCorners);
  }
}

/** The source pixel of each output pixel. */
export function nearestIndices(input: number, output: number, exact: boolean): Int32Array {
  const scale = f32(input / output);
  return Int32Array.from({ length: output }, (_, i) => {
    const position = exact ? f32(f32(i + 0.5) * scale) : f32(i * scale);
    return Math.min(Math.floor(position), input - 1);
  });
}

function nearestWeights(input: number, output: number, exact: boolean): Float32Array {
  const weights = new Float32Array(output * input);
  nearestIndices(input, output, exact).forEach((source, i) => {
    weights[i * input + source] = 1;
  });
  return weights;
}

/** Means over [floor(i·in/out), ceil((i+1)·in/out)): adaptive average pooling. */
export function areaWeights(input: number, output: number): Float32Array {
  const weights = new Float32Array(output * input);
  for (let i = 0; i < output; i++) {
    const begin = Math.floor((i * input) / output);
    const end = Math.ceil(((i + 1) * input) / output);
    weights.fill(1 / (end - begin), i * input + begin, i * input + end);
  }
  return weights;
}

function sourcePosition(i: number, input: number, output: number, alignCorners: boolean): number {
  if (alignCorners) return output > 1 ? f32(i * f32((input - 1) / (output - 1))) : 0;
  return f32(f32((i + 0.5) * f32(input / output)) - 0.5);
}

function bilinearWeights(input: number, output: number, alignCorners: boolean): Float32Array {
  const weights = new Float32Array(output * input);
  for (let i = 0; i < output; i++) {
    const position = Math.max(sourcePosition(i, input, output, alignCorners), 0);
    const below = Math.min(Math.floor(position), input - 1);
    const above = Math.min(below + 1, input - 1);
    const share = position - below;
    weights[i * input + below]! += 1 - share;
    weights[i * input + above]! += share;
  }
  return weights;
}

function bicubicWeights(input: number, output: number, alignCorners: boolean): Float32Array {
  const weights = new Float32Array(output * input);
  for (let i = 0; i < output; i++) {
    const position = sourcePosition(i, input, output, alignCorners);
    const below = Math.floor(position);
    for (let tap = -1; tap <= 2; tap++) {
      const source = Math.min(Math.max(below + tap, 0), input - 1);
      weights[i * input + source]! += cubic(position - (below + tap), -0.75);
    }
  }
  return weights;
}

/** Keys' cubic convolution kernel with parameter a. */
function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

function antialiasWeights(
  mode: 'bilinear' | 'bicubic',
  input: number,
  output: number,
  alignCorners: boolean,
): Float32Array {
  const weights = new Float32Array(output * input);
  const scale = alignCorners ? (output > 1 ? (input - 1) / (output - 1) : 0) : input / output;
  const stretch = Math.max(scale, 1);
  const support = (mode === 'bilinear' ? 1 : 2) * stretch;
  const filter =
    mode === 'bilinear' ? (x: number) => Math.max(1 - Math.abs(x), 0) : (x: number) => cubic(x, -0.5);
  for (let i = 0; i < output; i++) {
    const centre = scale * (i + 0.5);
    const begin = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), input);
    let total = 0;
    for (let j = begin; j < end; j++) total += filter((j - centre + 0.5) / stretch);
    for (let j = begin; j < end; j++)
      weights[i * input + j] = filter((j - centre + 0.5) / stretch) / (total || 1);
  }
  return weights;
}
