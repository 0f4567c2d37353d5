/** The YOLOS family. */
import type { Family } from '../types.ts';
import { YolosForObjectDetection } from './model.ts';

export const yolos: Family = {
  modelType: 'yolos',
  architectures: { detection: 'YolosForObjectDetection' },
  baseModelPrefix: 'vit.',
  build: (config, task) => new YolosForObjectDetection(config, task),
  withDropout: (config, rate) => ({ ...config, hidden_dropout_prob: rate }),
  defaultProcessor: () => ({
    image_processor_type: 'YolosImageProcessor',
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
