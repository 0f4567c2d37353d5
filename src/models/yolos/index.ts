/** The YOLOS family. */
import { detectionProcessor } from '../detection-processor.ts';
import type { Family } from '../types.ts';
import { YolosForObjectDetection } from './model.ts';

export const yolos: Family = {
  modelType: 'yolos',
  architectures: { detection: 'YolosForObjectDetection' },
  baseModelPrefix: 'vit.',
  build: (config, task) => new YolosForObjectDetection(config, task),
  withDropout: (config, rate) => ({ ...config, hidden_dropout_prob: rate }),
  defaultProcessor: () => detectionProcessor('YolosImageProcessor'),
};
