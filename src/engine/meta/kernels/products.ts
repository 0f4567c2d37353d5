/** Matrix products, convolutions and their gradients, pooling, resizing: kernels with windows and contractions. */
import * as tf from '../../tf.ts';
import { type Attrs, type Inputs, type OutputSpec, registerShapes } from '../shapes.ts';

type Four = [number, number, number, number];

function matMul({ a, b }: Inputs, { transposeA, transposeB }: Attrs): OutputSpec {
  const rows = a!.shape.at(transposeA ? -1 : -2)!;
  const columns = b!.shape.at(transposeB ? -2 : -1)!;
  const [left, right] = [a!.shape.at(transposeA ? -2 : -1), b!.shape.at(transposeB ? -1 : -2)];
  if (left !== right) {
    throw new Error(`[${a!.shape}] and [${b!.shape}] can't be multiplied: ${left} columns and ${right} rows`);
  }
  const batch = tf.backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  return { shape: [...batch, rows, columns], dtype: tf.upcastType(a!.dtype, b!.dtype) };
}

registerShapes(['BatchMatMul', '_FusedMatMul'], matMul);

registerShapes(tf.Einsum, (inputs, { equation }) => {
  const tensors = Object.values(inputs);
  const [left, right] = (equation as string).replaceAll(' ', '').split('->') as [string, string];
  const lengths = new Map<string, number>();
  left.split(',').forEach((labels, i) => {
    for (const [axis, label] of [...labels].entries()) lengths.set(label, tensors[i]!.shape[axis]!);
  });
  return { shape: [...right].map((label) => lengths.get(label)!), dtype: tensors[0]!.dtype };
});

/** Strides, padding and dilation give the output's size; `depthwise` multiplies channels. */
function convolution(depthwise: boolean) {
  return ({ x, filter }: Inputs, attrs: Attrs): OutputSpec => {
    const { strides, pad, dataFormat, dilations, dimRoundingMode } = attrs as unknown as tf.Conv2DAttrs;
    const info = tf.backend_util.computeConv2DInfo(
      x!.shape as Four,
      filter!.shape as Four,
      strides,
      dilations ?? 1,
      pad,
      dimRoundingMode,
      depthwise,
      tf.backend_util.convertConv2DDataFormat(dataFormat ?? 'NHWC'),
    );
    return { shape: info.outShape, dtype: x!.dtype };
  };
}

registerShapes(['Conv2D', 'FusedConv2D'], convolution(false));
registerShapes(['DepthwiseConv2dNative', 'FusedDepthwiseConv2D'], convolution(true));

registerShapes(['Conv2DBackpropInput', 'DepthwiseConv2dNativeBackpropInput'], ({ dy }, { inputShape }) => ({
  shape: inputShape as number[],
  dtype: dy!.dtype,
}));

registerShapes(['Conv2DBackpropFilter', 'DepthwiseConv2dNativeBackpropFilter'], ({ x }, { filterShape }) => ({
  shape: filterShape as number[],
  dtype: x!.dtype,
}));

registerShapes([tf.MaxPool, tf.AvgPool], ({ x }, attrs) => {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as tf.MaxPoolAttrs;
  const info = tf.backend_util.computePool2DInfo(
    x!.shape as Four,
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return { shape: info.outShape, dtype: x!.dtype };
});

registerShapes([tf.MaxPoolGrad, tf.AvgPoolGrad], ({ input }) => ({
  shape: input!.shape,
  dtype: input!.dtype,
}));

registerShapes(tf.FusedBatchNorm, ({ x }) => ({ shape: x!.shape, dtype: x!.dtype }));
registerShapes(tf.LRNGrad, ({ x }) => ({ shape: x!.shape, dtype: x!.dtype }));

registerShapes([tf.ResizeBilinear, tf.ResizeNearestNeighbor], ({ images }, { size }) => {
  const [batch, , , channels] = images!.shape as Four;
  return {
    shape: [batch, ...(size as [number, number]), channels],
    dtype: images!.dtype === 'bool' ? 'int32' : 'float32',
  };
});

registerShapes([tf.ResizeBilinearGrad, tf.ResizeNearestNeighborGrad], ({ images }) => ({
  shape: images!.shape,
  dtype: 'float32',
}));

registerShapes(tf.CropAndResize, ({ image, boxes }, { cropSize }) => ({
  shape: [boxes!.shape[0]!, ...(cropSize as [number, number]), image!.shape[3]!],
  dtype: 'float32',
}));
