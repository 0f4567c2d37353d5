/** The networks of the `step` cases on TensorFlow.js alone. */
import * as tf from '@tensorflow/tfjs-core';
import { cnnBlocks, type NetworkName, smallShape } from '../networks/ocelli.ts';
import { plainDetr } from './detr.ts';
import {
  attention,
  batchNorm,
  convolution,
  dense,
  gelu,
  type Layer,
  layerNorm,
  type PlainLoss,
  type PlainTargets,
  type Weights,
} from './layers.ts';
import { resnet50 } from './resnet.ts';

export const plainNetworks: Readonly<Record<NetworkName, (weights: Weights) => PlainLoss>> = {
  small: plainSmall,
  vit: plainVit,
  cnn: plainCnn,
  resnet50: plainResnet50,
  detr: plainDetr,
};

/** Mean cross entropy; `labels` one-hot [batch, classes]. */
function crossEntropy(logits: tf.Tensor, { labels }: PlainTargets): tf.Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), labels!), -1)));
}

function plainSmall(weights: Weights): PlainLoss {
  const embed = dense(weights, 'embed');
  const layers = Array.from({ length: smallShape.layers }, (_, i) => dense(weights, `layers.${i}`));
  const head = dense(weights, 'classifier');
  return (images, targets) => {
    let x = embed(tf.reshape(images, [images.shape[0], smallShape.inputs]));
    for (const layer of layers) x = gelu(layer(x));
    return crossEntropy(head(x), targets);
  };
}

function plainCnn(weights: Weights): PlainLoss {
  const blocks = cnnBlocks.map(([, stride], i): Layer => {
    const convolve = convolution(weights, `blocks.${i}.convolution`, stride);
    const normalize = batchNorm(weights, `blocks.${i}.normalization`);
    return (x) => tf.relu(normalize(convolve(x)));
  });
  const head = dense(weights, 'classifier');
  return (images, targets) => {
    let x: tf.Tensor = images;
    for (const block of blocks) x = block(x);
    return crossEntropy(head(tf.mean(x, [1, 2])), targets);
  };
}

function plainVit(weights: Weights): PlainLoss {
  const [depth, heads] = [4, 4];
  const filter = weights.kernel('vit.embeddings.patch_embeddings.projection.weight');
  const bias = weights.vector('vit.embeddings.patch_embeddings.projection.bias');
  const classToken = weights.vector('vit.embeddings.cls_token');
  const positions = weights.vector('vit.embeddings.position_embeddings');
  const [patch, , , width] = filter.shape as [number, number, number, number];
  const blocks = Array.from({ length: depth }, (_, i): Layer => {
    const name = `vit.encoder.layer.${i}`;
    const before = layerNorm(weights, `${name}.layernorm_before`);
    const attend = attention(
      weights,
      {
        query: `${name}.attention.attention.query`,
        key: `${name}.attention.attention.key`,
        value: `${name}.attention.attention.value`,
        output: `${name}.attention.output.dense`,
      },
      heads,
    );
    const between = layerNorm(weights, `${name}.layernorm_after`);
    const [up, down] = [dense(weights, `${name}.intermediate.dense`), dense(weights, `${name}.output.dense`)];
    return (x) => {
      const normed = before(x);
      const mixed = tf.add(x, attend(normed, normed, normed));
      return tf.add(mixed, down(gelu(up(between(mixed)))));
    };
  });
  const last = layerNorm(weights, 'vit.layernorm');
  const head = dense(weights, 'classifier');
  return (images, targets) => {
    const patches = tf.conv2d(images, filter as tf.Tensor as tf.Tensor4D, patch, 'valid');
    const [batch, rows, columns] = patches.shape;
    const embedded = tf.add(tf.reshape(patches, [batch, rows * columns, width]), bias);
    let x: tf.Tensor = tf.add(tf.concat([tf.tile(classToken, [batch, 1, 1]), embedded], 1), positions);
    for (const block of blocks) x = block(x);
    const first = tf.reshape(tf.slice(last(x), [0, 0, 0], [batch, 1, width]), [batch, width]);
    return crossEntropy(head(first), targets);
  };
}

function plainResnet50(weights: Weights): PlainLoss {
  const features = resnet50(weights, 'resnet', batchNorm);
  const head = dense(weights, 'classifier.1');
  return (images, targets) => crossEntropy(head(tf.mean(features(images), [1, 2])), targets);
}
