/**
 * The small networks of the `step` cases on jax-js. The large ones are left out: compiling a ResNet-50 with its
 * gradients takes jax-js many minutes.
 */
import { numpy as np } from '@jax-js/jax';
import { cnnBlocks, type NetworkName, smallShape } from '../networks/ocelli.ts';
import {
  batchNorm,
  convolution,
  crossEntropy,
  dense,
  gelu,
  type JaxArray,
  type JaxTree,
  layerNorm,
  selfAttention,
} from './layers.ts';

/** The loss and the new running statistics. Takes over everything that it is given. */
export type JaxLoss = (
  p: JaxTree,
  statistics: JaxTree,
  images: JaxArray,
  labels: JaxArray,
) => [loss: JaxArray, statistics: JaxTree];

export const jaxNetworks: Readonly<Partial<Record<NetworkName, JaxLoss>>> = {
  small(p, _statistics, images, labels) {
    const batch = images.shape[0]!;
    const numbers = np.transpose(images, [0, 2, 3, 1]).reshape([batch, smallShape.inputs]);
    let x = dense(p, 'embed', numbers);
    for (let i = 0; i < smallShape.layers; i++) x = gelu(dense(p, `layers.${i}`, x));
    return [crossEntropy(dense(p, 'classifier', x), labels), {}];
  },

  cnn(p, statistics, images, labels) {
    const moved: JaxTree = {};
    let x = images;
    cnnBlocks.forEach(([, stride], i) => {
      x = convolution(p, `blocks.${i}.convolution`, x, stride);
      x = np.maximum(batchNorm(p, statistics, moved, `blocks.${i}.normalization`, x), 0);
    });
    return [crossEntropy(dense(p, 'classifier', np.mean(x, [2, 3])), labels), moved];
  },

  vit(p, _statistics, images, labels) {
    const [depth, heads] = [4, 4];
    const batch = images.shape[0]!;
    const projection = 'vit.embeddings.patch_embeddings.projection';
    const filter = p[`${projection}.weight`]!;
    const [width, channels, patch] = filter.shape as [number, number, number, number];
    const side = images.shape[2]! / patch;
    // A convolution whose stride is its filter: patches side by side, and one product.
    const patches = np
      .transpose(images.reshape([batch, channels, side, patch, side, patch]), [0, 2, 4, 1, 3, 5])
      .reshape([batch, side * side, channels * patch * patch]);
    const matrix = np.transpose(filter.reshape([width, channels * patch * patch]), [1, 0]);
    const embedded = np.matmul(patches, matrix).add(p[`${projection}.bias`]!);
    const first = np.broadcastTo(p['vit.embeddings.cls_token']!, [batch, 1, width]);
    let x = np.concatenate([first, embedded], 1).add(p['vit.embeddings.position_embeddings']!);
    for (let i = 0; i < depth; i++) {
      const name = `vit.encoder.layer.${i}`;
      const names = [
        `${name}.attention.attention.query`,
        `${name}.attention.attention.key`,
        `${name}.attention.attention.value`,
        `${name}.attention.output.dense`,
      ] as const;
      const mixed = selfAttention(p, names, layerNorm(p, `${name}.layernorm_before`, x.ref), heads).add(x);
      const inner = gelu(
        dense(p, `${name}.intermediate.dense`, layerNorm(p, `${name}.layernorm_after`, mixed.ref)),
      );
      x = dense(p, `${name}.output.dense`, inner).add(mixed);
    }
    const token = layerNorm(p, 'vit.layernorm', x).slice([], 0);
    return [crossEntropy(dense(p, 'classifier', token), labels), {}];
  },
};
