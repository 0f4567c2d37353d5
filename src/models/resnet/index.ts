/** The ResNet family; its layers are DETR's backbone too. */
import type { Family } from '../types.ts';
import { ResNetForImageClassification } from './model.ts';

export { type ResNetConfig, readResNetConfig } from './config.ts';
export { type MakeNorm, type Norm, ResNetEmbeddings, ResNetEncoder } from './layers.ts';

export const resnet: Family = {
  modelType: 'resnet',
  architectures: { classification: 'ResNetForImageClassification' },
  baseModelPrefix: 'resnet.',
  build: (config, task) => new ResNetForImageClassification(config, task),
  defaultProcessor: () => ({
    image_processor_type: 'ConvNextImageProcessor',
    do_resize: true,
    size: { shortest_edge: 224 },
    crop_pct: 0.875,
    resample: 3,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
  }),
};
