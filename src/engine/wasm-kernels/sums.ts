/**
 * Sums and means on WebAssembly, accumulated in double precision and rounded once. TensorFlow.js' kernels add
 * float32 one after the other: over the thousands of pixels of a batch norm the variance is then off by a few
 * 1e-6, which is enough to turn the sign of an activation beside zero, and it turned one in a reference run.
 * JavaScript has doubles; it takes between a quarter (leading axes) and twice (the last axis) of the time.
 */
import { type HostArray, registerHostKernel } from '../kernels.ts';
import * as tf from '../tf.ts';

interface ReduceAttrs {
  readonly axis: number | readonly number[];
  readonly keepDims?: boolean;
}

export function registerSums(): void {
  register('Sum', () => 1);
  register('Mean', (count) => 1 / count);
}

function register(name: 'Sum' | 'Mean', scale: (count: number) => number): void {
  registerHostKernel<'x', ReduceAttrs>(
    name,
    {
      outputs({ x }, { axis, keepDims = false }) {
        const axes = reducedAxes(axis, x.shape);
        const kept = x.shape.map((size, i) => (axes.has(i) ? 1 : size));
        const shape = keepDims ? kept : x.shape.filter((_, i) => !axes.has(i));
        return [{ shape, dtype: name === 'Sum' && x.dtype !== 'float32' ? 'int32' : 'float32' }];
      },
      run({ x }, [result], { axis }) {
        const axes = reducedAxes(axis, x.shape);
        const sums = new Float64Array(result!.length);
        addUp(x.values, x.shape, axes, sums);
        const factor = scale(x.values.length / Math.max(1, sums.length));
        for (let i = 0; i < sums.length; i++) result![i] = sums[i]! * factor;
      },
    },
    ['wasm'],
  );
}

function reducedAxes(axis: number | readonly number[], shape: readonly number[]): ReadonlySet<number> {
  return new Set(tf.util.parseAxisParam(axis as number | number[], [...shape]));
}

/** Adjacent axes of one kind are walked as one, so that nearly all sums are one of the first two cases. */
function addUp(
  values: HostArray,
  shape: readonly number[],
  axes: ReadonlySet<number>,
  sums: Float64Array,
): void {
  const groups: { size: number; reduced: boolean }[] = [];
  shape.forEach((size, i) => {
    const reduced = axes.has(i);
    const last = groups.at(-1);
    if (last?.reduced === reduced) last.size *= size;
    else groups.push({ size, reduced });
  });
  const inner = groups.pop();
  if (!inner) {
    sums[0] = values[0]!;
    return;
  }
  const outer = groups.reduce((product, { size }) => product * size, 1);
  for (let row = 0; row < outer; row++) {
    const target = outputRow(row, groups);
    const begin = row * inner.size;
    if (inner.reduced) sums[target]! += sumOf(values, begin, inner.size);
    else {
      const base = target * inner.size;
      for (let i = 0; i < inner.size; i++) sums[base + i]! += values[begin + i]!;
    }
  }
}

/** The position among the kept axes of the outer groups. */
function outputRow(row: number, groups: readonly { size: number; reduced: boolean }[]): number {
  let rest = row;
  let target = 0;
  let stride = 1;
  for (let i = groups.length - 1; i >= 0; i--) {
    const { size, reduced } = groups[i]!;
    const index = rest % size;
    rest = (rest - index) / size;
    if (reduced) continue;
    target += index * stride;
    stride *= size;
  }
  return target;
}

/** Four partial sums, so that additions need not wait for each other. */
function sumOf(values: HostArray, begin: number, length: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const end = begin + length;
  let i = begin;
  for (; i + 3 < end; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (; i < end; i++) a += values[i]!;
  return a + b + (c + d);
}
