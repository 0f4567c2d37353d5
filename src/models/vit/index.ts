/** The ViT family. */
import { tf } from '../../engine/index.ts';
import type { Family } from '../types.ts';
import { readViTConfig } from './config.ts';
import { ViTForImageClassification } from './model.ts';
import { gridOf, resizePositions } from './patches.ts';

export { encoderFields } from './config.ts';
export { ViTEncoder } from './encoder.ts';
export { ViTAttention, ViTLayer } from './layer.ts';
export { type Grid, gridOf, PatchEmbeddings, resizePositions } from './patches.ts';

export const vit: Family = {
  modelType: 'vit',
  architectures: { classification: 'ViTForImageClassification' },
  baseModelPrefix: 'vit.',
  build: (config, task) => new ViTForImageClassification(config, task),
  withDropout: (config, rate) => ({ ...config, hidden_dropout_prob: rate }),
  defaultProcessor(config) {
    const [height, width] = readViTConfig(config).image_size;
    return {
      image_processor_type: 'ViTImageProcessor',
      do_resize: true,
      size: { height, width },
      resample: 2,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    };
  },
  withImageSize: (config, { height, width }) => ({
    ...config,
    image_size: height === width ? height : [height, width],
  }),
  adaptTensor(name, from, checkpoint, model) {
    if (name !== 'vit.embeddings.position_embeddings') return undefined;
    const [before, after] = [checkpoint, model].map((config) => {
      const fields = readViTConfig(config);
      return gridOf(fields.image_size, fields.patch_size);
    });
    if (from.join() !== [1, before![0] * before![1] + 1, from[2]].join()) return undefined;
    return async (values) => {
      const resized = tf.tidy(() => resizePositions(tf.tensor(values, [...from]), 1, before!, after!));
      const numbers = Float32Array.from(await resized.data());
      resized.dispose();
      return numbers;
    };
  },
};
