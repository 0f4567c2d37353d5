/** The VitPose family. */
import { tf } from '../../engine/index.ts';
import type { Family, HfConfig } from '../types.ts';
import { resizePositions } from '../vit/index.ts';
import { readVitPoseConfig } from './config.ts';
import { VitPoseForPoseEstimation } from './model.ts';

const withBackbone = (config: HfConfig, fields: Readonly<Record<string, unknown>>): HfConfig => ({
  ...config,
  backbone_config: { ...(config.backbone_config as object), ...fields },
});

export const vitpose: Family = {
  modelType: 'vitpose',
  architectures: { keypoint_detection: 'VitPoseForPoseEstimation' },
  baseModelPrefix: 'backbone.',
  build: (config, task) => new VitPoseForPoseEstimation(config, task),
  withDropout: (config, rate) => withBackbone(config, { hidden_dropout_prob: rate }),
  withImageSize: (config, { height, width }) => withBackbone(config, { image_size: [height, width] }),
  defaultProcessor(config) {
    const [height, width] = readVitPoseConfig(config).backbone.image_size;
    return {
      image_processor_type: 'VitPoseImageProcessor',
      do_affine_transform: true,
      size: { height, width },
      normalize_factor: 200,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
    };
  },
  adaptTensor(name, from, checkpoint, model) {
    if (name !== 'backbone.embeddings.position_embeddings') return undefined;
    const [before, after] = [readVitPoseConfig(checkpoint).grid, readVitPoseConfig(model).grid];
    if (from.join() !== [1, before[0] * before[1] + 1, from[2]].join()) return undefined;
    return async (values) => {
      const resized = tf.tidy(() => resizePositions(tf.tensor(values, [...from]), 1, before, after));
      const numbers = Float32Array.from(await resized.data());
      resized.dispose();
      return numbers;
    };
  },
};
