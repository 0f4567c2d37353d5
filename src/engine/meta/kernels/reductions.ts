/** Kernels that combine elements along axes. */
import * as tf from '../../tf.ts';
import { type Attrs, axesOf, onlyInput, registerShapes } from '../shapes.ts';

function reduced(shape: readonly number[], { axis, keepDims }: Attrs): number[] {
  const axes = new Set(axesOf(axis, shape.length));
  return keepDims
    ? shape.map((length, i) => (axes.has(i) ? 1 : length))
    : shape.filter((_, i) => !axes.has(i));
}

/** TensorFlow.js calls the axes of Max `reductionIndices`, and those of Min `axis`. */
registerShapes([tf.Max, tf.Min], (inputs, { axis, reductionIndices, keepDims }) => {
  const { shape, dtype } = onlyInput(inputs);
  return { shape: reduced(shape, { axis: reductionIndices ?? axis, keepDims }), dtype };
});

/** Truth values are counted. */
registerShapes([tf.Sum, tf.Prod], (inputs, attrs) => {
  const { shape, dtype } = onlyInput(inputs);
  return { shape: reduced(shape, attrs), dtype: dtype === 'bool' ? 'int32' : dtype };
});

registerShapes(tf.Mean, (inputs, attrs) => ({
  shape: reduced(onlyInput(inputs).shape, attrs),
  dtype: 'float32',
}));

registerShapes([tf.All, tf.Any], (inputs, attrs) => ({
  shape: reduced(onlyInput(inputs).shape, attrs),
  dtype: 'bool',
}));

registerShapes([tf.ArgMax, tf.ArgMin], (inputs, attrs) => ({
  shape: reduced(onlyInput(inputs).shape, { axis: attrs.axis ?? 0 }),
  dtype: 'int32',
}));

registerShapes(tf.TopK, ({ x }, { k }) => {
  const shape = [...x!.shape.slice(0, -1), k as number];
  return [
    { shape, dtype: x!.dtype },
    { shape, dtype: 'int32' },
  ];
});
