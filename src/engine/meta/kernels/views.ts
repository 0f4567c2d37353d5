/** Kernels that move elements or see them in another shape, and those that make tensors from attributes. */
import * as tf from '../../tf.ts';
import { onlyInput, registerShapes, sizeOf } from '../shapes.ts';

type Range = number | number[];

registerShapes(tf.Identity, ({ x }) => ({ shape: x!.shape, dtype: x!.dtype, of: x! }));

registerShapes(tf.Reshape, ({ x }, { shape }) => {
  const size = sizeOf(x!.shape);
  const resolved = tf.util.inferFromImplicitShape(shape as number[], size);
  if (sizeOf(resolved) !== size) throw new Error(`[${x!.shape}] can't be reshaped to [${resolved}]`);
  return { shape: resolved, dtype: x!.dtype, of: x! };
});

registerShapes(tf.ExpandDims, ({ input }, { dim }) => {
  const axis = (dim as number) < 0 ? input!.shape.length + (dim as number) + 1 : (dim as number);
  return { shape: input!.shape.toSpliced(axis, 0, 1), dtype: input!.dtype, of: input! };
});

registerShapes(tf.Transpose, ({ x }, { perm }) => ({
  shape: (perm as number[]).map((axis) => x!.shape[axis]!),
  dtype: x!.dtype,
}));

registerShapes(tf.Slice, ({ x }, { begin, size }) => {
  const [from, lengths] = tf.slice_util.parseSliceParams(
    x as unknown as tf.Tensor,
    begin as Range,
    size as Range,
  );
  tf.slice_util.assertParamsValid(x as unknown as tf.Tensor, from!, lengths!);
  return { shape: lengths!, dtype: x!.dtype };
});

registerShapes(tf.StridedSlice, ({ x }, attrs) => {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } =
    attrs as unknown as tf.StridedSliceAttrs;
  const { finalShape } = tf.slice_util.sliceInfo(
    x!.shape,
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  return { shape: finalShape, dtype: x!.dtype };
});

registerShapes(tf.Concat, (inputs, { axis }) => {
  const tensors = Object.values(inputs);
  const [first] = tensors;
  const [dimension] = tf.util.parseAxisParam(axis as number, first!.shape);
  return {
    shape: tf.backend_util.computeOutShape(
      tensors.map(({ shape }) => shape),
      dimension!,
    ),
    dtype: first!.dtype,
  };
});

registerShapes(tf.Pack, (inputs, { axis }) => {
  const tensors = Object.values(inputs);
  const { shape, dtype } = tensors[0]!;
  const at = (axis as number) < 0 ? shape.length + (axis as number) + 1 : (axis as number);
  return { shape: shape.toSpliced(at, 0, tensors.length), dtype };
});

registerShapes(tf.Unpack, ({ value }, { axis }) => {
  const { shape, dtype } = value!;
  const at = (axis as number) < 0 ? shape.length + (axis as number) : (axis as number);
  const rest = shape.toSpliced(at, 1);
  return Array.from({ length: shape[at]! }, () => ({ shape: rest, dtype }));
});

registerShapes(tf.SplitV, ({ x }, { numOrSizeSplits, axis }) => {
  const [at] = tf.util.parseAxisParam(axis as number, x!.shape);
  const lengths = tf.backend_util.prepareSplitSize(
    x as unknown as tf.Tensor,
    numOrSizeSplits as number | number[],
    at,
  );
  return lengths.map((length) => ({ shape: x!.shape.with(at!, length), dtype: x!.dtype }));
});

const padded = (shape: readonly number[], paddings: unknown): number[] =>
  (paddings as [number, number][]).map(([before, after], i) => before + shape[i]! + after);

registerShapes([tf.PadV2, tf.MirrorPad], ({ x }, { paddings }) => ({
  shape: padded(x!.shape, paddings),
  dtype: x!.dtype,
}));

registerShapes(tf.Tile, ({ x }, { reps }) => ({
  shape: x!.shape.map((length, i) => length * (reps as number[])[i]!),
  dtype: x!.dtype,
}));

registerShapes(tf.BroadcastTo, ({ x }, { shape }) => ({ shape: shape as number[], dtype: x!.dtype }));

registerShapes(tf.SpaceToBatchND, ({ x }, { blockShape, paddings }) => {
  const blocks = blockShape as number[];
  const inner = padded(x!.shape.slice(1, 1 + blocks.length), paddings);
  return {
    shape: [
      x!.shape[0]! * sizeOf(blocks),
      ...inner.map((length, i) => length / blocks[i]!),
      ...x!.shape.slice(1 + blocks.length),
    ],
    dtype: x!.dtype,
  };
});

registerShapes(tf.BatchToSpaceND, ({ x }, { blockShape, crops }) => {
  const blocks = blockShape as number[];
  const spread = x!.shape.slice(1, 1 + blocks.length).map((length, i) => length * blocks[i]!);
  const cropped = (crops as [number, number][]).map(([before, after], i) => spread[i]! - before - after);
  return {
    shape: [x!.shape[0]! / sizeOf(blocks), ...cropped, ...x!.shape.slice(1 + blocks.length)],
    dtype: x!.dtype,
  };
});

registerShapes(tf.DepthToSpace, ({ x }, { blockSize, dataFormat }) => {
  const block = blockSize as number;
  const [n, ...rest] = x!.shape as [number, number, number, number];
  const [height, width, channels] =
    dataFormat === 'NHWC' ? (rest as [number, number, number]) : ([rest[1], rest[2], rest[0]] as const);
  const [tall, wide, deep] = [height! * block, width! * block, channels! / (block * block)];
  return { shape: dataFormat === 'NHWC' ? [n, tall, wide, deep] : [n, deep, tall, wide], dtype: x!.dtype };
});

registerShapes(tf.Fill, (_, { shape, dtype, value }) => ({
  shape: shape as number[],
  dtype: (dtype as tf.DataType | undefined) ?? tf.util.inferDtype(value as number),
}));

registerShapes(tf.Range, (_, attrs) => {
  const { start, stop, step, dtype } = attrs as { start: number; stop: number; step: number; dtype: 'int32' };
  const empty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  return { shape: [empty ? 0 : Math.abs(Math.ceil((stop - start) / step))], dtype };
});

registerShapes(tf.LinSpace, (_, { num }) => ({ shape: [num as number], dtype: 'float32' }));

registerShapes(tf.OneHot, ({ indices }, { depth, dtype }) => ({
  shape: [...indices!.shape, depth as number],
  dtype: dtype as tf.DataType,
}));

registerShapes(tf.GatherV2, ({ x, indices }, { axis, batchDims }) => {
  const [at] = tf.util.parseAxisParam(axis as number, x!.shape);
  const batch = (batchDims as number | undefined) ?? 0;
  return {
    shape: [...x!.shape.slice(0, at), ...indices!.shape.slice(batch), ...x!.shape.slice(at! + 1)],
    dtype: x!.dtype,
  };
});

registerShapes(tf.GatherNd, ({ params, indices }) => ({
  shape: [...indices!.shape.slice(0, -1), ...params!.shape.slice(indices!.shape.at(-1)!)],
  dtype: params!.dtype,
}));

registerShapes(tf.ScatterNd, ({ updates }, { shape }) => ({
  shape: shape as number[],
  dtype: updates!.dtype,
}));

registerShapes(tf.TensorScatterUpdate, ({ tensor }) => ({ shape: tensor!.shape, dtype: tensor!.dtype }));

registerShapes(tf.UnsortedSegmentSum, ({ x, segmentIds }, { numSegments }) => ({
  shape: [numSegments as number, ...x!.shape.slice(segmentIds!.shape.length)],
  dtype: x!.dtype,
}));

registerShapes(tf.FlipLeftRight, (inputs) => {
  const { shape, dtype } = onlyInput(inputs);
  return { shape, dtype };
});
