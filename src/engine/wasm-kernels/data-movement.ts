/**
 * Moving elements on WebAssembly, in JavaScript on views of the heap: TensorFlow.js' own kernels for these
 * go through nested arrays or call out per element (slice: 5 ms for 120,000 numbers; here below 1 ms), and
 * `UnsortedSegmentSum`, which the gradient of `gather` needs, it does not have.
 */

import { type HostArray, type HostOutput, registerHostKernel } from '../kernels.ts';
import * as tf from '../tf.ts';

type Dtype = HostOutput['dtype'];

/** Copies a box out of a row-major array; steps may be negative. */
function copyBox(
  from: HostArray,
  shape: readonly number[],
  to: HostArray,
  begin: readonly number[],
  step: readonly number[],
  size: readonly number[],
): void {
  const strides = tf.util.computeStrides([...shape]);
  const rank = shape.length;
  if (rank === 0) {
    to[0] = from[0]!;
    return;
  }
  // Trailing axes that are taken whole make one run of neighbours.
  let inner = rank - 1;
  let run = step[inner] === 1 ? size[inner]! : 1;
  while (inner > 0 && step[inner] === 1 && run === tailSize(shape, inner) && step[inner - 1] === 1) {
    inner--;
    run *= size[inner]!;
  }
  const unit = step[inner] === 1;
  let target = 0;
  const visit = (axis: number, offset: number): void => {
    const stride = axis === rank - 1 ? 1 : strides[axis]!;
    const start = offset + begin[axis]! * stride;
    if (axis < inner) {
      for (let i = 0; i < size[axis]!; i++) visit(axis + 1, start + i * step[axis]! * stride);
    } else if (unit) {
      if (run > 32) to.set(from.subarray(start, start + run) as never, target);
      else for (let i = 0; i < run; i++) to[target + i] = from[start + i]!;
      target += run;
    } else {
      for (let i = 0; i < size[axis]!; i++) to[target++] = from[start + i * step[axis]! * stride]!;
    }
  };
  visit(0, 0);
}

const tailSize = (shape: readonly number[], axis: number): number =>
  shape.slice(axis).reduce((product, dimension) => product * dimension, 1);

function registerSlices(): void {
  registerHostKernel<'x', { begin: number | number[]; size: number | number[] }>(
    'Slice',
    {
      outputs({ x }, { begin, size }) {
        const [, sizes] = tf.slice_util.parseSliceParams(asTensor(x), begin, size);
        return [{ shape: sizes!, dtype: x.dtype as Dtype }];
      },
      run({ x }, [out], { begin, size }) {
        const [begins, sizes] = tf.slice_util.parseSliceParams(asTensor(x), begin, size);
        if (out!.length > 0)
          copyBox(
            x.values,
            x.shape,
            out!,
            begins!,
            begins!.map(() => 1),
            sizes!,
          );
      },
    },
    ['wasm'],
  );
  interface StridedSliceAttrs {
    readonly begin: number[];
    readonly end: number[];
    readonly strides: number[];
    readonly beginMask: number;
    readonly endMask: number;
    readonly ellipsisMask: number;
    readonly newAxisMask: number;
    readonly shrinkAxisMask: number;
  }
  const resolve = (shape: readonly number[], attrs: StridedSliceAttrs) =>
    tf.slice_util.sliceInfo(
      [...shape],
      attrs.begin,
      attrs.end,
      attrs.strides,
      attrs.beginMask,
      attrs.endMask,
      attrs.ellipsisMask,
      attrs.newAxisMask,
      attrs.shrinkAxisMask,
    );
  registerHostKernel<'x', StridedSliceAttrs>(
    'StridedSlice',
    {
      outputs: ({ x }, attrs) => [{ shape: resolve(x.shape, attrs).finalShape, dtype: x.dtype as Dtype }],
      run({ x }, [out], attrs) {
        if (out!.length === 0) return;
        const { begin, end, strides } = resolve(x.shape, attrs);
        const size = tf.slice_util.computeOutShape(begin, end, strides);
        copyBox(x.values, x.shape, out!, begin, strides, size);
      },
    },
    ['wasm'],
  );
}

/** `parseSliceParams` reads nothing but the shape and the rank. */
const asTensor = (x: { readonly shape: readonly number[] }): tf.Tensor =>
  ({ shape: x.shape, rank: x.shape.length }) as unknown as tf.Tensor;

function registerReverse(): void {
  registerHostKernel<'x', { dims: number | number[] }>(
    'Reverse',
    {
      outputs: ({ x }) => [{ shape: x.shape, dtype: x.dtype as Dtype }],
      run({ x }, [out], { dims }) {
        const axes = tf.util.parseAxisParam(dims, [...x.shape]);
        const begin = x.shape.map((size, axis) => (axes.includes(axis) ? size - 1 : 0));
        const step = x.shape.map((_, axis) => (axes.includes(axis) ? -1 : 1));
        if (out!.length > 0) copyBox(x.values, x.shape, out!, begin, step, x.shape);
      },
    },
    ['wasm'],
  );
}

function registerGather(): void {
  registerHostKernel<'x' | 'indices', { axis: number; batchDims: number }>(
    'GatherV2',
    {
      outputs({ x, indices }, { axis, batchDims }) {
        const info = gatherInfo(x.shape, indices.shape, axis, batchDims);
        return [{ shape: info.outputShape, dtype: x.dtype as Dtype }];
      },
      run({ x, indices }, [out], { axis, batchDims }) {
        const info = gatherInfo(x.shape, indices.shape, axis, batchDims);
        const perBatch = indices.values.length / info.batchSize;
        let target = 0;
        for (let batch = 0; batch < info.batchSize; batch++) {
          for (let outer = 0; outer < info.outerSize; outer++) {
            const base = (batch * info.outerSize + outer) * info.dimSize;
            for (let i = 0; i < perBatch; i++) {
              const index = indices.values[batch * perBatch + i]!;
              if (index < 0 || index >= info.dimSize)
                throw new Error(`gather: index ${index} is out of bounds for an axis of ${info.dimSize}`);
              const source = (base + index) * info.sliceSize;
              for (let j = 0; j < info.sliceSize; j++) out![target++] = x.values[source + j]!;
            }
          }
        }
      },
    },
    ['wasm'],
  );
}

function gatherInfo(
  shape: readonly number[],
  indices: readonly number[],
  axis: number,
  batchDims: number,
): { batchSize: number; outerSize: number; dimSize: number; sliceSize: number; outputShape: number[] } {
  const [along] = tf.util.parseAxisParam(axis, [...shape]) as [number];
  const size = (part: readonly number[]): number => tf.util.sizeFromShape([...part]);
  return {
    batchSize: size(shape.slice(0, batchDims)),
    outerSize: size(shape.slice(batchDims, along)),
    dimSize: shape[along]!,
    sliceSize: size(shape.slice(along + 1)),
    outputShape: [...shape.slice(0, along), ...indices.slice(batchDims), ...shape.slice(along + 1)],
  };
}

function registerSelect(): void {
  registerHostKernel<'condition' | 't' | 'e', object>(
    'Select',
    {
      outputs: ({ t }) => [{ shape: t.shape, dtype: t.dtype as Dtype }],
      run({ condition, t, e }, [out]) {
        const chosen = condition.values;
        // A condition of rank 1 chooses whole rows.
        const row = out!.length / chosen.length;
        for (let i = 0; i < chosen.length; i++) {
          const source = chosen[i] ? t.values : e.values;
          for (let j = i * row; j < (i + 1) * row; j++) out![j] = source[j]!;
        }
      },
    },
    ['wasm'],
  );
}

function registerUnsortedSegmentSum(): void {
  registerHostKernel<'x' | 'segmentIds', { numSegments: number }>(
    'UnsortedSegmentSum',
    {
      outputs: ({ x, segmentIds }, { numSegments }) => [
        {
          shape: [numSegments, ...x.shape.slice(segmentIds.shape.length)],
          dtype: x.dtype as Dtype,
        },
      ],
      run({ x, segmentIds }, [out], { numSegments }) {
        out!.fill(0);
        const rows = segmentIds.values.length;
        const width = rows === 0 ? 0 : x.values.length / rows;
        for (let row = 0; row < rows; row++) {
          const segment = segmentIds.values[row]!;
          if (segment < 0 || segment >= numSegments) continue;
          for (let j = 0; j < width; j++) out![segment * width + j]! += x.values[row * width + j]!;
        }
      },
    },
    ['wasm'],
  );
}

export function registerDataMovement(): void {
  registerSlices();
  registerReverse();
  registerGather();
  registerSelect();
  registerUnsortedSegmentSum();
}
