/** ResNet-50 without its head on TensorFlow.js alone. */
import * as tf from '@tensorflow/tfjs-core';
import { convolution, type Layer, type Weights } from './layers.ts';

/** Stem and stages below `name`; `norm` is the batch norm in use. */
export function resnet50(
  weights: Weights,
  name: string,
  norm: (weights: Weights, name: string) => Layer,
): Layer {
  const unit = (below: string, stride = 1): Layer => {
    const convolve = convolution(weights, `${below}.convolution`, stride);
    const normalize = norm(weights, `${below}.normalization`);
    return (x) => normalize(convolve(x));
  };
  const stem = unit(`${name}.embedder.embedder`, 2);
  const blocks: Layer[] = [];
  [3, 4, 6, 3].forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      const block = `${name}.encoder.stages.${stage}.layers.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const shortcut: Layer = i === 0 ? unit(`${block}.shortcut`, stride) : (x) => x;
      const reduce = unit(`${block}.layer.0`);
      const convolve = unit(`${block}.layer.1`, stride);
      const expand = unit(`${block}.layer.2`);
      blocks.push((x) => tf.relu(tf.add(expand(tf.relu(convolve(tf.relu(reduce(x))))), shortcut(x))));
    }
  });
  return (x) => {
    let y: tf.Tensor = tf.maxPool(tf.relu(stem(x)) as tf.Tensor4D, 3, 2, 1);
    for (const block of blocks) y = block(y);
    return y;
  };
}
