/** The DETR family. */
import type { Family } from '../types.ts';
import { DetrForObjectDetection } from './model.ts';

export const detr: Family = {
  modelType: 'detr',
  architectures: { detection: 'DetrForObjectDetection' },
  baseModelPrefix: 'model.',
  build: (config, task) => new DetrForObjectDetection(config, task),
  withDropout: (config, rate) => ({ ...config, dropout: rate }),
  // The backbone's weights are in the file: nothing is to be fetched for it.
  savedConfig: (config) => ({ ...config, use_pretrained_backbone: false }),
  defaultProcessor: () => ({
    image_processor_type: 'DetrImageProcessor',
    format: 'coco_detection',
    do_resize: true,
    size: { shortest_edge: 800, longest_edge: 1333 },
    resample: 2,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
    do_pad: true,
  }),
};
